"""The engine that is always there: threads of this process, and a process beside it that asks where much is to be asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from queue import Full, PriorityQueue
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.fleet.engines.apart import Apart
from auditor.fleet.engines.engine import Outcome
from auditor.fleet.feed import Feed
from auditor.fleet.work import Job, Kind, perform
from auditor.fleet.workshop import Workshop

_BATCH: Final = 20_000
"""Questions of one job: their answers come one by one, so that this bounds nothing but the list of them."""
_MUCH: Final = 400
"""Questions that are worth a process, which takes as long to start as some hundred of them."""
_WAITING: Final = 256
"""Outcomes that wait to be taken."""
_LOOK: Final = 0.2
"""Seconds after which a thread that cannot hand over looks whether anybody still wants it."""


class _Over(Struct, frozen=True):
    """A job is done. `error` is what it raised: nothing should, so the run ends with it."""

    error: BaseException | None = None


_Results: TypeAlias = "PriorityQueue[tuple[bool, int, Job, Outcome | _Over]]"
_NUMBERS: Final = count()


class Threads:
    """Work in threads that share one workshop. Large jobs of questions go to the process of `apart`; None: all is done here."""

    batch: int = _BATCH
    by_host: bool = False

    def __init__(self, workshop: Workshop, count: int | None = None, apart: Apart | None = None) -> None:
        """`count`: jobs under way at once. More than there are processors, since a job mostly waits for git or the network."""
        self._workshop = workshop
        self._apart = apart
        self._count = count or min(2 * (os.cpu_count() or 1), 16)

    @property
    def early(self) -> int:
        """As `Engine.early`: only with a process that asks, and two threads, since one of them waits for that process."""
        return _MUCH if self._apart is not None and self._count > 1 else 0

    def run(self, jobs: Iterable[Job | None]) -> Iterator[tuple[Job, Outcome]]:
        """As `Engine.run`."""
        results: _Results = PriorityQueue(_WAITING)
        closed = threading.Event()
        waiting = iter(jobs)
        running = 0
        fed: list[Feed] = []
        pool = ThreadPoolExecutor(self._count, thread_name_prefix="auditor-fleet")
        try:
            while True:
                while running < self._count and (job := next(waiting, None)) is not None:
                    pool.submit(self._work, job, results, closed)
                    running += 1
                    if job.more is not None:
                        fed.append(job.more)
                if not running:
                    return
                _, _, job, outcome = results.get()
                if not isinstance(outcome, _Over):
                    yield job, outcome
                    continue
                running -= 1
                if outcome.error is not None:
                    raise outcome.error
        finally:
            closed.set()
            for feed in fed:
                feed.close()
            if running:
                self._workshop.stop()
            pool.shutdown(cancel_futures=True)

    def _performed(self, job: Job) -> Iterator[Outcome]:
        """What comes of a job, wherever it is done."""
        nothing = True
        if self._apart is not None and job.kind is Kind.ASK and (job.more is not None or job.size >= _MUCH):
            for outcome in self._apart.perform(job):
                nothing = False
                yield outcome
        if nothing:
            yield from perform(job, self._workshop)

    def _work(self, job: Job, results: _Results, closed: threading.Event) -> None:
        error: BaseException | None = None
        work = self._performed(job)
        try:
            for outcome in work:
                if not _hand_over(job, outcome, results, closed):
                    work.close()  # type: ignore[attr-defined] # a generator
                    return
        except BaseException as raised:  # noqa: BLE001 - the thread that waits raises it
            error = raised
        _hand_over(job, _Over(error), results, closed)


def _hand_over(job: Job, outcome: Outcome | _Over, results: _Results, closed: threading.Event) -> bool:
    """Whether it was taken; not where nobody waits for it any more. What was read goes first: questions wait for it."""
    result = (job.kind is not Kind.READ, next(_NUMBERS), job, outcome)
    while not closed.is_set():
        try:
            results.put(result, timeout=_LOOK)
        except Full:
            continue
        return True
    return False
