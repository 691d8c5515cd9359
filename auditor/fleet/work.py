"""The two kinds of work that an audit hands out: to read a tree, and to ask registries. Each takes JSON and gives JSON.

So it can be done in any process on any machine: what it needs to know travels with it, what it needs to have (programs, clones,
connections, credentials) is in the workshop of whoever does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias, assert_never

from msgspec import Struct

from auditor.answers import Trusting
from auditor.config.load import load_rules
from auditor.errors import AuditorError
from auditor.fleet import wire
from auditor.fleet.failures import failure_of
from auditor.fleet.feed import Feed
from auditor.fleet.workshop import Workshop
from auditor.gather import Listings, gather_each
from auditor.judge.ask import Ask
from auditor.model.audit import Failure, Stage
from auditor.model.case import Case
from auditor.model.evidence import Evidence, Resolved
from auditor.model.reference import Digest
from auditor.model.report import TrustUsed
from auditor.registry.material import Listing
from auditor.source.memory import Kept, contents


class Kind(StrEnum):
    """What a piece of work does."""

    READ = "read"
    ASK = "ask"


class Job(Struct, frozen=True):
    """A piece of work. `name` is unique in a run. Those of one `lane` go to one worker, one after the other.

    `size` is how many trees are read, or questions asked. `more` gives questions that are added while these are asked: only for
    engines with `early`, and never sent to another machine.
    """

    name: str
    kind: Kind
    content: bytes
    lane: str = ""
    size: int = 1
    more: Feed | None = None


class Lost(Struct, frozen=True):
    """A job without an outcome: its worker was lost. `piecewise`: its questions may be asked again, one in each job."""

    why: str
    piecewise: bool = False


# ── what is asked of a worker ────────────────────────────────────────────────────────────────────────────────────────────


class Asking(Struct, frozen=True):
    """Answer questions by the trust roots, keys and registries of these rules. `given`: not a repository's own.

    `policies` are other repositories in which the cluster's policies look for signatures; None where none of them rule.
    """

    rules: tuple[Kept, ...]
    rules_path: str | None
    asks: tuple[Ask, ...]
    policies: tuple[str, ...] | None = None
    given: bool = False


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Held(Struct, frozen=True):
    """The raw signatures beside one digest, for policies that examine them."""

    repository: str
    digest: Digest
    listing: Listing


class Answered(Case, frozen=True):
    """One question and its answer."""

    ask: Ask
    evidence: Evidence
    held: tuple[Held, ...] = ()


class Asked(Case, frozen=True):
    """The trust roots that judge, and what else is to be told. Comes before the first answer, and again after the last."""

    trust: tuple[TrustUsed, ...] = ()
    notes: tuple[str, ...] = ()


AskOutcome: TypeAlias = Answered | Asked | Failure


def ask_outcome(content: bytes) -> AskOutcome:
    """What came of asking, from JSON. Raises Garbled."""
    found: AskOutcome = wire.read(content, AskOutcome)
    return found


def perform(job: Job, workshop: Workshop) -> Iterator[bytes]:
    """Do a piece of work: what comes of it, as it comes. Raises nothing: what goes wrong is an outcome."""
    match job.kind:
        case Kind.READ:
            from auditor.fleet.trees import Reading, read  # noqa: PLC0415 - whoever asks only is ready sooner without

            yield wire.write(read(wire.read(job.content, Reading), workshop))
        case Kind.ASK:
            for outcome in _ask(wire.read(job.content, Asking), workshop, job.more):
                yield wire.write(outcome)
        case _:
            assert_never(job.kind)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask(asking: Asking, workshop: Workshop, more: Feed | None) -> Iterator[AskOutcome]:
    world = workshop.world()
    files = contents(asking.rules)
    try:
        rules = load_rules(files.get, asking.rules_path, today=world.today, fetch=world.shared_rules.fetch)
        trusting = Trusting(rules, world)
        verifier = trusting.verifier()
        registry = workshop.registry(rules, given=asking.given)
    except AuditorError as error:
        yield failure_of(Stage.READ, error)
        return
    yield Asked(tuple(trusting.used), tuple(trusting.notes))
    listings = None if asking.policies is None else Listings(frozenset(asking.policies))
    progress = world.watch.progress
    answers = gather_each(
        asking.asks, registry, lambda: verifier, jobs=world.jobs, more=more, listings=listings, progress=progress
    )
    for ask, evidence in answers:
        yield Answered(ask, evidence, tuple(_held(ask, evidence, listings)) if listings else ())
    yield Asked(tuple(trusting.used), (*trusting.notes, *registry.notes()))


def _held(ask: Ask, evidence: Evidence, listings: Listings) -> Iterator[Held]:
    if not isinstance(evidence.resolution, Resolved):
        return
    for repository in sorted({ask.reference.name, *listings.repositories}):
        listing = listings.found.get((repository, evidence.resolution.digest))
        if listing is not None:
            yield Held(repository, evidence.resolution.digest, listing)
