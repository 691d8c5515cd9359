"""How long the history keeps what. Holes that are left are used again; only `compact` makes the file smaller."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct

from auditor.history.store import Store
from auditor.history.texts import instant, moment

_CLOCK: Final = 3
"""Runs of which the earliest clock counts: one that was wrong for a night must not drop a year."""


class Retention(Struct, frozen=True):
    """`runs` whose reports are kept; `days` for which it is known what was seen; `unused` runs until an extraction goes.

    What is as it was in a repository's latest good run is kept, however old. So are the numbers of every run.
    """

    runs: int = 30
    days: int = 400
    unused: int = 14


def prune(store: Store, run: int, retention: Retention) -> None:
    """Drop what is too old as of a run. Inside a transaction."""
    store.all("DELETE FROM extractions WHERE used_run <= ?", (run - retention.unused,))
    store.all("DELETE FROM results WHERE run <= ?", (run - retention.runs,))
    store.all("DELETE FROM outcomes WHERE id NOT IN (SELECT outcome FROM results)")
    store.all("DELETE FROM documents WHERE hash NOT IN (SELECT document FROM outcomes WHERE document IS NOT NULL)")
    last = _last_too_old(store, retention.days)
    if last is not None:
        store.all("DELETE FROM sightings WHERE until_run <= ?", (last,))
        store.all("DELETE FROM findings WHERE until_run <= ?", (last,))
        _forget(store, last)


def _last_too_old(store: Store, days: int) -> int | None:
    """The last run that began so many days ago, and the one before it too: a clock that was behind for a night counts for nothing."""
    clocks = [moment(row[0]) for row in store.all("SELECT started FROM runs ORDER BY id DESC LIMIT ?", (_CLOCK,))]
    try:
        cutoff = min(clocks) - timedelta(days=days)
    except OverflowError:
        return None
    rows = store.all(
        "SELECT runs.id FROM runs LEFT JOIN runs earlier ON earlier.id = runs.id - 1"
        " WHERE runs.started < ?1 AND coalesce(earlier.started, '') < ?1 ORDER BY runs.id DESC LIMIT 1",
        (instant(cutoff),),
    )
    return rows[0][0] if rows else None


def _forget(store: Store, last: int) -> None:
    """Repositories that have not been read since, and everything about them."""
    gone = "SELECT id FROM repositories WHERE good_run <= ? AND id NOT IN (SELECT repository FROM results)"
    for table in ("sightings", "findings"):
        store.all(f"DELETE FROM {table} WHERE repository IN ({gone})", (last,))  # noqa: S608 - constants
    store.all(f"DELETE FROM repositories WHERE id IN ({gone})", (last,))  # noqa: S608 - constants


def sweep(store: Store) -> None:
    """Drop names that nothing refers to any more: what `compact` does before it writes the file anew."""
    with store.writing():
        store.all(
            "DELETE FROM refs WHERE id NOT IN (SELECT ref FROM sightings)"
            " AND id NOT IN (SELECT ref FROM findings WHERE ref IS NOT NULL)"
        )
        store.all("DELETE FROM signers WHERE id NOT IN (SELECT signers FROM sightings)")
