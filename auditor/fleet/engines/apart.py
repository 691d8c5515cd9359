"""Many questions are asked in a process of its own: this one's interpreter is then free to judge what is answered meanwhile.

What is asked is the same, and so is what comes of it: the job goes there as JSON, its outcomes come back as JSON (`asking.py` is what
runs there). There is one at a time, so that the pace of each host is kept by one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import threading
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from auditor.fleet import wire
from auditor.fleet.engines.child import Child
from auditor.fleet.engines.engine import Outcome
from auditor.fleet.engines.frames import Kind, frame, frames
from auditor.fleet.settings import Settings
from auditor.fleet.work import Answered, Asking, Job, Lost, ask_outcome
from auditor.model.audit import Failure
from auditor.progress import Progress

_TRIES: Final = 3
"""Processes that are asked one after the other: one may be killed by chance, one question may kill each that asks it."""
_ANSWERED_LATE: Final = 8
"""Answers that may not have been told yet when a process ends, beside as many as it asks at once."""
_LOOK: Final = 0.2
"""Seconds after which whoever adds questions looks whether the process is still there."""


class Apart:
    """Has its questions asked by a process of its own, the `child`, and ends it. Thread-safe. A context manager."""

    def __init__(self, settings: Settings, child: Child, progress: Progress) -> None:
        self._settings = settings
        self._child = child
        self._progress = progress
        self._turn = threading.Lock()

    def perform(self, job: Job) -> Iterator[Outcome]:
        """What comes of a job, as it comes. Nothing at all where no process can be started.

        Where the process ends too early, another is asked what has no answer yet; what in the end has none is `Lost`.
        """
        with self._turn:
            came: list[bytes] = []
            left = job
            for _ in range(_TRIES):
                done = yield from self._tried(left, came)
                more = (
                    _unanswered(left, came, self._settings.jobs) if done is False and not self._child.is_over else None
                )
                if more is None:
                    return
                left = more
            yield Lost(f"the process that asks the registries has ended too early, {_TRIES} times")

    def _tried(self, job: Job, came: list[bytes]) -> Generator[bytes, None, bool | None]:
        """Yield what one process answers, and add it to `came`. Returns whether the job is done; None: no process was started."""
        process = self._child.started()
        if process is None:
            return None
        gone = threading.Event()
        feeder = threading.Thread(target=self._hand_in, args=(process, job, gone), daemon=True)
        try:
            assert process.stdout is not None
            answers = frames(process.stdout)
            if next(answers, None) is None:
                return None
            if not came and job.more is None:
                self._progress.expect(job.size)
            feeder.start()
            for kind, content in answers:
                if kind is Kind.OUTCOME:
                    came.append(content)
                    yield content
                elif kind is not Kind.DONE:
                    self._tell(kind, content)
                else:
                    return True
            return False
        finally:
            gone.set()
            process.kill()
            if feeder.ident is not None:
                feeder.join()
            self._child.clear()

    def _hand_in(self, process: subprocess.Popen[bytes], job: Job, gone: threading.Event) -> None:
        """Write the job to the process, and what is added to the job, until it is complete or the process is `gone`."""
        assert process.stdin is not None
        with contextlib.suppress(OSError), process.stdin as pipe:  # where it is gone, its answers have ended too
            pipe.write(frame(Kind.SETTINGS, wire.write(self._settings)) + frame(Kind.JOB, job.content))
            pipe.flush()
            while job.more is not None and not gone.is_set() and (asks := job.more.take(_LOOK)) is not None:
                if asks:
                    pipe.write(frame(Kind.MORE, wire.write(asks)))
                    pipe.flush()

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.stop()
        with self._turn:  # nobody reads from it any more
            self._child.clear()


def _unanswered(job: Job, came: Iterable[bytes], at_once: int) -> Job | None:
    """The questions of a job that have no answer yet, as a job; None where all are answered, or none can be.

    Questions that may have been under way when the process ended come last, since one of them may have ended it: the others
    then have their answers first. Where there are no others, their order is turned round.
    """
    asking: Asking = wire.read(job.content, Asking)
    outcomes = [ask_outcome(outcome) for outcome in came]
    answered = {outcome.ask for outcome in outcomes if isinstance(outcome, Answered)}
    asked = dict.fromkeys((*asking.asks, *(job.more.drained() if job.more else ())))
    left = tuple(ask for ask in asked if ask not in answered)
    if not left or any(isinstance(outcome, Failure) for outcome in outcomes):
        return None
    suspects = _ANSWERED_LATE + 2 * at_once
    left = (*left[suspects:], *left[:suspects]) if len(left) > suspects else left[::-1]
    return replace(job, content=wire.write(replace(asking, asks=left)), size=len(left))
