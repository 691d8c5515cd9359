"""The engine of several machines: workers of Dask, which take jobs as JSON and give back JSON. The only place that imports it.

1. What travels is a function's name and bytes: job and settings one way, outcomes the other. Credentials never travel.
2. Between machines only over TLS, with certificates on both sides: who may give jobs to a worker may run anything there.
3. Of one lane (a registry's host) one job is under way at a time, so that all workers together are no harder on it than one.
4. A job whose worker died under it several times is tried once more when nothing else is under way. If that kills too, it is lost:
   what it should have answered is asked one by one, and what then kills is not judged; no other repository is held up.
5. What a restarted scheduler has forgotten is handed in again, a few times.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct, field

from auditor.errors import UsageError
from auditor.fleet import wire
from auditor.fleet.engines.engine import Outcome
from auditor.fleet.settings import Settings
from auditor.fleet.work import Job, Lost, perform
from auditor.fleet.workshop import Workshop
from auditor.registry.hosts import is_loopback

_BATCH: Final = 200
"""Questions of one job: what a worker may take away from the others, and what is asked again where it dies."""
_AHEAD: Final = 2
"""Jobs handed in for each thread of a worker: one that works and one that waits."""
_FORGOTTEN: Final = 5
"""How often a job is handed in again that a scheduler has forgotten."""
_WAIT: Final = 60.0
"""How long the scheduler and a first worker may take to answer."""
_LOOK: Final = 1.0
"""Seconds after which it is looked whether more threads have come."""
_AWAY: Final = 120.0
"""Seconds for which a scheduler may be away."""


class Certificates(Struct, frozen=True):
    """Files in PEM form: who signs for scheduler and workers, our own certificate, and its key."""

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None


@contextmanager
def workers(address: str, certificates: Certificates, settings: Settings) -> Iterator[Workers]:
    """The workers of a scheduler. Raises UsageError for one that may not be trusted, or that cannot be reached."""
    _refuse_plain(address)
    try:
        import distributed  # noqa: PLC0415 - an extra, and 0.4 s
    except ImportError as error:
        raise UsageError("--engine dask needs Dask", help="install the extra: gitops-auditor[fleet]") from error
    _take_over_logs()
    security = distributed.Security(  # type: ignore[no-untyped-call]
        tls_ca_file=certificates.authority,
        tls_client_cert=certificates.certificate,
        tls_client_key=certificates.key,
        require_encryption=address.startswith("tls://"),
    )
    try:
        asyncio.run(_greet(address, security))
        client = distributed.Client(  # type: ignore[no-untyped-call]
            address, security=security, timeout=_WAIT
        )
    except (OSError, TimeoutError) as error:
        raise UsageError(
            f"the scheduler at {address} does not answer: {str(error)[:200] or 'not a word in time'}",
            help="check the address and the certificates, and that `dask scheduler` runs there",
        ) from error
    with client:
        yield Workers(client, settings)


async def _greet(address: str, security: Any) -> None:
    """Hear a first word of the scheduler. Raises OSError where none comes in time: Dask's client would wait for it without end."""
    from distributed.comm.core import connect  # noqa: PLC0415 - an extra

    arguments = security.get_connection_args("client")
    greeting = connect(address, timeout=_WAIT, **arguments)  # type: ignore[no-untyped-call]
    comm = await asyncio.wait_for(greeting, _WAIT)
    comm.abort()


def _take_over_logs() -> None:
    """Dask gives its loggers handlers that write text to standard error as they like: ours decide who is told, and in which form."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"distributed", "bokeh", "tornado"}:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True


def _refuse_plain(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "tls" or (parts.scheme == "tcp" and is_loopback(parts.hostname or "")):
        return
    raise UsageError(
        f"--scheduler {address[:100]}: workers are given jobs over TLS only",
        help="write tls://HOST:PORT with --tls-ca, --tls-cert and --tls-key; tcp:// is for this machine's own 127.0.0.1",
    )


class _Flight(Struct):
    """A job under way: how often it was forgotten, and whether it is tried alone because it has killed workers."""

    job: Job
    forgotten: int = 0
    alone: bool = False


class _Queue(Struct):
    """Jobs that wait: those of busy lanes, and those that are to be alone."""

    jobs: Iterator[Job | None]
    ready: deque[_Flight] = field(default_factory=deque)
    held: dict[str, deque[_Flight]] = field(default_factory=dict)
    alone: deque[_Flight] = field(default_factory=deque)
    busy: set[str] = field(default_factory=set)

    def next(self, *, idle: bool) -> _Flight | None:
        """The next one that may begin; those that must be alone only when nothing else is left."""
        if self.ready:
            return self._begun(self.ready.popleft())
        for job in self.jobs:
            if job is None:
                break
            if job.lane not in self.busy:
                return self._begun(_Flight(job))
            self.held.setdefault(job.lane, deque()).append(_Flight(job))
            if sum(map(len, self.held.values())) >= self.most:
                break
        return self._begun(self.alone.popleft()) if idle and self.alone else None

    most: int = 64
    """Jobs of busy lanes that are held back before no more are taken."""

    def _begun(self, flight: _Flight) -> _Flight:
        if flight.job.lane:
            self.busy.add(flight.job.lane)
        return flight

    def rest(self) -> Iterator[_Flight]:
        """Everything that has not begun."""
        yield from (*self.ready, *(flight for held in self.held.values() for flight in held), *self.alone)
        yield from map(_Flight, iter(lambda: next(self.jobs, None), None))

    def ended(self, flight: _Flight) -> None:
        """Its lane is free for the next."""
        lane = flight.job.lane
        if not lane:
            return
        self.busy.discard(lane)
        if self.held.get(lane):
            self.ready.append(self.held[lane].popleft())


class Workers:
    """Work on the machines of a cluster."""

    batch: int = _BATCH
    by_host: bool = True
    early: int = 0

    def __init__(self, client: Any, settings: Settings) -> None:
        """`client` is a `distributed.Client`, connected."""
        self._client = client
        self._settings = wire.write(settings)

    def run(self, jobs: Iterable[Job | None]) -> Iterator[tuple[Job, Outcome]]:
        """As `Engine.run`."""
        queue = _Queue(iter(jobs))
        flights: dict[Any, _Flight] = {}
        ended: SimpleQueue[Any] = SimpleQueue()
        try:
            while True:
                if not self._connected():
                    yield from self._lost(queue, flights)
                    return
                self._hand_in(queue, flights, ended)
                if not flights:
                    return
                with suppress(Empty):  # after a while newly come workers get something to do
                    future = ended.get(timeout=_LOOK)
                    yield from self._outcomes(flights.pop(future), future, queue)
        finally:
            self._client.cancel(list(flights))

    def _connected(self) -> bool:
        """Whether the scheduler is there; one that is restarted is waited for."""
        end = time.monotonic() + _AWAY
        while self._client.status != "running":
            if self._client.status == "closed" or time.monotonic() >= end:
                return False
            time.sleep(_LOOK / 5)
        return True

    def _lost(self, queue: _Queue, flights: Mapping[Any, _Flight]) -> Iterator[tuple[Job, Outcome]]:
        for flight in (*flights.values(), *queue.rest()):
            yield flight.job, Lost("the scheduler is gone, and did not come back")

    def _hand_in(self, queue: _Queue, flights: dict[Any, _Flight], ended: SimpleQueue[Any]) -> None:
        while len(flights) < self._room() and not any(flight.alone for flight in flights.values()):
            flight = queue.next(idle=not flights)
            if flight is None:
                return
            future = self._client.submit(work, wire.write(flight.job), self._settings, pure=False, retries=0)
            flights[future] = flight
            future.add_done_callback(ended.put)

    def _room(self) -> int:
        """How many jobs may be under way: one that works and one that waits for each thread."""
        try:
            threads = sum(int(count) for count in self._client.nthreads().values())
        except OSError:  # the scheduler is away; what is handed in waits for it
            threads = 0
        return max(_AHEAD * threads, 1)

    def _outcomes(self, flight: _Flight, future: Any, queue: _Queue) -> Iterator[tuple[Job, Outcome]]:
        if future.status in {"cancelled", "lost"} and flight.forgotten < _FORGOTTEN:
            flight.forgotten += 1
            queue.ready.append(flight)  # its lane stays its own
            return
        queue.ended(flight)
        if future.status == "finished":
            for outcome in future.result():
                yield flight.job, outcome
        elif future.status in {"cancelled", "lost"}:
            yield flight.job, Lost("the scheduler has forgotten the job, again and again")
        elif not flight.alone:
            flight.alone = True
            queue.alone.append(flight)
        else:
            why = type(future.exception()).__name__
            told = f"the worker was lost, and so was the one that tried again ({why})"
            yield flight.job, Lost(told, piecewise=flight.job.size > 1)


# ── in the worker ────────────────────────────────────────────────────────────────────────────────────────────────────────

_LOCK: Final = threading.Lock()
_OPEN: Final[dict[bytes, Workshop]] = {}
"""The workshop of the run that this process works for."""


def work(job: bytes, settings: bytes) -> list[bytes]:
    """Do one job in this process, by its own environment."""
    task: Job = wire.read(job, Job)
    return list(islice(perform(task, _workshop(settings)), None))


def _workshop(settings: bytes) -> Workshop:
    with _LOCK:
        found = _OPEN.get(settings)
        if found is None:
            for _, old in list(_OPEN.items()):
                old.__exit__(None, None, None)
            _OPEN.clear()
            found = _OPEN[settings] = Workshop(wire.read(settings, Settings), os.environ)
        return found
