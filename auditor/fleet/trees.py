"""To read a tree: what is asked of whoever reads it, what comes back, and how it is done.

A module of its own, because it takes long to load, and a process that only asks registries needs none of it.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.answers import asks
from auditor.config.rules import Rules
from auditor.errors import AuditorError
from auditor.fleet import wire
from auditor.fleet.extract import Extract, extract
from auditor.fleet.failures import failure_of
from auditor.fleet.settings import Ruling
from auditor.fleet.workshop import Workshop
from auditor.judge.ask import Ask
from auditor.judge.compare import compare
from auditor.judge.governing import Governing
from auditor.manifests.render.sandbox import Interrupted
from auditor.model.audit import Failure, Stage, Target
from auditor.model.case import Case
from auditor.rules_file import Loaded
from auditor.source.change import Change
from auditor.source.remote_faults import FetchStopped
from auditor.version import __version__
from auditor.world import World

_LOG: Final = logging.getLogger(__name__)


class Reading(Struct, frozen=True):
    """A request to read the tree of a target, unless it still has the identity `known` (`Wanted.identity`), last seen at `commit`.

    `glance`: only compare the identities, and do not read.
    """

    target: Target
    known: str | None = None
    commit: str | None = None
    glance: bool = False


class Same(Case, frozen=True):
    """The tree is the known one; its commit may be another."""

    commit: str | None


class Other(Case, frozen=True):
    """The tree is not the known one, and was not read (`Reading.glance`)."""


class Wanted(Struct, frozen=True):
    """What has to be asked to judge a tree. `identity` names settings and tree; "" where it may change without a sign of it.

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


def read_outcome(content: bytes) -> ReadOutcome:
    """What came of reading a tree, from JSON. Raises Garbled."""
    found: ReadOutcome = wire.read(content, ReadOutcome)
    return found


def read(reading: Reading, workshop: Workshop) -> ReadOutcome:
    """Read a tree that is not the known one. Raises nothing: what goes wrong is an outcome."""
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
        return failure_of(Stage.TIME, error)
    except AuditorError as error:
        return failure_of(stage, error)
    except Exception as error:  # noqa: BLE001 - one repository must not cost the others their report; it is logged
        _LOG.exception("unexpected error while reading %s", reading.target.name)
        return Failure(Stage.INTERNAL, f"unexpected {type(error).__name__}: {str(error)[:300]}", "-v shows where")


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
