"""Reports leave the program: one on standard output, the others into files, each whole or not at all."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

from msgspec.structs import replace

from auditor.cli.forge import job
from auditor.cli.options import Environment, split_format
from auditor.cli.pipes import pour
from auditor.cli.streams import print_out, tell
from auditor.errors import AuditorError, UsageError
from auditor.limits import DEFAULT
from auditor.model.report import Report
from auditor.report.render import FORMATS, RenderOptions, render
from auditor.stopwatch import Stopwatch

_WIDTH: Final = 120
"""Columns of what is no terminal."""
_SHARE_STDOUT: Final = frozenset({"table", "github"})
"""Formats that may follow each other on standard output: a table never holds a line that starts a workflow command."""


def destinations(options: argparse.Namespace, environment: Environment) -> tuple[tuple[str, Path | None], ...]:
    """The formats asked for, with their files (None: standard output). Checked before any work is done."""
    wanted = [split_format(text) for text in options.format]
    for name, _ in wanted:
        if name not in FORMATS:
            raise UsageError(f"unknown format {name!r}", help=f"one of {', '.join(FORMATS)}")
    if all(file for _, file in wanted) and not options.quiet:
        wanted.append(("table", None))
        if environment.in_github_actions and ("github", None) not in wanted:
            wanted.append(("github", None))
    on_stdout = [name for name, file in wanted if file is None]
    if len(on_stdout) > 1 and not set(on_stdout) <= _SHARE_STDOUT:
        raise UsageError(
            f"{' and '.join(on_stdout)} cannot both go to standard output", help="write one into a file: -f json=FILE"
        )
    files = [file for _, file in wanted if file]
    if len(set(files)) < len(files):
        raise UsageError("two formats into one file", help="give each format a file of its own")
    return tuple((name, Path(file) if file else None) for name, file in wanted)


def deliver(
    report: Report,
    wanted: tuple[tuple[str, Path | None], ...],
    options: argparse.Namespace,
    environment: Environment,
    watch: Stopwatch,
) -> None:
    """Render and write every format. Files come first, each replaced in one step: a reader never sees half a report."""
    watch.progress.close()
    with watch.lap("reports"):
        _write(report, wanted, options, environment)
    if getattr(options, "timings", False):
        tell_timings(watch)
        for what, version in report.run.renderers.items():
            if version is not None:
                tell(f"rendered by {what} {version}")


def tell_timings(watch: Stopwatch) -> None:
    """What took how long, on standard error."""
    for stage, seconds in {**watch.laps, "together": watch.seconds}.items():
        tell(f"{seconds:8.3f} s  {stage}", event="timing", phase=stage, seconds=round(seconds, 3))


def _write(
    report: Report, wanted: tuple[tuple[str, Path | None], ...], options: argparse.Namespace, environment: Environment
) -> None:
    from auditor.publish.ci.detect import blob_url

    look = replace(
        rendering(options),
        blob_url=blob_url(environment.variables, report.run.head),
        key=job(environment) or report.run.command,
        category=job(environment) or report.run.command,
    )
    for name, file in wanted:
        if file is not None:
            write_whole(file, render(report, name, look))
    on_screen = replace(look, color=use_color(options.color, environment, sys.stdout))
    print_out("".join(render(report, name, on_screen) for name, file in wanted if file is None))


def rendering(options: argparse.Namespace) -> RenderOptions:
    """How a report looks where this process writes it."""
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
    return RenderOptions(width=width, verbose=options.verbose)


def use_color(choice: str, environment: Environment, stream: TextIO) -> bool:
    """`--color`, then `NO_COLOR`, then `FORCE_COLOR` and `CLICOLOR_FORCE`, then a dumb terminal, then a terminal at all."""
    variables = environment.variables
    if choice != "auto":
        return choice == "always"
    if variables.get("NO_COLOR"):
        return False
    if any(variables.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return variables.get("TERM") != "dumb" and stream.isatty()


def write_whole(file: Path, text: str) -> None:
    """Write a text file, as `write_pieces`."""
    write_pieces(file, (text,))


def write_pieces(file: Path, pieces: Iterable[str]) -> None:
    """Write a text file by a temporary one beside it. Raises UsageError where the folder cannot be written.

    A device or a pipe (`/dev/null`, `/dev/stderr`, `>(…)`) is written to as it is: a file must never take its place.
    """
    try:
        if file.is_fifo():
            pour(file, pieces, DEFAULT.pipe_seconds)
            return
        if file.exists() and not file.is_file():
            with file.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(pieces)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.writelines(pieces)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except AuditorError:  # a temporary file of the report, which says so itself
        raise
    except OSError as error:
        raise unwritten(file, error, "choose a file in a folder you may write") from error


def unwritten(place: Path, error: OSError, advice: str) -> UsageError:
    """A report that could not be written; the one before, where there was one, is as it was."""
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return UsageError(
        f"cannot write {place}: {error.strerror}", help="make room there, or choose another disk" if is_full else advice
    )
