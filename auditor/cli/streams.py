"""Standard output and standard error: how everything leaves the program that goes into no file."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from auditor.errors import UsageError
from auditor.report.escape import json_line, terminal_line, terminal_text


def print_out(text: str) -> None:
    """Write to standard output, all of it or as much as its reader wants. Raises UsageError where it cannot be written."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`auditor images | head`): no error of ours, and it changes nothing in what was found.
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        raise UsageError(
            f"cannot write to standard output: {error.strerror}", help="write the report into a file: -f json=FILE"
        ) from error


def _discard(stream: TextIO) -> None:
    """What is still buffered would fail again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_AS_JSON: Final = threading.Event()
"""Set while standard error takes JSON lines: every thread tells in the same form."""


@contextmanager
def telling(*, as_json: bool) -> Iterator[None]:
    """While this runs, each line on standard error is one JSON object, where that is wanted."""
    if as_json:
        _AS_JSON.set()
    try:
        yield
    finally:
        _AS_JSON.clear()


def tells_json() -> bool:
    """Whether standard error takes JSON lines now."""
    return _AS_JSON.is_set()


def tell(message: str, level: str = "info", *, help: str = "", **more: Any) -> None:  # noqa: A002 - the field's name
    """One line to standard error, a second one for the next step; `more` is for those who read it as JSON.

    A log that takes nothing any more is no reason to lose what it is about.
    """
    if _AS_JSON.is_set():
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = {"time": time, "level": level, "message": message, **({"help": help} if help else {}), **more}
        text = json_line(told) + "\n"
    else:
        lines = (message, *([f"  help: {help}"] if help else []))
        text = "".join(f"{terminal_line(terminal_text(line))}\n" for line in lines)
    try:
        sys.stderr.write(text)
    except OSError:
        _discard(sys.stderr)


def tell_error(message: str, help: str = "") -> None:  # noqa: A002 - as above
    """What ends the run with exit status 2. For people it begins with `error: `, of a JSON line the level says so."""
    tell(message if tells_json() else f"error: {message}", "error", help=help, event="error")


class _Lines(logging.Handler):
    """Writes records, tracebacks included, line by line; without `shown` it swallows them.

    Without any handler Python would print warnings and tracebacks as they are, foreign strings and all.
    """

    def __init__(self, *, shown: bool) -> None:
        super().__init__()
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        if self._shown:
            level, text = record.levelname.lower(), self.format(record)
            if tells_json():
                tell(text, level, event="log", logger=record.name)
                return
            for line in text.splitlines():
                tell(line, level)


@contextmanager
def logging_to_stderr(*, shown: bool) -> Iterator[None]:
    """While this runs, records of every library go to standard error (`shown`) or nowhere."""
    handler = _Lines(shown=shown)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
