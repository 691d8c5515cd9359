"""An audit in numbers: what every report of it says first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.model.audit import Audited, Fleet
from auditor.model.finding import Finding, Level
from auditor.model.report import Exit, Report, TrustUsed
from auditor.model.verdict import Verdict
from auditor.report.json_v1 import finding_counts

DRIFT: Final = (
    "signature-vanished",
    "tag-moved",
    "new-unsigned",
    "signer-changed",
    "waiver-expires-soon",
    "newly-verified",
)
"""The rules that compare with the last time, in the order in which they are told."""

_TRUSTS: Final = 100
"""Trust roots that are listed for the whole run: repositories may each name their own."""


class State(StrEnum):
    """How the audit of a repository ended, worst first. `--exit-zero` changes nothing about it."""

    FAILS = "failing"
    UNREACHED = "not-audited"
    INCOMPLETE = "incomplete"
    CLEAN = "clean"

    @property
    def rank(self) -> int:
        """The worst is 0."""
        return tuple(State).index(self)


def state_of(audited: Audited) -> State:
    """What a reader must know of one repository."""
    if audited.report is None:
        return State.UNREACHED
    outcome = replace(audited.report, exit_zero=False).exit
    return {Exit.FINDINGS: State.FAILS, Exit.INCOMPLETE: State.INCOMPLETE}.get(outcome, State.CLEAN)


def oldest(findings: Iterable[Finding]) -> date | None:
    """Since when the oldest finding that counts and asks for action has been there."""
    asking = (Level.ERROR, Level.WARNING, Level.INCOMPLETE)
    return min((f.since for f in findings if f.since and f.counts and f.level in asking), default=None)


class Census(Struct):
    """Sums over all repositories. Its size does not depend on how many there are."""

    states: Counter[State] = field(default_factory=Counter)
    images: int = 0
    uses: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    drift: Counter[str] = field(default_factory=Counter)
    exits: set[Exit] = field(default_factory=set)
    complete: bool = True
    exit_zero: bool = True
    fail_on: Level | None = None
    since: date | None = None
    _trust: dict[TrustUsed, tuple[str, int]] = field(default_factory=dict)
    """With the first repository by name that rests on it, and where it stands there."""

    def add(self, audited: Audited) -> None:
        """Count one repository."""
        self.states[state_of(audited)] += 1
        self.exits.add(audited.exit)
        if audited.report is None:
            self.complete = False
        else:
            self._add_report(audited.report)
            self._add_trust(audited.target.name, audited.report)

    def _add_report(self, report: Report) -> None:
        self.images += len(report.images)
        self.uses += sum(len(image.uses) for image in report.images)
        self.verdicts.update(report.verdicts())
        self.findings.update(finding_counts(report.findings))
        self.drift.update(f.rule for f in report.findings if f.rule in DRIFT and f.counts)
        self.complete = self.complete and report.complete
        self.exit_zero = self.exit_zero and report.exit_zero
        if self.fail_on is None or report.fail_on.rank > self.fail_on.rank:
            self.fail_on = report.fail_on
        known = oldest(report.findings)
        self.since = known if self.since is None or (known and known < self.since) else self.since

    def _add_trust(self, name: str, report: Report) -> None:
        for number, used in enumerate(report.run.trust):
            self._trust[used] = min(self._trust.get(used, (name, number)), (name, number))
        if len(self._trust) > 2 * _TRUSTS:  # whichever is dropped comes after a hundred others, or is met again
            self._trust = {used: self._trust[used] for used in self.trusts}

    @property
    def trusts(self) -> list[TrustUsed]:
        """The trust roots, in the order of the repositories' names: the same in whichever order these were counted."""
        return sorted(self._trust, key=self._trust.__getitem__)[:_TRUSTS]

    @property
    def repositories(self) -> int:
        """How many there are."""
        return self.states.total()

    def summary(self) -> Mapping[str, object]:
        """As the `summary` of JSON."""
        return {
            "images": self.images,
            "uses": self.uses,
            "verdicts": {
                verdict.value: self.verdicts[verdict] for verdict in sorted(self.verdicts, key=lambda v: v.severity)
            },
            "findings": {
                level: self.findings[level]
                for level in ("error", "warning", "note", "waived", "baseline", "incomplete")
            },
        }

    def exit(self, fleet: Fleet) -> Exit:
        """What `model.audit.fleet_exit` says, without going through the repositories again."""
        if Exit.FINDINGS in self.exits:
            return Exit.FINDINGS
        return Exit.INCOMPLETE if Exit.INCOMPLETE in self.exits or fleet.run.ended_early else Exit.CLEAN

    def outcome(self, fleet: Fleet) -> Exit:
        """The exit status without `--exit-zero`: what the reader must know even where the run may not fail."""
        if self.states[State.FAILS]:
            return Exit.FINDINGS
        open_ = self.states[State.INCOMPLETE] + self.states[State.UNREACHED]
        return Exit.INCOMPLETE if open_ or fleet.run.ended_early else Exit.CLEAN
