"""The two kinds of work that an audit hands out: to read a tree, and to ask registries. Each takes JSON and gives JSON.

So it can be done in any process on any machine: what it needs to know travels with it, what it needs to have (programs, clones,
connections, credentials) is in the workshop of whoever does it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from msgspec import Struct

from auditor.answers import Trusting, asks
from auditor.config.load import load_rules
from auditor.config.rules import Rules
from auditor.errors import AuditorError, ConfigurationError
from auditor.fleet import wire
from auditor.fleet.extract import Extract, extract
from auditor.fleet.feed import Feed
from auditor.fleet.settings import Ruling
from auditor.fleet.workshop import Workshop
from auditor.gather import Listings, gather_each
from auditor.judge.ask import Ask
from auditor.judge.compare import compare
from auditor.judge.governing import Governing
from auditor.manifests.render.sandbox import Interrupted
from auditor.model.audit import Failure, Stage, Target
from auditor.model.case import Case
from auditor.model.evidence import Evidence, Resolved
from auditor.model.reference import Digest
from auditor.model.report import TrustUsed
from auditor.registry.material import Listing
from auditor.rules_file import Loaded
from auditor.source.change import Change
from auditor.source.memory import Kept, contents
from auditor.source.remote_faults import FetchStopped
from auditor.version import __version__
from auditor.world import World

_LOG: Final = logging.getLogger(__name__)
_TOLD: Final = 3
"""Mistakes in rules that a failure tells of."""


class Kind(StrEnum):
    """What a piece of work does."""

    READ = "read"
    ASK = "ask"


class Job(Struct, frozen=True):
    """A piece of work. `name` is unique in a run. Those of one `lane` go to one worker, one after the other.

    `size` is how many trees are read, or questions asked. `more` are questions that come while these are asked: only for an
    engine that says so (`early`), and never sent as they are.
    """

    name: str
    kind: Kind
    content: bytes
    lane: str = ""
    size: int = 1
    more: Feed | None = None


class Lost(Struct, frozen=True):
    """Nothing came of a job: whoever worked on it was lost. `piecewise`: what it asks may be asked again, one by one."""

    why: str
    piecewise: bool = False


# ── what is asked of a worker ────────────────────────────────────────────────────────────────────────────────────────────


class Reading(Struct, frozen=True):
    """Read the tree of a target, unless it is the one that `known` names (`Wanted.identity`), last seen at `commit`.

    `glance`: only say whether it is that one.
    """

    target: Target
    known: str | None = None
    commit: str | None = None
    glance: bool = False


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


class Same(Case, frozen=True):
    """The tree is the one that is known already, in another commit perhaps."""

    commit: str | None


class Other(Case, frozen=True):
    """The tree is another one than is known, and was not read."""


class Wanted(Struct, frozen=True):
    """What has to be asked to judge a tree. `identity` names settings and tree, "" for what changes unseen.

    Questions on one `ground` (trust roots, keys, registries) have one answer for all repositories. `policies` as in `Asking`.
    """

    identity: str
    ground: str
    asks: tuple[Ask, ...]
    policies: tuple[str, ...] | None


class Read(Case, frozen=True):
    """What a tree deploys, and what has to be asked about it."""

    extract: Extract
    wanted: Wanted


ReadOutcome: TypeAlias = Same | Other | Read | Failure


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


def read_outcome(content: bytes) -> ReadOutcome:
    """What came of reading a tree, from JSON. Raises Garbled."""
    found: ReadOutcome = wire.read(content, ReadOutcome)
    return found


def ask_outcome(content: bytes) -> AskOutcome:
    """What came of asking, from JSON. Raises Garbled."""
    found: AskOutcome = wire.read(content, AskOutcome)
    return found


def perform(job: Job, workshop: Workshop) -> Iterator[bytes]:
    """Do a piece of work: what comes of it, as it comes. Raises nothing: what goes wrong is an outcome."""
    match job.kind:
        case Kind.READ:
            yield wire.write(_read(wire.read(job.content, Reading), workshop))
        case Kind.ASK:
            for outcome in _ask(wire.read(job.content, Asking), workshop, job.more):
                yield wire.write(outcome)
        case _:
            assert_never(job.kind)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(reading: Reading, workshop: Workshop) -> ReadOutcome:
    stage = Stage.FETCH
    try:
        settings = _settings(reading.target, workshop)
        by_these = bool(settings and reading.known and reading.known.startswith(f"{settings}:"))
        if by_these and workshop.is_at(reading.target, reading.commit):
            return Same(reading.commit)
        with workshop.open(reading.target) as (change, rules_file):
            stage = Stage.READ
            identity = _identity(change, settings)
            if identity and identity == reading.known:
                return Same(change.head_commit)
            if reading.glance:
                return Other()
            loaded, ruling = workshop.loaded(reading.target, rules_file), workshop.rulings.of(reading.target.name)
            return _extracted(change, loaded, identity, workshop.world(), ruling)
    except (FetchStopped, Interrupted) as error:
        return Failure(Stage.TIME, error.message, error.help)
    except ConfigurationError as error:
        return _mistaken(stage, error)
    except AuditorError as error:
        return Failure(stage, error.message, error.help)
    except Exception as error:  # noqa: BLE001 - one repository must not cost the others their report; it is logged
        _LOG.exception("unexpected error while reading %s", reading.target.name)
        return Failure(Stage.INTERNAL, f"unexpected {type(error).__name__}: {str(error)[:300]}", "-v shows where")


def _mistaken(stage: Stage, error: ConfigurationError) -> Failure:
    """The first mistakes in rules."""
    return Failure(stage, "; ".join(str(problem) for problem in error.problems[:_TOLD]), error.help)


def _extracted(change: Change, loaded: Loaded, identity: str, world: World, ruling: Ruling | None) -> Read:
    found = extract(change, loaded, world)
    rules, policies = found.rules, found.policies
    comparison = compare(None, found.extract.uses, Governing(rules).label)
    asked = asks(comparison, rules, enforced=policies)
    others = tuple(sorted(policies.repositories)) if policies.policies else None
    if (world.renderers and world.renderers.late) or (change.repository and change.repository.lost):
        identity = ""  # what a program had no time for, or was not there, is tried again though the tree is the same
    return Read(found.extract, Wanted(identity, _ground(rules, others, given=ruling is not None), tuple(asked), others))


def _settings(target: Target, workshop: Workshop) -> str:
    """What the result of reading depends on beside the tree; "" where charts of others are read, which change unseen."""
    settings = workshop.settings
    if settings.fetch_charts:
        return ""
    ruling = workshop.rulings.of(target.name)
    config = repr(ruling and (ruling.path, sorted((each.path, each.content) for each in ruling.files)))
    return _hash(__version__, target.path, workshop.renders_by, settings.kyverno or "", config)


def _identity(change: Change, settings: str) -> str:
    """Settings and tree; "" for what changes unseen, as a folder does while it is read."""
    if not settings or change.head_commit is None or change.repository is None:
        return ""
    return f"{settings}:{change.scope}:{change.repository.tree_id(change.head_commit)}"


def _ground(rules: Rules, policies: tuple[str, ...] | None, *, given: bool) -> str:
    """Rules that are `given` may show credentials to whom they name: who has the same in a repository shares no answer."""
    told = (sorted(rules.registries.items()), rules.trust, sorted(rules.keys.items()), rules.second_opinion)
    return _hash(repr(told), repr(policies), repr(given))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask(asking: Asking, workshop: Workshop, more: Feed | None) -> Iterator[AskOutcome]:
    world = workshop.world()
    files = contents(asking.rules)
    try:
        rules = load_rules(files.get, asking.rules_path, today=world.today, fetch=world.shared_rules.fetch)
        trusting = Trusting(rules, world)
        verifier = trusting.verifier()
        registry = workshop.registry(rules, given=asking.given)
    except ConfigurationError as error:
        yield _mistaken(Stage.READ, error)
        return
    except AuditorError as error:
        yield Failure(Stage.READ, error.message, error.help)
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
