"""An audit on one page: targets → trees → questions → evidence → reports, each step for all repositories.

1. Every tree is read on its own; one that did not change since it was last read is not read again. Those that did are read
   while the questions of the others are asked.
2. The questions of all trees are put together: on one ground (trust roots, keys, registries) each is asked once.
3. Every tree is judged by its own rules, with what differs from the last time, and written into the history: as soon as all
   that it asks is answered, while others wait for the network.

Whatever is done is in the history at once. A run that is killed goes on there, and nothing of what it holds is asked again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.errors import AuditorError
from auditor.fleet import wire
from auditor.fleet.engines.engine import Engine, Outcome
from auditor.fleet.grounds import Awaiting, Ground
from auditor.fleet.judging import judged
from auditor.fleet.settings import Rulings, Settings
from auditor.fleet.shards import Targets
from auditor.fleet.shelf import Place, RulesShelf, Shelf
from auditor.fleet.trees import Other, ReadOutcome, Wanted, read_outcome
from auditor.fleet.work import Job, Kind, Lost
from auditor.history.drift import remembered
from auditor.history.history import History
from auditor.history.recording import RecordedFleet, Recording
from auditor.model.audit import Audited, AuditRun, Failure, Shard, Stage, Target
from auditor.version import __version__
from auditor.world import World

_AGAIN: Final = "run the audit again: it goes on there"
_ROUNDS: Final = 2
"""Of questions that are left: what changed trees ask beyond the others, and what is asked one by one."""
_GRACE: Final = 5.0
"""Seconds for which trees that have their answers are still judged when the run must end: nearly always all of them."""
_LOG: Final = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """One run over `targets`. `targets_id` names them all, those of other shards too.

    `over` says why the run must end now, "" where it need not. `also` is given each report once it is recorded, in the form in which
    the history returns it.
    """

    targets: Targets
    targets_id: str
    settings: Settings
    engine: Engine
    world: World
    shard: Shard | None = None
    over: Callable[[], str] = lambda: ""
    also: Callable[[Audited], None] | None = None
    rulings: Rulings = dataclasses.field(init=False)

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
        bench = _Bench(recording, Shelf(recording), RulesShelf(self.world), waiting)
        self._read_and_ask(tuple(waiting.values()), bench)
        with watch.lap("judging"):
            for name, place in sorted(bench.places.items()):
                if name not in bench.judged:
                    self._judge(name, bench.grounds[place.wanted.ground], bench)
            notes = dict.fromkeys(note for _, ground in sorted(bench.grounds.items()) for note in ground.notes)
            over = replace(
                recording.run, seconds=watch.seconds, ended_early=self.over(), notes=(*self.targets.notes, *notes)
            )
            recording.finish(over)
        return recording.fleet()

    def _settings(self) -> str:
        """A hash of the options that decide what comes out."""
        settings = replace(self.settings, started=datetime.min.replace(tzinfo=UTC), seconds=0.0, jobs=1)
        return hashlib.sha256(wire.write(settings)).hexdigest()

    def _read_and_ask(self, waiting: tuple[Target, ...], bench: _Bench) -> None:
        watch = self.world.watch
        outcomes = self.engine.run(self._jobs(waiting, bench))
        with watch.lap("repositories"):
            self._take_each(outcomes, bench, enough=lambda: len(bench.seen) == len(waiting))
            bench.recording.note_use()  # while registries are waited for; in the end everybody waits for it
        with watch.lap("registries and signatures"):
            if begun := sum(len(ground.open()) for ground in bench.grounds.values() if ground.grows):
                watch.progress.expect(begun)
            self._take_each(outcomes, bench)
            for _ in range(_ROUNDS):
                for _, ground in sorted(bench.grounds.items()):
                    self._ask(ground, bench)

    def _jobs(self, waiting: Iterable[Target], bench: _Bench) -> Iterator[Job | None]:
        """Jobs: the trees to read, and the questions of one ground.

        A ground with many questions is asked while trees are still being read, one with few only after them.
        """
        early: Ground | None = None
        try:
            for job in self._readings(waiting, bench, glance=True):
                yield job
                if early is None and bench.large:
                    early = bench.large[0]
                    yield early.early()
            while early is None and bench.under_way:
                yield None
            if early is None and bench.large:
                early = bench.large[0]
                yield early.early()
            elif early is None and not self.over():
                yield from next(
                    (ground.jobs(self.engine.batch, by_host=self.engine.by_host) for ground in bench.open()), ()
                )
            while bench.under_way or bench.changed:
                yield next(self._readings([bench.changed.pop()], bench), None) if bench.changed else None
        finally:
            if early is not None:
                early.complete()

    def _take_each(
        self, outcomes: Iterator[tuple[Job, Outcome]], bench: _Bench, *, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Take outcomes until `enough`, or until there are no more. Answers that come when the run must end are not taken."""
        while not enough() and (came := next(outcomes, None)) is not None:
            job, outcome = came
            if job.kind is Kind.READ:
                bench.under_way.discard(job.name)
                self._take(job.name, outcome, bench)
            elif self.over():  # what comes now may only be that nobody could be asked any more
                return
            else:
                self._learn(job, outcome, bench)

    # ── 1. every tree on its own ─────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, name: str, outcome: bytes | Lost, bench: _Bench) -> None:
        """Keep what was read of a tree, and add its questions to those of its ground. A tree that has changed is to be read later."""
        target = bench.targets[name]
        bench.seen.add(name)
        try:
            read = _read_outcome(outcome)
            if isinstance(read, Failure):
                bench.recording.record(Audited(target, failure=read))
                return
            if isinstance(read, Other):
                bench.changed.append(target)
                return
            place = bench.shelf.put(name, read)
            wanted = place.wanted
            if wanted.ground not in bench.grounds:
                bench.grounds[wanted.ground] = self._ground(name, wanted, bench)
        except wire.Garbled as error:
            bench.shelf.forget(name)  # so that the next run reads the tree anew
            bench.recording.record(Audited(target, failure=Failure(Stage.INTERNAL, error.message, error.help)))
            return
        bench.places[name] = place
        ground = bench.grounds[wanted.ground]
        more = ground.add(wanted.asks)
        if not bench.large and 0 < self.engine.early <= ground.waiting:
            bench.large.append(ground)
        if more and len(bench.seen) == len(bench.targets):
            self.world.watch.progress.expect(more)
        waits = bench.awaiting.setdefault(ground.key, Awaiting()).add(name, wanted.asks, ground.answered)
        if not waits and wanted.asks and ground.heard:
            self._judge(name, ground, bench)

    def _ground(self, name: str, wanted: Wanted, bench: _Bench) -> Ground:
        ruling = self.rulings.of(name)
        rules, path = bench.shelf.extract(name).rules, ruling.path if ruling else None
        ground = Ground(wanted.ground, rules, path, wanted.policies, given=ruling is not None)
        ground.answered.update(bench.recording.answers(ground.key))
        return ground

    def _readings(self, targets: Iterable[Target], bench: _Bench, *, glance: bool = False) -> Iterator[Job]:
        """A job for each tree that is to be read. With `glance`, known trees are only compared with what is known of them."""
        for target in targets:
            if self.over():
                return
            reading = bench.shelf.reading(target)
            reading = replace(reading, glance=glance and reading.known is not None)
            bench.under_way.add(target.name)
            yield Job(target.name, Kind.READ, wire.write(reading))

    # ── 2. each question once ────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, ground: Ground, bench: _Bench) -> None:
        """Ask what is open on a ground, and judge each tree whose last question is answered."""
        if not self.over() and ground.failure is None and ground.open():
            self._take_each(self.engine.run(ground.jobs(self.engine.batch, by_host=self.engine.by_host)), bench)

    def _learn(self, job: Job, outcome: Outcome, bench: _Bench) -> None:
        ground = bench.grounds[job.name.partition("/")[0]]
        for question, answer in ground.take(job, outcome):
            bench.recording.answer(ground.key, question, answer)
            for name in bench.awaiting[ground.key].answered(question):
                self._judge(name, ground, bench)

    # ── 3. every tree by its own rules ───────────────────────────────────────────────────────────────────────────────────

    def _judge(self, name: str, ground: Ground, bench: _Bench) -> None:
        bench.judged.add(name)
        audited = self._judged(bench.targets[name], bench.places[name], ground, bench)
        if bench.recording.record(audited) and self.also is not None:
            self.also(bench.recording.as_read(audited))

    def _judged(self, target: Target, place: Place, ground: Ground, bench: _Bench) -> Audited:
        if ground.failure is not None:
            return Audited(target, place.commit, failure=ground.failure)
        evidences = None if self._is_too_late(bench) else ground.evidences(place.wanted.asks)
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

    def _is_too_late(self, bench: _Bench) -> bool:
        """Whether the time for judging after the end of the run is over too: policies may take seconds for each tree."""
        if not self.over():
            return False
        bench.ends.append(self.world.watch.seconds + _GRACE)
        return self.world.watch.seconds > bench.ends[0]


class _Bench(Struct, frozen=True):
    """The state of a run. Targets, `places` (trees that were read) and `awaiting` are by name, grounds by key.

    `seen` are the names of targets that were compared or read, `under_way` of those that are being read, `judged` of those that are
    done; `changed` are targets that are to be read again. `large` holds the first ground with enough questions to begin asking early.
    `ends`: once the run must end, its first value is the time (in seconds of the run) until which trees are still judged.
    """

    recording: Recording
    shelf: Shelf
    rules: RulesShelf
    targets: Mapping[str, Target]
    seen: set[str] = field(default_factory=set)
    under_way: set[str] = field(default_factory=set)
    changed: list[Target] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    grounds: dict[str, Ground] = field(default_factory=dict)
    awaiting: dict[str, Awaiting] = field(default_factory=dict)
    large: list[Ground] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    ends: list[float] = field(default_factory=list)

    def open(self) -> Iterator[Ground]:
        """The grounds on which something is to be asked."""
        return (each for _, each in sorted(self.grounds.items()) if each.failure is None and each.open())


def _read_outcome(outcome: bytes | Lost) -> ReadOutcome:
    if isinstance(outcome, Lost):
        return Failure(Stage.WORKER, outcome.why, "run the audit again")
    return read_outcome(outcome)
