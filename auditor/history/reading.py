"""What people ask of a history: which runs there were, what is known of an image, what differs between two runs.

Opened to be read, also while an audit writes: what is seen is what was recorded when the question came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import Struct

from auditor.errors import UsageError
from auditor.history.intervals import COLUMNS, TABLES, seen
from auditor.history.retention import sweep
from auditor.history.runs import day_of, nights
from auditor.history.sighting import Sighting, name_of
from auditor.history.store import HistoryError, Row, Store
from auditor.history.texts import column
from auditor.judge.governing import parse
from auditor.model.audit import Night
from auditor.model.reference import Digest, InvalidDigest, Reference

_SEEN: Final = f"SELECT {COLUMNS}, repositories.name"
_FROM: Final = f"FROM {TABLES} JOIN repositories ON repositories.id = sightings.repository"


class Stay(Struct, frozen=True):
    """An image as one repository had it from one day to another (UTC). `until` is None while it is so."""

    repository: str
    what: Sighting
    since: date
    until: date | None


class Difference(Struct, frozen=True):
    """An image of one repository in two runs: None where it was not there."""

    repository: str
    reference: str
    rule: str | None
    before: Sighting | None
    after: Sighting | None


@contextmanager
def read_history(path: Path) -> Iterator[HistoryReader]:
    """Open a history to ask it. Raises HistoryError where there is none, or it cannot be read."""
    if not path.is_file():
        raise HistoryError(f"there is no history at {path}", help="`auditor audit` begins one; --history names another")
    with Store(path, readonly=True) as store:
        yield HistoryReader(store)


class HistoryReader:
    """Questions to a history."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def runs(self) -> tuple[Night, ...]:
        """Every run that is over, oldest first, of whatever shard."""
        return nights(self._store)

    def image(self, text: str) -> tuple[Stay, ...]:
        """Where and how long an image was seen, oldest first within each repository.

        A reference with tag or digest is looked for as it is written; a bare name finds every tag of it, a digest
        (`sha256:…`) everything that named it.
        """
        where, value = _asked(text)
        rows = self._store.all(
            f"{_SEEN}, since_run, until_run {_FROM}"
            f" WHERE {where} = ? ORDER BY repositories.name, refs.text, since_run, rule",
            (column(value),),
        )
        days = {run: self._day(run) for row in rows for run in row[8:10] if run is not None}
        return tuple(_stay(row, days) for row in rows)

    def _day(self, run: int) -> date:
        rows = self._store.all("SELECT id, started FROM runs WHERE id BETWEEN ? AND ?", (run - 1, run + 1))
        started: dict[int, str] = dict(rows)
        return day_of(started[run], started.get(run - 1), started.get(run + 1))

    def difference(self, before: int, after: int) -> tuple[Difference, ...]:
        """What two runs saw differently in the repositories that both have read, by repository and reference.

        Raises UsageError where the results of a run are not kept, or there was none.
        """
        with self._store.reading():
            for run in (before, after):
                self._check(run)
            old, new = self._state(before, before, after), self._state(after, before, after)
        keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        return tuple(
            Difference(repository, reference, rule or None, old.get(key), new.get(key))
            for key in keys
            for repository, reference, rule in [key]
        )

    def _check(self, run: int) -> None:
        if self._store.one("SELECT 1 FROM results WHERE run = ? LIMIT 1", (run,)) is None:
            raise UsageError(
                f"the history keeps no results of run {run}",
                help="`auditor history show` lists the runs; the latest are kept",
            )

    def _state(self, run: int, *both: int) -> dict[tuple[str, str, str], Sighting]:
        good = "SELECT repository FROM results JOIN outcomes ON outcomes.id = outcome WHERE run = ? AND failure IS NULL"
        rows = self._store.all(
            f"{_SEEN} {_FROM} WHERE since_run <= ? AND (until_run IS NULL OR until_run >= ?)"
            f" AND repository IN ({good}) AND repository IN ({good})",
            (run, run, *both),
        )
        return {(row[7], row[0], row[2]): seen(row) for row in rows}


def _stay(row: Row, days: Mapping[int, date]) -> Stay:
    """Nothing ends before it began, whatever the clocks were."""
    since, until = days[row[8]], None if row[9] is None else days[row[9]]
    return Stay(row[7], seen(row), since, None if until is None else max(since, until))


def _asked(text: str) -> tuple[str, str]:
    """The column that an image is looked for in, and what it must be."""
    try:
        return "digest", str(Digest.parse(text))
    except InvalidDigest:
        parsed = parse(text)
    if isinstance(parsed, Reference) and parsed.tag is None and parsed.digest is None:
        return "refs.name", name_of(text)
    return "refs.text", text


def compact(path: Path, store: Store) -> tuple[int, int]:
    """Write the file anew without what nothing refers to. Bytes before and after."""
    size = path.stat().st_size
    sweep(store)
    store.compact()
    return size, path.stat().st_size
