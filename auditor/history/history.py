"""The history as an audit opens it: one writer, one file, and the run that begins or goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from auditor.history.lock import locked
from auditor.history.recording import Recording
from auditor.history.runs import start_run
from auditor.history.store import Store
from auditor.history.texts import column, moment
from auditor.model.audit import AuditRun, Target

RESUME_WITHIN: Final = timedelta(hours=6)
"""How old a run may be that the next one goes on with: what was answered then still holds for tonight."""
_AT_ONCE: Final = 500
"""Names of one question."""


@contextmanager
def open_history(path: Path | None, *, now: datetime) -> Iterator[History]:
    """Open a history to record a run in it; make it where there is none. None: in a temporary file, gone at the end.

    Raises HistoryError where another process writes it, where it is damaged, of a newer version, or of another program; the
    file is then as it was.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder, Store(Path(folder) / "history.sqlite") as store:
            yield History(store)
        return
    with locked(path, now), Store(path) as store:
        yield History(store)


class History:
    """An open history that this process alone writes."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def begin(
        self, run: AuditRun, targets: Iterable[Target], *, settings: str, resume_within: timedelta = RESUME_WITHIN
    ) -> Recording:
        """Begin a run; or go on with the last one, where it was killed or ended early and asked for the same.

        `settings` is a hash of everything but the targets that decides what comes out (rules, options). A run that began
        longer ago than `resume_within`, or by its clock after this one, is left as it is.
        """
        named = {target.name: target for target in targets}
        with self.store.writing():
            number = self._unfinished(run, settings, resume_within)
            if number is not None:
                self.store.all("UPDATE runs SET finished = 0, ended_early = '' WHERE id = ?", (number,))
                return Recording(self.store, number, named, resumed=True)
            self.store.all("DELETE FROM answers")
            number = start_run(self.store, replace(run, previous=run.previous or self._previous(named)), settings)
        return Recording(self.store, number, named, resumed=False)

    def _unfinished(self, run: AuditRun, settings: str, resume_within: timedelta) -> int | None:
        """The last run, where this one may go on with it. An earlier one never is: what came after it has seen more."""
        row = self.store.one(
            "SELECT id, started FROM runs WHERE id = (SELECT max(id) FROM runs) AND (finished = 0 OR ended_early != '')"
            " AND version = ? AND targets = ? AND settings = ? AND shard = ?",
            (run.version, run.targets, settings, str(run.shard) if run.shard else ""),
        )
        if row is None:
            return None
        age = run.started - moment(row[1])
        number: int = row[0]
        return number if timedelta(0) <= age <= resume_within else None

    def _previous(self, names: Iterable[str]) -> datetime | None:
        """When the latest run began that has read any of these repositories."""
        latest = 0
        every = [column(name) for name in names]
        for start in range(0, len(every), _AT_ONCE):
            chunk = every[start : start + _AT_ONCE]
            marks = ",".join("?" * len(chunk))
            row = self.store.one(f"SELECT max(good_run) FROM repositories WHERE name IN ({marks})", chunk)  # noqa: S608 - marks
            latest = max(latest, (row and row[0]) or 0)
        row = self.store.one("SELECT started FROM runs WHERE id = ?", (latest,))
        return moment(row[0]) if row else None
