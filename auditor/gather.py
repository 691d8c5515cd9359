"""References → evidence: asked concurrently, each distinct thing once.

The registry says what a reference names and hands over signature bytes; the verifier turns each into evidence. One image
that goes wrong, in whatever way, is a fault in its own evidence and never ends the run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain
from queue import SimpleQueue
from typing import Final, Generic, Protocol, TypeVar, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.judge.ask import Ask
from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    Platform,
    Resolution,
    Resolved,
    Signature,
    Unreadable,
)
from auditor.model.reference import Digest, Reference
from auditor.processors import waiting_pool
from auditor.progress import SILENT, Progress
from auditor.registry.material import Listing, Material, Registry

_LOG: Final = logging.getLogger(__name__)
_NO_ROOTS: Final = Fault(FaultKind.INTERNAL, "the trust roots could not be loaded")
_SPARE: Final = 4
"""For so many requests under way one thread more: some always verify, or wait for the interpreter, and ask nothing meanwhile."""
_K = TypeVar("_K")
_V = TypeVar("_V")


class Verifier(Protocol):
    """What turns signature bytes into evidence (`auditor.signatures.verify.Verifier`)."""

    def verify(self, material: Material, digest: Digest) -> Signature:
        """Judge one signature against the trust roots. Never raises for a bad signature."""
        ...


class Listings(Struct):
    """Raw signatures by repository (normalised) and digest, for policies that examine them on grounds of their own.

    `repositories` are others than the image's in which policies look for its signatures.
    """

    repositories: frozenset[str] = frozenset()
    found: dict[tuple[str, Digest], Listing] = field(default_factory=dict)


def gather_each(
    questions: Iterable[Ask],
    registry: Registry,
    verifier: Callable[[], Verifier],
    *,
    jobs: int,
    more: Iterable[Ask] | None = None,
    listings: Listings | None = None,
    progress: Progress = SILENT,
) -> Iterator[tuple[Ask, Evidence]]:
    """Each question with its evidence, as the answers come.

    `jobs` is how many requests are under way at once. A quarter more threads ask, since some verify or wait meanwhile.

    `verifier` is called once, in a thread of its own while the first answers are on their way: loading the trust roots
    takes longer than a round trip. What it raises, this raises; where no signature is to be judged, it is not called.
    `more` are further questions, which are asked after the others; its iterator may block until there are some.
    `listings` collects the raw signatures. Where this raises (an interrupt, no trust roots) or is closed, what is
    under way is ended and nothing more is begun.
    """
    asked = tuple(questions)
    if not asked and more is None:
        return
    threads = jobs + jobs // _SPARE
    if more is None:
        progress.expect(len(asked))
        threads = min(threads, len(asked))
    pool = waiting_pool(threads + 1)
    waiting = _Waiting(chain(asked, more or ()))
    answers = SimpleQueue[tuple[Ask, Evidence] | BaseException | None]()
    signed = more is not None or any(ask.signatures or ask.platforms for ask in asked)
    try:
        loaded = pool.submit(verifier) if signed else None
        work = _Gathering(registry, loaded, listings, progress)
        for _ in range(threads):
            pool.submit(work.evidences, waiting, answers)
        if loaded is not None:
            loaded.result()
        while threads:
            answer = answers.get()
            if answer is None:
                threads -= 1
            else:
                yield _told(answer)
    except BaseException as error:
        waiting.close()
        registry.stop()
        # Somebody who interrupts does not wait for a credential helper either; the process ends without its threads.
        pool.shutdown(wait=not isinstance(error, KeyboardInterrupt), cancel_futures=True)
        raise
    else:
        pool.shutdown()


class _Gathering:
    """One run's answers so far: each digest of each repository is listed and judged once."""

    def __init__(
        self, registry: Registry, loading: Future[Verifier] | None, listings: Listings | None, progress: Progress
    ) -> None:
        self._registry = registry
        self._progress = progress
        self._listings = listings
        self._loading = loading
        self._resolved = _Once[Reference, Resolution]()
        self._listed = _Once[tuple[str, Digest, bool], Listing]()
        self._judged = _Once[tuple[str, Digest, bool], tuple[Signature, ...]]()

    def evidences(self, waiting: _Waiting, answers: SimpleQueue[tuple[Ask, Evidence] | BaseException | None]) -> None:
        """Answer question after question until none waits, then tell so (None).

        A queue, as a future for each would wake everybody each time.
        """
        try:
            while (ask := waiting.next()) is not None:
                answers.put((ask, self.evidence(ask)))
            answers.put(None)
        except BaseException as error:  # noqa: BLE001 - whoever waits for answers raises it
            answers.put(error)

    def evidence(self, ask: Ask) -> Evidence:
        """Everything asked about one reference."""
        found = self._whatever_happens(ask)
        self._progress.answered()
        return found

    def _whatever_happens(self, ask: Ask) -> Evidence:
        try:
            return self._evidence(ask)
        except Exception as error:  # noqa: BLE001 - a fault of its own, and logged
            # Whatever one image provokes must not cost the others their verdict; it is reported as not judged.
            _LOG.exception("unexpected error while judging %s", ask.reference)
            return Evidence(
                Fault(FaultKind.INTERNAL, f"unexpected {type(error).__name__}: {str(error)[:300]} (-v shows where)")
            )

    def _evidence(self, ask: Ask) -> Evidence:
        resolution = self._resolved.get(ask.reference, lambda: self._registry.resolve(ask.reference))
        self._progress.resolved()
        match resolution:
            case Absent() | Fault():
                return Evidence(resolution)
            case Resolved(digest=digest):
                if ask.listed:
                    self._listing(ask, digest)
                return Evidence(
                    resolution,
                    signatures=self._signatures(ask, digest) if ask.signatures else (),
                    platforms=self._platforms(ask, digest) if ask.platforms or ask.children else None,
                )
            case _:
                assert_never(resolution)

    def _signatures(self, ask: Ask, digest: Digest) -> tuple[Signature, ...]:
        key = (ask.reference.name, digest, ask.every)
        return self._judged.get(key, lambda: self._judge(ask, digest))

    def _judge(self, ask: Ask, digest: Digest) -> tuple[Signature, ...]:
        listing = self._listing(ask, digest)
        if not listing.materials:
            return listing.faults
        if self._loading is None or self._loading.exception() is not None:
            # `gather` raises it, once; raised again by each thread, one exception would carry the traces of all of them.
            return (Unreadable(listing.materials[0].form, _NO_ROOTS), *listing.faults)
        verifier = self._loading.result()
        return (*(verifier.verify(material, digest) for material in listing.materials), *listing.faults)

    def _listing(self, ask: Ask, digest: Digest) -> Listing:
        """The raw signatures of a digest. They are held, and so listed once, only where somebody takes them."""
        if self._listings is None:
            return self._registry.signatures(ask.reference, digest, every=ask.every)
        listings = self._listings
        return self._listed.get((ask.reference.name, digest, ask.every), lambda: self._kept(listings, ask, digest))

    def _kept(self, listings: Listings, ask: Ask, digest: Digest) -> Listing:
        """What is listed in the image's repository, and the same digest where policies look for its signatures; remembered."""
        name = ask.reference.name
        listing = self._registry.signatures(ask.reference, digest, every=ask.every)
        listings.found[name, digest] = listing
        for repository in listings.repositories - {name}:
            listings.found[repository, digest] = self._registry.signatures(
                Reference.parse(repository), digest, every=ask.every
            )
        return listing

    def _platforms(self, ask: Ask, digest: Digest) -> tuple[Platform, ...] | Fault:
        """Each platform manifest, with its own signatures where they are wanted."""
        children = self._registry.platforms(ask.reference, digest)
        if isinstance(children, Fault) or not ask.platforms:
            return children
        return tuple(replace(child, signatures=self._signatures(ask, child.digest)) for child in children)


def _told(answer: tuple[Ask, Evidence] | BaseException) -> tuple[Ask, Evidence]:
    if isinstance(answer, BaseException):
        raise answer
    return answer


class _Waiting:
    """Questions that nobody has begun to answer. Thread-safe."""

    def __init__(self, asks: Iterator[Ask]) -> None:
        self._asks = asks
        self._lock = threading.Lock()
        self._closed = False

    def next(self) -> Ask | None:
        """What waits longest; None where nothing does any more."""
        with self._lock:
            return None if self._closed else next(self._asks, None)

    def close(self) -> None:
        """Nothing is begun any more."""
        self._closed = True


class _Once(Generic[_K, _V]):
    """Answers by key; a key that is being worked on is waited for, never worked on twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[_K, Future[_V]] = {}

    def get(self, key: _K, work: Callable[[], _V]) -> _V:
        """The answer for `key`, by `work` in this thread where it is the first to ask."""
        mine = Future[_V]()
        with self._lock:
            answer = self._answers.setdefault(key, mine)
        if answer is mine:
            try:
                answer.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it too; result() raises it here
                answer.set_exception(error)
        return answer.result()
