"""Questions of many trees, put together: on one ground each is asked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Final

from auditor.fleet import wire
from auditor.fleet.judging import Evidences
from auditor.fleet.work import Answered, Asked, Asking, AskOutcome, Job, Kind, Lost, ask_outcome
from auditor.judge.ask import Ask
from auditor.model.audit import Failure
from auditor.model.evidence import Evidence, Fault, FaultKind
from auditor.source.memory import Kept

_JUDGED_BY: Final = ""
"""Under this key a ground's answers hold the trust roots that judged them."""


@dataclass(slots=True)
class Ground:
    """Trees that ask by the same trust roots, keys and registries, and what was answered, as JSON by question as JSON.

    `rules` are files of one of the trees: all say the same of these. `failure` is why nothing could be asked.
    """

    key: str
    rules: tuple[Kept, ...]
    policies: tuple[str, ...] | None
    asks: set[Ask] = field(default_factory=set)
    answered: dict[str, bytes] = field(default_factory=dict)
    failure: Failure | None = None

    def open(self) -> list[Ask]:
        """What is still to be asked, by host."""
        waiting = (ask for ask in self.asks if question(ask) not in self.answered)
        return sorted(waiting, key=lambda ask: (ask.reference.host, ask.text, ask.signatures, ask.platforms, ask.every))

    def jobs(self, batch: int, rules_path: str | None) -> Iterator[Job]:
        """Few questions make one job; many make jobs by host, so that no two workers press the same one."""
        asks = self.open()
        lanes = groupby(asks, key=lambda ask: ask.reference.host) if len(asks) > batch else [("", iter(asks))]
        for host, several in lanes:
            mine = tuple(several)
            for start in range(0, len(mine), batch):
                asking = Asking(self.rules, rules_path, mine[start : start + batch], self.policies)
                yield Job(f"{self.key}/{host}/{start}", Kind.ASK, wire.write(asking), host)

    def take(self, job: Job, outcome: bytes | Lost) -> Iterator[tuple[str, bytes]]:
        """Learn from an outcome; what of it to write down, question and answer. Where a worker is lost nobody could tell."""
        for key, content in self._learnt(job, outcome):
            self.answered[key] = content
            yield key, content

    def _learnt(self, job: Job, outcome: bytes | Lost) -> Iterator[tuple[str, bytes]]:
        if isinstance(outcome, Lost):
            fault = Evidence(Fault(FaultKind.INTERNAL, outcome.why))
            asking: Asking = wire.read(job.content, Asking)
            for ask in asking.asks:
                if question(ask) not in self.answered:
                    yield question(ask), wire.write(Answered(ask, fault), AskOutcome)
            return
        match ask_outcome(outcome):
            case Answered() as answered:
                yield question(answered.ask), outcome
            case Asked():
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
        asked = ask_outcome(content) if content is not None else None
        return asked if isinstance(asked, Asked) else Asked()


def question(ask: Ask) -> str:
    """A question as a key."""
    return wire.write(ask).decode("ascii")


@lru_cache(maxsize=4096)
def _answered(content: bytes) -> Answered:
    """Many trees of a fleet run the same images."""
    found = ask_outcome(content)
    if not isinstance(found, Answered):
        raise wire.Garbled("what was kept of an answer is none", help="run the audit without what it kept")
    return found
