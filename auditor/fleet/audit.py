"""An audit on one page: targets → trees → questions → evidence → reports, each step for all repositories.

1. Every tree is read on its own; one that did not change since it was last read is not read again.
2. The questions of all trees are put together: on one ground (trust roots, keys, registries) each is asked once.
3. Every tree is judged by its own rules, with what differs from the last time, and written into the history: as soon as all
   that it asks is answered, while others wait for the network.

Whatever is done is in the history at once. A run that is killed goes on there, and nothing of what it holds is asked again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from auditor.errors import AuditorError
from auditor.fleet import wire
from auditor.fleet.engines.engine import Engine
from auditor.fleet.grounds import Awaiting, Ground
from auditor.fleet.judging import judged
from auditor.fleet.settings import Rulings, Settings
from auditor.fleet.shards import Targets
from auditor.fleet.shelf import Place, RulesShelf, Shelf
from auditor.fleet.work import Job, Kind, Lost, ReadOutcome, Wanted, read_outcome
from auditor.history.drift import remembered
from auditor.history.history import History
from auditor.history.recording import RecordedFleet, Recording
from auditor.model.audit import Audited, AuditRun, Failure, Shard, Stage, Target
from auditor.version import __version__
from auditor.world import World

_AGAIN: Final = "run the audit again: it goes on there"
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Audit:
    """One run over `targets`. `targets_id` names them all, those of other shards too.

    `over` says why the run must end now, "" where it need not.
    """

    targets: Targets
    targets_id: str
    settings: Settings
    engine: Engine
    world: World
    shard: Shard | None = None
    over: Callable[[], str] = lambda: ""
    rulings: Rulings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rulings", Rulings(self.settings.rulings))

    def run(self, history: History) -> RecordedFleet:
        """Audit every target, and give what reports are written from."""
        watch = self.world.watch
        begun = AuditRun(
            self.settings.started, __version__, self.targets_id, shard=self.shard, notes=self.targets.notes
        )
        recording = history.begin(begun, self.targets.all, settings=self._settings())
        for failed in self.targets.failed:
            recording.record(failed)
        done = recording.done()
        waiting = {each.name: each for each in self.targets.found if each.name not in done}
        with watch.lap("repositories"):
            places, grounds = self._read(waiting, recording)
        bench = _Bench(recording, Shelf(recording), RulesShelf(self.world), places, waiting)
        with watch.lap("registries and signatures"):
            for _, ground in sorted(grounds.items()):
                self._ask(ground, bench)
        with watch.lap("judging"):
            for name in sorted(places):
                if name not in bench.judged:
                    self._judge(name, grounds[places[name].wanted.ground], bench)
            notes = dict.fromkeys(note for _, ground in sorted(grounds.items()) for note in ground.notes)
            over = replace(
                recording.run, seconds=watch.seconds, ended_early=self.over(), notes=(*self.targets.notes, *notes)
            )
            recording.finish(over)
        return recording.fleet()

    def _settings(self) -> str:
        """A hash of the options that decide what comes out."""
        settings = replace(self.settings, started=datetime.min.replace(tzinfo=UTC), seconds=0.0, jobs=1)
        return hashlib.sha256(wire.write(settings)).hexdigest()

    # ── 1. every tree on its own ─────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, waiting: Mapping[str, Target], recording: Recording) -> tuple[dict[str, Place], dict[str, Ground]]:
        shelf = Shelf(recording)
        places: dict[str, Place] = {}
        grounds: dict[str, Ground] = {}
        for job, outcome in self.engine.run(self._readings(waiting.values(), shelf)):
            try:
                read = _read_outcome(outcome)
                if isinstance(read, Failure):
                    recording.record(Audited(waiting[job.name], failure=read))
                    continue
                place = shelf.put(job.name, read)
                wanted = place.wanted
                if wanted.ground not in grounds:
                    grounds[wanted.ground] = self._ground(job.name, wanted, shelf)
            except wire.Garbled as error:
                shelf.forget(job.name)  # so that the next run reads the tree anew
                recording.record(Audited(waiting[job.name], failure=Failure(Stage.INTERNAL, error.message, error.help)))
                continue
            places[job.name] = place
        for _, place in sorted(places.items()):
            grounds[place.wanted.ground].asks.update(dict.fromkeys(place.wanted.asks))
        return places, grounds

    def _ground(self, name: str, wanted: Wanted, shelf: Shelf) -> Ground:
        ruling = self.rulings.of(name)
        rules, path = shelf.extract(name).rules, ruling.path if ruling else None
        return Ground(wanted.ground, rules, path, wanted.policies, given=ruling is not None)

    def _readings(self, targets: Iterable[Target], shelf: Shelf) -> Iterator[Job]:
        for target in targets:
            if self.over():
                return
            yield Job(target.name, Kind.READ, wire.write(shelf.reading(target)))

    # ── 2. each question once ────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, ground: Ground, bench: _Bench) -> None:
        """Ask what is open on a ground, and judge each tree whose last question is answered."""
        ground.answered.update(bench.recording.answers(ground.key))
        if self.over() or not ground.open():
            return
        wanted = ((name, place.wanted) for name, place in sorted(bench.places.items()))
        trees = ((name, each.asks) for name, each in wanted if each.ground == ground.key)
        awaiting = Awaiting(trees, ground.answered)
        jobs = ground.jobs(self.engine.batch, by_host=self.engine.by_host)
        for job, outcome in self.engine.run(jobs):
            if self.over():  # what comes now may only be that nobody could be asked any more
                return
            for question, answer in ground.take(job, outcome):
                bench.recording.answer(ground.key, question, answer)
                for name in awaiting.answered(question):
                    self._judge(name, ground, bench)

    # ── 3. every tree by its own rules ───────────────────────────────────────────────────────────────────────────────────

    def _judge(self, name: str, ground: Ground, bench: _Bench) -> None:
        bench.judged.add(name)
        bench.recording.record(self._judged(bench.targets[name], bench.places[name], ground, bench))

    def _judged(self, target: Target, place: Place, ground: Ground, bench: _Bench) -> Audited:
        if ground.failure is not None:
            return Audited(target, place.commit, failure=ground.failure)
        evidences = ground.evidences(place.wanted.asks)
        if evidences is None:
            why = self.over() or "not every question was answered"
            return Audited(target, place.commit, failure=Failure(Stage.TIME, why, _AGAIN))
        try:
            found = replace(bench.shelf.extract(target.name), commit=place.commit)
            ruling = self.rulings.of(target.name)
            governing = bench.rules.load(ruling.path if ruling else None, found.rules)
            report = judged(target, found, governing, evidences, self.settings)
            before = bench.recording.before(target.name, report)
            return Audited(target, place.commit, remembered(report, before, governing.rules, self.settings.today))
        except Exception as error:  # noqa: BLE001 - one repository must not cost the others their report; it is logged
            bench.shelf.forget(target.name)
            _LOG.exception("unexpected error while judging %s", target.name)
            said = error.message if isinstance(error, AuditorError) else f"{type(error).__name__}: {str(error)[:300]}"
            return Audited(
                target, place.commit, failure=Failure(Stage.INTERNAL, f"unexpected: {said}", "-v shows where")
            )


@dataclass(frozen=True, slots=True)
class _Bench:
    """What judging a tree needs of the run. `judged` are the names of those that are done."""

    recording: Recording
    shelf: Shelf
    rules: RulesShelf
    places: Mapping[str, Place]
    targets: Mapping[str, Target]
    judged: set[str] = field(default_factory=set)


def _read_outcome(outcome: bytes | Lost) -> ReadOutcome:
    if isinstance(outcome, Lost):
        return Failure(Stage.WORKER, outcome.why, "run the audit again")
    return read_outcome(outcome)
