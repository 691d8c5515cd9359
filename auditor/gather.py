"""References → evidence: asked concurrently, each distinct thing once.

The registry says what a reference names and hands over signature bytes; the verifier turns each into evidence. One image
that goes wrong, in whatever way, is a fault in its own evidence and never ends the run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol, TypeVar, assert_never

from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    Platform,
    Resolution,
    Resolved,
    Signature,
)
from auditor.model.reference import Digest, Reference
from auditor.registry.material import Listing, Material, Registry

_LOG: Final = logging.getLogger(__name__)
_K = TypeVar("_K")
_V = TypeVar("_V")


class Verifier(Protocol):
    """What turns signature bytes into evidence (`auditor.signatures.verify.Verifier`)."""

    def verify(self, material: Material, digest: Digest) -> Signature:
        """Judge one signature against the trust roots. Never raises for a bad signature."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One reference to ask about, and whether each platform's own signatures are wanted."""

    reference: Reference
    platforms: bool = False


def gather(
    questions: Iterable[Question], registry: Registry, verifier: Callable[[], Verifier], *, jobs: int
) -> Mapping[Question, Evidence]:
    """Ask about every question with at most `jobs` under way at once.

    `verifier` is called once, in a thread of its own while the first answers are on their way: loading the trust roots
    takes longer than a round trip. What it raises, this raises.
    """
    distinct = list(dict.fromkeys(questions))
    if not distinct:
        return {}
    with ThreadPoolExecutor(max_workers=min(jobs, len(distinct)) + 1, thread_name_prefix="auditor") as pool:
        loaded = pool.submit(verifier)
        work = _Gathering(registry, loaded)
        answers = {question: pool.submit(work.evidence, question) for question in distinct}
        loaded.result()
        return {question: answer.result() for question, answer in answers.items()}


class _Gathering:
    """One run's answers so far: each digest of each repository is listed and judged once."""

    def __init__(self, registry: Registry, verifier: Future[Verifier]) -> None:
        self._registry = registry
        self._verifier = verifier
        self._judged = _Once[tuple[str, Digest], tuple[Signature, ...]]()

    def evidence(self, question: Question) -> Evidence:
        """Everything known about one reference."""
        try:
            return self._evidence(question)
        except Exception as error:  # noqa: BLE001
            # Whatever one image provokes must not cost the others their verdict; it is reported as not judged.
            _LOG.exception("unexpected error while judging %s", question.reference)
            return Evidence(Fault(FaultKind.INTERNAL, f"unexpected {type(error).__name__}: {str(error)[:300]}"))

    def _evidence(self, question: Question) -> Evidence:
        resolution: Resolution = self._registry.resolve(question.reference)
        match resolution:
            case Absent() | Fault():
                return Evidence(resolution)
            case Resolved(digest=digest):
                signatures = self._signatures(question.reference, digest)
            case _:
                assert_never(resolution)
        evidence = Evidence(resolution, signatures)
        return self._with_platforms(question.reference, digest, evidence) if question.platforms else evidence

    def _signatures(self, reference: Reference, digest: Digest) -> tuple[Signature, ...]:
        return self._judged.get((reference.name, digest), lambda: self._judge(reference, digest))

    def _judge(self, reference: Reference, digest: Digest) -> tuple[Signature, ...]:
        listing: Listing = self._registry.signatures(reference, digest)
        if not listing.materials:
            return listing.faults
        verifier = self._verifier.result()
        return (*(verifier.verify(material, digest) for material in listing.materials), *listing.faults)

    def _with_platforms(self, reference: Reference, digest: Digest, evidence: Evidence) -> Evidence:
        """The same evidence with each platform manifest's own signatures."""
        children = self._registry.platforms(reference, digest)
        if isinstance(children, Fault):
            return replace(evidence, platforms=children)
        judged = (
            Platform(child.platform, child.digest, self._signatures(reference, child.digest)) for child in children
        )
        return replace(evidence, platforms=tuple(judged))


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
