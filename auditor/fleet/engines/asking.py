"""The process that `apart.py` starts: reads settings and a job that grows from standard input, writes what comes of it to standard output.

`python -m auditor.fleet.engines.asking`. What it logs and what it waits for is told over the same pipe. Signals of a terminal or a
service manager are for the process that started it, which ends this one when it is done with it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final

from msgspec.structs import replace

from auditor import processors
from auditor.fleet import wire
from auditor.fleet.engines.frames import Kind, frame, frames
from auditor.fleet.feed import Feed
from auditor.fleet.settings import Settings
from auditor.fleet.work import Job, perform
from auditor.fleet.work import Kind as WorkKind
from auditor.fleet.workshop import Workshop
from auditor.judge.ask import Ask


class Line:
    """The pipe to whoever has started this process. Thread-safe. A `Progress` that tells there, and no phases."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._resolved = 0
        self._answered = 0

    def send(self, kind: Kind, content: bytes = b"") -> None:
        """Write a piece at once, and before it how far the questions are. Raises OSError where nobody reads any more."""
        with self._lock:
            if self._resolved or self._answered:
                told = json.dumps([self._resolved, self._answered]).encode()
                self._resolved = self._answered = 0
                self._out.write(frame(Kind.PROGRESS, told))
            self._out.write(frame(kind, content))
            self._out.flush()

    def begin(self, phase: str) -> None:
        """Phases are the other side's."""

    def end(self, phase: str, seconds: float) -> None:
        """As `begin`."""

    def expect(self, images: int) -> None:
        """The other side knows how many there are."""

    def resolved(self) -> None:
        """Counted, and told with the next outcome."""
        with self._lock:
            self._resolved += 1

    def answered(self) -> None:
        """As `resolved`."""
        with self._lock:
            self._answered += 1

    def waiting(self, host: str, seconds: float) -> None:
        """Told at once."""
        self.send(Kind.WAITING, json.dumps([host, seconds]).encode())

    def close(self) -> None:
        """Nothing to do."""


class _Records(logging.Handler):
    """What is logged goes over the pipe, tracebacks included."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        told = [record.levelno, record.name, self.format(record)]
        self._line.send(Kind.LOG, json.dumps(told).encode())


_GARBAGE: Final = 300_000
"""As of the program itself (`cli/main.py`): what answers are made of holds no circles, and is freed as they are told."""


def main() -> None:
    """Do one job."""
    gc.set_threshold(_GARBAGE)
    processors.keep_to(processors.current())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    line = Line(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # nothing else may write where outcomes go
    logging.getLogger().addHandler(_Records(line))
    line.send(Kind.READY)
    pieces = frames(sys.stdin.buffer)
    given = dict(islice(pieces, 2))
    if Kind.JOB not in given:  # it was not needed
        return
    settings: Settings = wire.read(given[Kind.SETTINGS], Settings)
    job = Job("", WorkKind.ASK, given[Kind.JOB], more=Feed())
    threading.Thread(target=_fed, args=(pieces, job.more), daemon=True).start()
    # What renders manifests is no use here, and need not be looked for.
    with Workshop(replace(settings, render="never", fetch_charts=False), os.environ, line) as workshop:
        for outcome in perform(job, workshop):
            line.send(Kind.OUTCOME, outcome)
    line.send(Kind.DONE)  # who reads this ends this process: what is kept is on the disk by now


def _fed(pieces: Iterator[tuple[Kind, bytes]], more: Feed) -> None:
    """Take what is added until the pipe ends."""
    try:
        for _, content in pieces:
            more.put(wire.read(content, tuple[Ask, ...]))
    finally:
        more.close()


if __name__ == "__main__":
    main()
