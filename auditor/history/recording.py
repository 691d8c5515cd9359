"""One run, as it is recorded: what was done is there at once, so that a run that is killed goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from auditor.history.before import NOTHING, Before, load_before
from auditor.history.documents import as_read
from auditor.history.intervals import Span, ages, extend
from auditor.history.outcomes import each_outcome, store_outcome
from auditor.history.retention import Retention, prune
from auditor.history.runs import end_run, load_run, nights
from auditor.history.store import Store
from auditor.history.texts import column, packed, unpacked
from auditor.model.audit import Audited, AuditRun, Failure, Night, Stage, Target, exit_of
from auditor.model.report import Exit, Report

_AT_ONCE: Final = 500
"""Answers that are read at once."""


class RecordedFleet(Struct, frozen=True):
    """A run as reports read it: out of the file, one repository at a time."""

    store: Store
    number: int

    @property
    def run(self) -> AuditRun:
        """How the audit came to be."""
        return load_run(self.store, self.number)

    def repositories(self) -> Iterator[Audited]:
        """Each target with what came of it, in the order of names; findings know since when they have been there."""
        return each_outcome(self.store, self.number, self.run.started)

    def beside(self, names: Iterable[str]) -> Iterator[Audited]:
        """The same without the targets of these names, which somebody has already."""
        return each_outcome(self.store, self.number, self.run.started, frozenset(map(column, names)))

    @property
    def exit(self) -> Exit:
        """How the audit ends, without reading its reports again."""
        rows = self.store.all(
            "SELECT DISTINCT exit FROM results JOIN outcomes ON outcomes.id = outcome WHERE run = ?", (self.number,)
        )
        return exit_of((Exit(row[0]) for row in rows), self.run)

    def nights(self) -> tuple[Night, ...]:
        """The runs of this shard that are over, oldest first, this one last."""
        run = self.run
        return nights(self.store, str(run.shard) if run.shard else "", self.number)


class _Known(NamedTuple):
    """A repository's number; its first and its latest good run, and the hash of what came of that."""

    id: int
    first_run: int | None
    good_run: int | None
    good_document: bytes | None


class Recording:
    """A run that is being recorded. All methods may be called from several threads; each is done when it returns."""

    def __init__(self, store: Store, number: int, targets: Mapping[str, Target], *, resumed: bool) -> None:
        self._store = store
        self.number = number
        self.resumed = resumed
        self._targets = targets
        self._used: set[str] = set()
        self._noted: set[str] = set()
        self._using = Lock()
        self._started = self.run.started

    @property
    def run(self) -> AuditRun:
        """How the run began; `previous` says what drift is measured against."""
        return load_run(self._store, self.number)

    # ── work that is half done ───────────────────────────────────────────────────────────────────────────────────────────

    def kept(self, key: str) -> bytes | None:
        """What was kept under a key, in this run or an earlier one; None where there is nothing, or it is damaged."""
        return self.kept_under(key)[0]

    def kept_under(self, *keys: str) -> tuple[bytes | None, ...]:
        """The same for several keys at once."""
        asked = [column(key) for key in keys]
        marks = ",".join("?" * len(asked))
        rows = self._store.all(f"SELECT key, content FROM extractions WHERE key IN ({marks})", asked)  # noqa: S608 - marks
        found: dict[str, bytes] = dict(rows)
        with self._using:
            self._used.update(found.keys() - self._noted)
        return tuple(unpacked(found[key]) if key in found else None for key in asked)

    def keep(self, key: str, content: bytes) -> None:
        """Keep something for this run and later ones, until some runs in a row have not asked for it."""
        self._store.all(
            "INSERT INTO extractions (key, content, used_run) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET content = excluded.content, used_run = excluded.used_run",
            (column(key), packed(content), self.number),
        )

    def answer(self, ground: str, key: str, content: bytes) -> None:
        """Keep an answer until the run is over: a run that goes on does not ask again."""
        self._store.all(
            "INSERT OR REPLACE INTO answers (run, ground, key, content) VALUES (?, ?, ?, ?)",
            (self.number, ground, key, packed(content, quickly=True)),
        )

    def answers(self, ground: str) -> Iterator[tuple[str, bytes]]:
        """Every key and answer that the run has had on a ground, in the order in which they came. Damaged ones are left out."""
        last = 0
        while rows := self._store.all(
            "SELECT id, key, content FROM answers WHERE run = ? AND ground = ? AND id > ? ORDER BY id LIMIT ?",
            (self.number, ground, last, _AT_ONCE),
        ):
            last = rows[-1][0]
            for _, key, kept in rows:
                content = unpacked(kept)
                if content is not None:
                    yield key, content

    # ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────────

    def done(self) -> frozenset[str]:
        """The names of the targets whose report this run has. What failed is to be tried again by a run that goes on."""
        rows = self._store.all(
            "SELECT name FROM results JOIN outcomes ON outcomes.id = outcome JOIN repositories ON repositories.id = repository"
            " WHERE run = ? AND failure IS NULL",
            (self.number,),
        )
        known = {column(name): name for name in self._targets}
        return frozenset(known[row[0]] for row in rows if row[0] in known)

    def before(self, name: str, report: Report) -> Before:
        """What earlier runs saw of the images of a repository's report (`auditor.history.drift.remembered`)."""
        known = self._repository(name)
        if known is None or known.good_run is None or known.first_run is None or known.good_run >= self.number:
            return NOTHING
        return load_before(self._store, known.id, known.first_run, report)

    def record(self, audited: Audited) -> bool:
        """Write what came of one target. True where it is final: a report, which nothing recorded later replaces.

        A report replaces a failure; whatever comes after a report is ignored.
        """
        name = audited.target.name
        with self._store.writing():
            known = self._repository(name)
            if known is None:
                self._store.all("INSERT INTO repositories (name) VALUES (?)", (column(name),))
                known = self._repository(name)
                assert known is not None
            if known.good_run == self.number:
                return False
            stored = store_outcome(self._store, audited)
            self._store.all(
                "INSERT OR REPLACE INTO results (run, repository, outcome) VALUES (?, ?, ?)",
                (self.number, known.id, stored.outcome),
            )
            if audited.report is None:
                return False
            if stored.document != known.good_document:
                extend(self._store, Span(known.id, self.number, known.good_run), audited.report)
            self._store.all(
                "UPDATE repositories SET good_run = ?, good_document = ?, first_run = coalesce(first_run, ?) WHERE id = ?",
                (self.number, stored.document, self.number, known.id),
            )
            return True

    def as_read(self, audited: Audited) -> Audited:
        """A report that was recorded, as `RecordedFleet.repositories` gives it."""
        if audited.report is None:
            return audited
        known = self._repository(audited.target.name)
        since = ages(self._store, known.id, self.number) if known else {}
        return replace(audited, report=as_read(audited.report, self._started, audited.commit, since))

    def _repository(self, name: str) -> _Known | None:
        """None where no run has heard of it."""
        row = self._store.one(
            "SELECT id, first_run, good_run, good_document FROM repositories WHERE name = ?", (column(name),)
        )
        return None if row is None else _Known(*row)

    def finish(self, run: AuditRun, retention: Retention = Retention()) -> None:  # noqa: B008 - immutable
        """End the run. Targets of which nothing came are failures, and never missing; what is too old is dropped.

        A run that `ended_early` keeps its answers, so that the next one can go on with it.
        """
        why = run.ended_early or "the run was over before its turn came"
        with self._store.writing():
            told = {row[0] for row in self._store.all(_NAMES, (self.number,))}
            for name, target in self._targets.items():
                if column(name) not in told:
                    self.record(
                        Audited(target, failure=Failure(Stage.TIME, why, "run the audit again: it goes on there"))
                    )
            self.note_use()
            end_run(self._store, self.number, run)
            if not run.ended_early:
                self._store.all("DELETE FROM answers WHERE run = ?", (self.number,))
            prune(self._store, self.number, retention)

    def note_use(self) -> None:
        """Write down what this run has asked for of what was kept. Done in the end; what is done earlier need not be done then."""
        with self._using:
            used, self._used = self._used, set()
            self._noted |= used
        with self._store.writing():
            self._store.each("UPDATE extractions SET used_run = ? WHERE key = ?", ((self.number, key) for key in used))

    def fleet(self) -> RecordedFleet:
        """What reports are written from."""
        return RecordedFleet(self._store, self.number)


_NAMES: Final = "SELECT name FROM results JOIN repositories ON repositories.id = repository WHERE run = ?"
