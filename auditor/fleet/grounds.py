"""Questions of many trees, put together: on one ground each is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Final

from msgspec import Struct, field

from auditor.fleet import wire
from auditor.fleet.feed import Feed
from auditor.fleet.judging import Evidences
from auditor.fleet.work import Answered, Asked, Asking, AskOutcome, Job, Kind, Lost, ask_outcome
from auditor.judge.ask import Ask
from auditor.model.audit import Failure
from auditor.model.evidence import Evidence, Fault, FaultKind
from auditor.source.memory import Kept

_JUDGED_BY: Final = ""
"""Under this key a ground's answers hold the trust roots that judged them."""


class Ground(Struct):
    """The questions of trees with the same trust roots, keys and registries, and the answers (`answered`: JSON by JSON).

    `rules` are files of one of these trees, `rules_path` is the rules file among them (None: at the usual names); all the trees agree
    in those settings. `given`: the rules come from whoever runs the audit. `asks` are in the order of the trees, so that one tree
    after the other has its answers. `failure` is why nothing could be asked. `piecewise`: a question ends each worker that asks it, so
    each is asked in a job of its own.
    """

    key: str
    rules: tuple[Kept, ...]
    rules_path: str | None
    policies: tuple[str, ...] | None
    given: bool
    asks: dict[Ask, None] = field(default_factory=dict)
    answered: dict[str, bytes] = field(default_factory=dict)
    failure: Failure | None = None
    piecewise: bool = False
    waiting: int = 0
    """Questions that were added and had no answer then."""
    heard: bool = False
    """Whether this run has been told which trust roots judge."""
    _feed: Feed | None = None

    def add(self, asks: Iterable[Ask]) -> int:
        """Add the questions of one more tree. Returns how many of them were handed to a job that is under way already."""
        new = [ask for ask in dict.fromkeys(asks) if ask not in self.asks]
        self.asks.update(dict.fromkeys(new))
        left = [ask for ask in new if question(ask) not in self.answered]
        self.waiting += len(left)
        if self._feed is None:
            return 0
        self._feed.put(left)
        return len(left)

    def open(self) -> list[Ask]:
        """What is still to be asked."""
        return [ask for ask in self.asks if question(ask) not in self.answered]

    def jobs(self, batch: int, *, by_host: bool) -> Iterator[Job]:
        """The open questions as jobs of at most `batch` questions; `by_host`: each job has the questions to one host only."""
        asks = self.open()
        batch = 1 if self.piecewise else batch
        lanes: Iterable[tuple[str, Iterable[Ask]]] = [("", asks)]
        if by_host and len(asks) > batch:
            lanes = groupby(sorted(asks, key=_host), key=_host)
        for host, several in lanes:
            mine = tuple(several)
            for start in range(0, len(mine), batch):
                some = mine[start : start + batch]
                asking = Asking(self.rules, self.rules_path, some, self.policies, self.given)
                yield Job(f"{self.key}/{host}/{start}", Kind.ASK, wire.write(asking), host, len(some))

    def early(self) -> Job:
        """What is open, and whatever is added until `complete`."""
        asks = tuple(self.open())
        self._feed = Feed()
        asking = Asking(self.rules, self.rules_path, asks, self.policies, self.given)
        return Job(f"{self.key}/early", Kind.ASK, wire.write(asking), size=len(asks), more=self._feed)

    @property
    def grows(self) -> bool:
        """Whether what is added is asked with what was begun early."""
        return self._feed is not None

    def complete(self) -> None:
        """Nothing is added any more to what was begun early."""
        if self._feed is not None:
            self._feed.close()

    def take(self, job: Job, outcome: bytes | Lost) -> Iterator[tuple[str, bytes]]:
        """Take in an outcome. Yields each question with its answer, to be kept; a lost worker's are answered by a fault."""
        for key, content in self._learnt(job, outcome):
            self.answered[key] = content
            yield key, content

    def _learnt(self, job: Job, outcome: bytes | Lost) -> Iterator[tuple[str, bytes]]:
        if isinstance(outcome, Lost) and outcome.piecewise:
            self.piecewise = True
            return
        if isinstance(outcome, Lost):
            fault = Evidence(Fault(FaultKind.INTERNAL, outcome.why))
            asking: Asking = wire.read(job.content, Asking)
            for ask in (*asking.asks, *(job.more.given if job.more else ())):
                if question(ask) not in self.answered:
                    yield question(ask), wire.write(Answered(ask, fault))
            return
        match _outcome(outcome):
            case Answered() as answered:
                if not _is_cut_off(answered.evidence):
                    yield question(answered.ask), outcome
            case Asked():
                self.heard = True
                yield _JUDGED_BY, outcome
            case Failure() as failure:
                self.failure = failure

    def evidences(self, asks: tuple[Ask, ...]) -> Evidences | None:
        """What was answered on these questions; None where one has no answer."""
        contents = [self.answered.get(question(ask)) for ask in asks]
        if None in contents:
            return None
        answered = tuple(_answered(content) for content in contents if content is not None)
        return Evidences(answered, self._judged_by())

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know of its trust roots and registries."""
        return self._judged_by().notes

    def _judged_by(self) -> Asked:
        content = self.answered.get(_JUDGED_BY)
        asked = _outcome(content) if content is not None else None
        return asked if isinstance(asked, Asked) else Asked()


class Awaiting:
    """Trees of one ground, by name with what each asks, that wait until all of it is answered."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._waiting: dict[str, list[str]] = {}

    def add(self, name: str, asks: Iterable[Ask], answered: Mapping[str, bytes]) -> bool:
        """One more tree; whether it has to wait for anything."""
        left = {question(ask) for ask in asks} - answered.keys()
        self._open[name] = len(left)
        for each in left:
            self._waiting.setdefault(each, []).append(name)
        return bool(left)

    def answered(self, key: str) -> Iterator[str]:
        """The trees that have all their answers now that this question has its own."""
        for name in self._waiting.pop(key, ()):
            self._open[name] -= 1
            if not self._open[name]:
                yield name


@lru_cache(maxsize=16_384)
def question(ask: Ask) -> str:
    """A question as a key."""
    return wire.write(ask).decode("ascii")


def _is_cut_off(evidence: Evidence) -> bool:
    """Whether there is no answer because there was no time for one: that is no answer to keep."""
    return any(fault.kind is FaultKind.DEADLINE for fault in evidence.faults)


def _host(ask: Ask) -> str:
    return ask.reference.host


@lru_cache(maxsize=4096)
def _outcome(content: bytes) -> AskOutcome:
    """An answer from JSON. Cached: many trees run the same images, and an answer is parsed when it comes and when it is used."""
    return ask_outcome(content)


def _answered(content: bytes) -> Answered:
    found = _outcome(content)
    if not isinstance(found, Answered):
        raise wire.Garbled("what was kept of an answer is none", help="run the audit without what it kept")
    return found
