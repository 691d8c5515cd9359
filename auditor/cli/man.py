"""The manual page, written from the parser: `auditor --man | man -l -`. man(7) macros."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator
from typing import Final

from auditor.cli.parsing import Parser, has_twin, twin
from auditor.model.report import Exit
from auditor.version import __version__

_STATUS: Final = {
    Exit.CLEAN: "clean",
    Exit.FINDINGS: "a finding at or above --fail-on (default: error)",
    Exit.USAGE: "usage or configuration: every problem at once, with lines",
    Exit.INCOMPLETE: "incomplete: something that gates could not be judged, and nothing failed",
    Exit.INTERNAL: "internal error, with a log to paste",
    Exit.INTERRUPTED: "interrupted",
}
_FILES: Final = {
    "auditor.yaml, .auditor.yaml, .github/auditor.yaml": "the rules, at the top of the repository; in a change base's count",
    "$XDG_CACHE_HOME/auditor": "what registries answered, by digest; 'auditor cache' tells and clears it",
    "~/.docker/config.json": "credentials of registries, as docker and podman keep them",
}


def man(top: Parser) -> str:
    """The whole page."""
    return "\n".join(_page(top)) + "\n"


def _page(top: Parser) -> Iterator[str]:
    yield f'.TH AUDITOR 1 "" "auditor {__version__}" "User Commands"'
    yield ".SH NAME"
    yield r"auditor \- find container images that nobody trusted has signed, before they are deployed"
    yield ".SH SYNOPSIS"
    yield r".B auditor"
    yield r".I COMMAND"
    yield "[options]"
    yield ".SH DESCRIPTION"
    yield _text(top.description or "")
    yield ".PP"
    yield _text("The report goes to standard output, everything else to standard error. Options have long names.")
    yield ".SH COMMANDS"
    for name, command in top.commands().items():
        yield from _command(f"auditor {name}", command)
    yield ".SH EXIT STATUS"
    for status, meaning in _STATUS.items():
        yield from _term(rf"\fB{int(status)}\fR", meaning)
    yield ".SH ENVIRONMENT"
    yield _text("Each option has a twin: AUDITOR_ and its name, such as AUDITOR_FAIL_ON=warning. NO_COLOR is obeyed.")
    yield ".SH FILES"
    for file, meaning in _FILES.items():
        yield from _term(rf"\fI{_text(file)}\fR", meaning)
    yield ".SH SEE ALSO"
    yield r".BR cosign (1),"
    yield r".BR git (1),"
    yield r".BR kustomize (1)"


def _command(name: str, command: Parser) -> Iterator[str]:
    yield f'.SS "{_text(name)}"'
    yield _text(command.description or "")
    inner = command.commands()
    for action in command._actions:  # noqa: SLF001 - argparse has no public name for it
        if action.dest != "help" and not (inner and not action.option_strings):
            yield from _term(_usage(action), _help(action))
    for below, its in inner.items():
        yield from _command(f"{name} {below}", its)


def _usage(action: argparse.Action) -> str:
    value = rf"\fI{_text(_value(action))}\fR"
    if not action.option_strings:
        return value
    names = ", ".join(rf"\fB{_text(name)}\fR" for name in action.option_strings)
    return names if action.nargs == 0 else f"{names} {value}"


def _value(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _help(action: argparse.Action) -> str:
    own = f" ({twin(action)})" if action.option_strings and has_twin(action) else ""
    return f"{action.help or ''}{own}"


def _term(term: str, meaning: str) -> Iterator[str]:
    yield ".TP"
    yield term
    yield _text(meaning)


_CONTROL: Final = re.compile(r"^([.'])", re.MULTILINE)
_COLUMNS: Final = 78


def _text(text: str) -> str:
    r"""Text as roff takes it: backslashes and hyphens mean themselves, and no line is a request.

    >>> _text("--base REV\\x")
    '\\-\\-base REV\\ex'
    """
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return _CONTROL.sub(r"\\&\1", textwrap.fill(" ".join(escaped.split()), _COLUMNS, break_on_hyphens=False))
