"""How fast a host may be asked, and when it is asked again.

Each host has a budget of requests under way. A request that is answered 429 waits as long as its `Retry-After` says; the budget
becomes smaller by one, once for all that were under way together, and grows again with what is answered. Where nothing but 429
comes, the host is full: the budget becomes half of what it was, and nobody asks before its `Retry-After` has passed. A request is
tried again (stamina) after 408, 429, 5xx and connection faults, with growing pauses and jitter, never beyond the deadline of the
run. A host that answers nothing at all is soon asked only once per question.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from auditor.limits import Limits
from auditor.model.evidence import Fault, FaultKind
from auditor.progress import SILENT, Progress
from auditor.registry.faults import Failed

_T = TypeVar("_T")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_JITTER: Final = 0.3
_TIMEOUT_TRIES: Final = 2
"""A request that times out is tried once more: each try costs the whole time-out."""
_DATE_LENGTH: Final = 64
_FULL: Final = 3
"""429 so often in a row, nothing answered between, means a host that is full, and not one that refuses now and then."""
_AGAIN: Final = 8
"""Answers after which a host may be asked one more at once, up to the limit."""
_SILENT: Final = frozenset({FaultKind.CONNECTION, FaultKind.REFUSED, FaultKind.TIMEOUT})

# Every failure is reported in the end; without a handler the logging module would print each retry to standard error.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class HostPace:
    """The budget of one host. Thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._condition = threading.Condition()
        self._budget = limits.connections_per_host
        self._refused = 0
        self._good = 0
        self._shrunk = 0.0
        self._under_way = 0
        self._resume = 0.0
        self._closed: tuple[float, Fault] | None = None
        self._silent = 0

    @contextlib.contextmanager
    def turn(self, end: float) -> Iterator[None]:
        """Wait for a turn, and hold it. Raises Failed when there is none before `end` (monotonic seconds)."""
        with self._condition:
            while (pause := self._pause()) > 0:
                left = end - time.monotonic()
                if left <= 0 or self._resume > end:
                    raise _over()
                self._condition.wait(min(pause, left))
            self._under_way += 1
        try:
            yield
        finally:
            with self._condition:
                self._under_way -= 1
                self._condition.notify()

    def _pause(self) -> float:
        """Seconds to wait before looking again; 0 or less when the host may be asked now."""
        now = time.monotonic()
        if self._closed and now < self._closed[0]:
            raise Failed(self._closed[1].kind, self._closed[1].detail, again=False)
        return self._resume - now if self._under_way < self._budget else self._limits.run_seconds

    def answered(self) -> None:
        """The host gave some answer."""
        self._silent = 0
        if self._budget == self._limits.connections_per_host and not self._refused:
            return
        with self._condition:
            self._refused = 0
            self._good += 1
            if self._good >= _AGAIN and self._budget < self._limits.connections_per_host:
                self._good = 0
                self._budget += 1
                self._condition.notify()

    def failed(self, failure: Failed, began: float) -> None:
        """Note what a failed request says about the host. `began` is when it was sent (monotonic seconds)."""
        with self._condition:
            self._silent = self._silent + 1 if failure.fault.kind in _SILENT else 0
            until = time.monotonic() + (failure.wait or 0.0)
            if (failure.wait or 0.0) > self._limits.retry_after_seconds:
                self._closed = (until, failure.fault)
            if failure.fault.kind is not FaultKind.RATE_LIMITED:
                self._resume = max(self._resume, until)
            elif self._is_full():
                self._shrink(self._budget // 2)
                self._resume = max(self._resume, until)
            elif began > self._shrunk:  # what was sent before the host was asked less says nothing about asking it less
                self._shrink(self._budget - 1)

    def _shrink(self, budget: int) -> None:
        self._budget = max(1, budget)
        self._shrunk = time.monotonic()

    def _is_full(self) -> bool:
        self._refused += 1
        if self._refused < _FULL:
            return False
        self._refused = 0
        return True

    def stop(self) -> None:
        """Let nobody ask any more, and end every wait."""
        with self._condition:
            self._closed = (float("inf"), Fault(FaultKind.DEADLINE, "the run was stopped"))
            self._condition.notify_all()

    def again(self, failure: Failed, tries: int, end: float) -> float | bool:
        """Whether to ask once more after so many tries; a number of seconds where the host has said when.

        A host that is full keeps everybody in `turn`; what is added to the wait here spreads the requests after it.
        """
        if not failure.again or (failure.fault.kind in _SILENT and self._silent >= self._limits.attempts):
            return False
        if failure.fault.kind is FaultKind.TIMEOUT and tries >= _TIMEOUT_TRIES:
            return False
        if failure.wait is None:
            return True
        if failure.wait > self._limits.retry_after_seconds or time.monotonic() + failure.wait >= end:
            return False
        return failure.wait + random.uniform(0, _JITTER)  # noqa: S311 - spreads requests, no secret


class Pace:
    """The pace of a run: one HostPace per host, the run's deadline, the retries. Thread-safe."""

    def __init__(self, limits: Limits, progress: Progress = SILENT) -> None:
        self._limits = limits
        self._progress = progress
        self._hosts: dict[str, HostPace] = {}
        self._all = threading.BoundedSemaphore(limits.connections)
        self._lock = threading.Lock()
        self._end: float | None = None
        self._stopped = threading.Event()

    def call(self, host: str, ask: Callable[[float], _T]) -> _T:
        """`ask(deadline)` at the pace of `host`, and again where that may help. Raises the last Failed."""
        pace, end = self._of(host)
        try:
            return self._once(pace, end, ask)
        except Failed as failure:
            if not failure.again:
                raise
            if failure.wait and failure.wait <= self._limits.retry_after_seconds:
                self._progress.waiting(host, failure.wait)
            first = failure
        return self._retry(pace, end, ask, first)

    def stop(self) -> None:
        """Let nobody ask any more: what waits or comes later fails at once."""
        self._stopped.set()
        with self._lock:
            self._end = time.monotonic()
            hosts = list(self._hosts.values())
        for host in hosts:
            host.stop()

    def _of(self, host: str) -> tuple[HostPace, float]:
        with self._lock:
            if self._end is None:
                self._end = time.monotonic() + self._limits.run_seconds
            pace = self._hosts.get(host) or self._hosts.setdefault(host, HostPace(self._limits))
            return pace, self._end

    def _retry(self, pace: HostPace, end: float, ask: Callable[[float], _T], first: Failed) -> _T:
        """Go on after a first failure, which counts as the first try: most requests never come here."""
        import stamina  # noqa: PLC0415 - hardly a run needs it, and its import takes as long as twenty requests

        tries, pause = 0, 0.0

        def again(error: Exception) -> float | bool:
            nonlocal pause
            said = isinstance(error, Failed) and pace.again(error, tries, end)
            pause = 0.0 if isinstance(said, bool) else said
            return said if isinstance(said, bool) else 0.0

        for attempt in stamina.retry_context(
            again,
            attempts=self._limits.attempts,
            timeout=max(end - time.monotonic(), 0.001),
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
            wait_jitter=_JITTER,
        ):
            with attempt:
                tries += 1
                if tries == 1:
                    raise first
                # Not by stamina's sleep: what a host asks for may be a minute, and would outlast a run that is stopped.
                self._stopped.wait(pause)
                return self._once(pace, end, ask)
        raise first

    def _once(self, pace: HostPace, end: float, ask: Callable[[float], _T]) -> _T:
        with pace.turn(end), self._all:
            now = time.monotonic()
            if now >= end:
                raise _over()
            try:
                answer = ask(min(now + self._limits.request_seconds, end))
            except Failed as failure:
                pace.failed(failure, now)
                raise (_over() if time.monotonic() >= end else failure) from None
            pace.answered()
            return answer


def _over() -> Failed:
    return Failed(FaultKind.DEADLINE, "the time for this run was over before it was answered", again=False)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number of seconds or an HTTP date (RFC 9110 §10.2.3)."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        date = parsedate_to_datetime(value[:_DATE_LENGTH])
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - now).total_seconds(), 0.0)
