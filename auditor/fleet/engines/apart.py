"""Many questions are asked in a process of its own: this one's interpreter is then free to judge what is answered meanwhile.

What is asked is the same, and so is what comes of it: the job goes there as JSON, its outcomes come back as JSON (`asking.py` is what
runs there). There is one at a time, so that the pace of each host is kept by one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from auditor.fleet import wire
from auditor.fleet.engines.engine import Outcome
from auditor.fleet.engines.frames import Kind, frame, frames
from auditor.fleet.settings import Settings
from auditor.fleet.work import Job, Lost
from auditor.progress import Progress

_COMMAND: Final = ("-P", "-m", "auditor.fleet.engines.asking")
"""`-P`: the folder in which an audit is run is nowhere that programs are loaded from."""


def is_worthwhile() -> bool:
    """Whether another process would run beside this one."""
    return len(os.sched_getaffinity(0)) > 1


class Apart:
    """Starts the process that asks, and ends it. Thread-safe. A context manager."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], progress: Progress) -> None:
        self._settings = settings
        self._environ = dict(environ)
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._ended = False

    def prepare(self) -> None:
        """Start what will be needed: that takes as long as some hundred requests."""
        with self._lock:
            if self._process is None and not self._ended:
                with contextlib.suppress(OSError):
                    self._process = subprocess.Popen(
                        [sys.executable, *_COMMAND],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env=self._environ,
                    )

    def perform(self, job: Job) -> Iterator[Outcome]:
        """What comes of a job, as it comes. Nothing at all where no process can be started; `Lost` where it ended too early."""
        with self._turn:
            self.prepare()
            process = self._process
            if process is None:
                return
            try:
                yield from self._outcomes(process, job)
            finally:
                self._end()

    def _outcomes(self, process: subprocess.Popen[bytes], job: Job) -> Iterator[Outcome]:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = frames(process.stdout)
        if next(answers, None) is None:
            return
        self._progress.expect(job.size)
        with contextlib.suppress(OSError), process.stdin as pipe:
            pipe.write(frame(Kind.SETTINGS, wire.write(self._settings)) + frame(Kind.JOB, job.content))
        for kind, content in answers:
            match kind:
                case Kind.OUTCOME:
                    yield content
                case Kind.DONE:
                    return
                case _:
                    self._tell(kind, content)
        yield Lost("the process that asks the registries has ended too early")

    def _tell(self, kind: Kind, content: bytes) -> None:
        """Pass on what is no outcome."""
        told = json.loads(content)
        if kind is Kind.PROGRESS:
            for _ in range(told[0]):
                self._progress.resolved()
            for _ in range(told[1]):
                self._progress.answered()
        elif kind is Kind.WAITING:
            self._progress.waiting(*told)
        elif kind is Kind.LOG:
            logging.getLogger(told[1]).log(told[0], "%s", told[2])

    def stop(self) -> None:
        """End what is asked, and begin nothing more."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()  # who reads from it sees the end, and clears away

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        with self._turn:
            self._end()
