"""The command line: which command, and what its outcome is as an exit status."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Final, NoReturn

from auditor.cli.options import Environment
from auditor.cli.parsing import Parser, Printed
from auditor.errors import AuditorError, ConfigurationError
from auditor.model.report import Exit
from auditor.version import __version__

_COMMANDS: Final = (
    "images",
    "check",
    "audit",
    "merge",
    "verify",
    "init",
    "pin",
    "waive",
    "baseline",
    "policy",
    "report",
    "publish",
    "history",
    "cache",
    "explain",
    "schema",
    "doctor",
)
"""Each is a module beside this one, by the command's name, whose `add` puts it on the command line."""
_FORMAT: Final = "--log-format"
_SENTENCE: Final = 2000
"""Code points of one message: a mistake in a file may quote a line without end."""
_GARBAGE: Final = 300_000
"""Objects made, and not freed, before the collector looks for circles among them. Python's own figure is 700."""


def parser(only: str | None = None) -> Parser:
    """The whole command line, which is also the source of the generated reference; or that of one command, which is made sooner."""
    top = Parser(
        prog="auditor",
        description="Would merging this deploy a container image that nobody we trust has signed?",
        epilog="Exit status: 0 clean, 1 findings, 2 usage or configuration, 3 incomplete, 4 internal error, 130 interrupted.",
    )
    top.add_argument("--version", action="version", version=f"auditor {__version__}")
    top.add_argument(
        "--completion",
        action=Printed,
        choices=("bash", "zsh", "fish"),
        help="print completion for this shell, and exit",
        text=_completion,
    )
    top.add_argument("--man", action=Printed, nargs=0, help="print the manual page, and exit", text=_manual)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name in (only,) if only in _COMMANDS else _COMMANDS:
        import_module(f"auditor.cli.{name}").add(commands)
    return top


def _completion(shell: str, top: Parser) -> str:
    from auditor.cli.completion import SHELLS

    return SHELLS[shell](top)


def _manual(_nothing: str, top: Parser) -> str:
    from auditor.cli.man import man

    return man(top)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> Exit:
    """Run one command. Every failure is told on standard error with a next step."""
    commands = parser(argv[0] if argv else None)
    with _telling(argv, environ):
        commands.read_twins(environ)
        options = commands.parse_args(argv)
    return _executed(options, environ)


def wants_json(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether messages are wanted as JSON lines. Reads the arguments as they are, for mistakes that are told before they are parsed.

    The environment variable counts only for commands that have the option.
    """
    chosen = environ.get("AUDITOR_LOG_FORMAT", "") if {"audit", "merge"} & set(argv[:1]) else ""
    for each, following in pairwise((*argv, "")):
        if each == "--":
            break
        name, equals, value = each.partition("=")
        if name == _FORMAT:
            chosen = value if equals else following
    return chosen == "json"


def _telling(argv: Sequence[str], environ: Mapping[str, str]) -> AbstractContextManager[None]:
    """How mistakes in the arguments are told. Only JSON lines need something set up, and loaded, for that."""
    if not wants_json(argv, environ):
        return nullcontext()
    from auditor.cli.streams import telling

    return telling(as_json=True)


def _executed(options: argparse.Namespace, environ: Mapping[str, str]) -> Exit:
    from auditor.cli.progress import watching
    from auditor.cli.streams import logging_to_stderr, telling

    as_json = getattr(options, "log_format", "text") == "json"
    with telling(as_json=as_json), logging_to_stderr(shown=getattr(options, "verbose", False)):
        try:
            with watching(options, environ) as progress:
                status: Exit = options.execute(options, Environment(environ, progress))
        except ConfigurationError as error:
            for problem in error.problems:
                _say(str(problem), problem.help)
            return Exit.USAGE
        except AuditorError as error:
            _say(error.message, error.help)
            return Exit.USAGE
    return status


def _say(message: str, help_line: str) -> None:
    from auditor.cli.streams import tell_error
    from auditor.report.escape import cut

    tell_error(cut(message, _SENTENCE), cut(help_line, _SENTENCE))


def run() -> NoReturn:
    """Entry point of the `auditor` program."""
    # What a start makes lives as long as the run: looking through it for garbage, time and again, costs a fifteenth of a start.
    gc.set_threshold(_GARBAGE)
    _open_streams()
    try:
        status = main(sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        _interrupted()
    except Exception:  # noqa: BLE001 - the last net: an internal error must be exit 4, with a log to paste
        from auditor.cli.crash import write_crash_log

        _last_words(write_crash_log(sys.argv[1:]), "crash")
        status = Exit.INTERNAL
    sys.exit(int(status))


def _open_streams() -> None:
    """A stream that whoever started us has closed is None: nothing is read, and nothing is said, but the status counts."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still gets its report


def _interrupted() -> NoReturn:
    """End now. Threads that wait for a registry or a credential helper would keep an orderly exit waiting for them."""
    _last_words("interrupted: the run is not complete\n", "interrupted")
    sys.stderr.flush()
    os._exit(int(Exit.INTERRUPTED))


def _last_words(text: str, event: str) -> None:
    """The last message of a run that was interrupted or has crashed: plain text, or one JSON line."""
    from auditor.cli.streams import tell, telling

    if not wants_json(sys.argv[1:], os.environ):
        sys.stderr.write(text)
        return
    with telling(as_json=True):
        tell(text.strip(), "critical", event=event)
