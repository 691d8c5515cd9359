"""What earlier runs saw of the images that tonight's report is about: what drift is measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct, field

from auditor.history.intervals import COLUMNS, TABLES, seen
from auditor.history.sighting import Sighting, name_of
from auditor.history.store import Store
from auditor.history.texts import column
from auditor.model.report import Report

_FOREVER: Final = 2**62
"""`until` of an interval that is open."""
_AT_ONCE: Final = 500
"""Names of one question: SQLite takes some thousand values."""


class Interval(NamedTuple):
    """A sighting, and the numbers of the first and the last run that saw it."""

    since: int
    until: int
    what: Sighting


class Before(Struct, frozen=True):
    """What earlier runs saw in one repository. `known` is False where none has read it: then nothing is drift.

    `latest` holds, by reference, the sightings of the last run in which somebody could tell; `named` those of the same by the
    normalised name of the repository. `digests` is what each reference named last. `signed` tells, by name and digest, what
    was last known of the signatures. `doubted` are references that were there when the repository was first read, and that nobody
    could judge.
    """

    known: bool = False
    latest: Mapping[str, tuple[Sighting, ...]] = field(default_factory=dict)
    named: Mapping[str, tuple[Sighting, ...]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    signed: Mapping[tuple[str, str], Sighting] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()


NOTHING: Final = Before()
"""Of a repository that is read for the first time."""


def load_before(store: Store, repository: int, first: int, report: Report) -> Before:
    """What is known of a report's images. `first` is the repository's first good run."""
    names = {column(name_of(image.reference)) for image in report.images}
    return before(_intervals(store, repository, names), first)


def _intervals(store: Store, repository: int, names: Iterable[str]) -> Iterator[Interval]:
    left = iter(sorted(names))
    while chunk := list(islice(left, _AT_ONCE)):
        marks = ",".join("?" * len(chunk))
        for row in store.all(
            f"SELECT {COLUMNS}, since_run, until_run FROM {TABLES} WHERE repository = ? AND refs.name IN ({marks})",  # noqa: S608 - constants and marks
            (repository, *chunk),
        ):
            yield Interval(row[7], _FOREVER if row[8] is None else row[8], seen(row))


def before(intervals: Iterable[Interval], first: int) -> Before:
    """The latest word on everything, out of every interval of one repository; `first` is the run that read it first."""
    every = sorted(intervals, key=lambda each: (each.until, each.since))
    told = [each for each in every if each.what.definite]
    definite = {each.what.reference for each in told}
    return Before(
        known=True,
        latest=_last(told, lambda each: each.reference),
        named=_last(told, lambda each: each.name),
        digests={each.what.reference: each.what.digest for each in told if each.what.digest},
        signed=_signed(told),
        doubted=frozenset(
            each.what.reference for each in every if each.since == first and each.what.reference not in definite
        ),
    )


def _last(told: Iterable[Interval], key: Callable[[Sighting], str]) -> Mapping[str, tuple[Sighting, ...]]:
    """By key, the sightings that were seen last, all in one run."""
    found: dict[str, tuple[int, tuple[Sighting, ...]]] = {}
    for each in told:
        until, sightings = found.get(key(each.what), (-1, ()))
        found[key(each.what)] = (each.until, (*(sightings if until == each.until else ()), each.what))
    return {name: sightings for name, (_, sightings) in found.items()}


def _signed(told: Iterable[Interval]) -> Mapping[tuple[str, str], Sighting]:
    """By name and digest, the latest sighting that tells whether a valid signature was there; of one run's, one that says so."""
    found: dict[tuple[str, str], Interval] = {}
    for each in told:
        if each.what.vouched is None or each.what.digest is None:
            continue
        key = (each.what.name, each.what.digest)
        last = found.get(key)
        if last is None or each.until > last.until or each.what.signed:
            found[key] = each
    return {key: each.what for key, each in found.items()}
