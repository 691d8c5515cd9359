"""An audit as its readers see it: repositories worst first, what changed, which images most places share.

Filled in one pass. What grows with the audit lies in temporary files; what is held does not grow.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import groupby
from types import TracebackType
from typing import Final, Self, TypeVar

from msgspec import Struct, convert, field, to_builtins

from auditor.model.audit import Audited, Fleet
from auditor.model.finding import Finding
from auditor.model.report import Image, Report
from auditor.model.verdict import UNTRUSTED, Verdict
from auditor.report.fleet.census import DRIFT, Census, State, oldest, state_of
from auditor.report.fleet.spool import Spool, sort_key
from auditor.report.json_v1 import finding_counts

T = TypeVar("T")

_KEYS: Final = 2_000
"""Rules and policies that are counted by name: what more there are, is counted together."""
OTHERS: Final = "(others)"
_MOST: Final = 10**9


class Row(Struct, frozen=True):
    """One repository in numbers. `verdicts` and `findings` as in a `summary` of JSON."""

    name: str
    address: str
    ref: str | None
    path: str
    commit: str | None
    state: State
    images: int
    uses: int
    verdicts: Mapping[str, int]
    findings: Mapping[str, int]
    drift: int
    since: date | None
    stage: str = ""
    why: str = ""
    help: str = ""

    @property
    def order(self) -> bytes:
        """Worst first: how it ended, then how many errors, then its name."""
        return sort_key(self.state.rank, _MOST - self.findings["error"], _MOST - self.findings["incomplete"], self.name)


class Drifted(Struct, frozen=True):
    """One thing that is not as it was, with where and since when. `waived` where it does not count."""

    rule: str
    level: str
    repository: str
    image: str
    message: str
    help: str
    since: date | None
    waived: bool


class Shared(Struct, frozen=True):
    """One reference over all repositories that use it. `since` is the first day on which a finding about it was there."""

    reference: str
    name: str
    verdict: Verdict
    uses: int
    repositories: int
    reason: str
    since: date | None


class _Sighting(Struct, frozen=True):
    """An image in one repository."""

    repository: str
    image: Shared


class Ledger(Struct):
    """What all formats for people are written from. Close it."""

    census: Census = field(default_factory=Census)
    by_rule: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(what governs, verdict) → images."""
    by_policy: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(cluster policy, its word) → images."""
    by_finding: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(rule, level) → findings that count."""
    _rows: Spool = field(default_factory=Spool)
    _drift: Spool = field(default_factory=Spool)
    _images: Spool = field(default_factory=Spool)

    def add(self, audited: Audited) -> None:
        """Take in one repository."""
        self.census.add(audited)
        row = _row(audited)
        self._rows.add(row.order, _written(row))
        if audited.report is not None:
            self._add_report(audited.target.name, audited.report)

    def _add_report(self, repository: str, report: Report) -> None:
        since = _first_days(report.findings)
        for image in report.images:
            self._add_image(repository, image, since.get(image.reference))
        for finding in report.findings:
            if finding.counts:
                _count(self.by_finding, finding.rule, finding.level.value)
            if finding.rule in DRIFT:
                drifted = _drifted(repository, finding)
                order = sort_key(int(drifted.waived), DRIFT.index(finding.rule), repository, drifted.image)
                self._drift.add(order, _written(drifted))

    def _add_image(self, repository: str, image: Image, since: date | None) -> None:
        for policy in image.policies:
            _count(self.by_policy, policy.policy, policy.verdict.value)
        if image.verdict is None:
            return
        _count(self.by_rule, image.rule or "no rule", image.verdict.value)
        shared = Shared(
            image.reference, image.name or "", image.verdict, len(image.uses), 1, image.reason[:1500], since
        )
        key = sort_key(image.name or image.reference, image.reference, image.verdict.severity, repository)
        self._images.add(key, _written(_Sighting(repository, shared)))

    def rows(self) -> Iterator[Row]:
        """The repositories, worst first."""
        for _key, body in self._rows:
            yield _read(body, Row)

    def drift(self) -> Iterator[Drifted]:
        """What changed: what counts first, then in the order of `DRIFT`, then by repository."""
        for _key, body in self._drift:
            yield _read(body, Drifted)

    def drifts(self) -> int:
        """How many things changed."""
        return len(self._drift)

    def images(self) -> Iterator[Shared]:
        """Each reference with each of its verdicts, by name, over all repositories."""
        records = (_read(body, _Sighting) for _key, body in self._images)
        for (reference, verdict), same in groupby(records, key=lambda r: (r.image.reference, r.image.verdict)):
            yield _together(reference, verdict, same)

    def most_used(self, number: int, verdicts: frozenset[Verdict] = UNTRUSTED) -> list[Shared]:
        """The images with such a verdict that most places use."""
        wanted = (image for image in self.images() if image.verdict in verdicts)
        return heapq.nsmallest(number, wanted, key=lambda i: (-i.uses, -i.repositories, i.reference))

    def close(self) -> None:
        """Give the temporary files back."""
        for spool in (self._rows, self._drift, self._images):
            spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_ledger(fleet: Fleet, also: Callable[[Audited], None] = lambda _: None) -> Ledger:
    """Go through all repositories once. `also` sees each of them on the way. Raises SpoolError."""
    ledger = Ledger()
    try:
        for audited in fleet.repositories():
            ledger.add(audited)
            also(audited)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _count(counter: Counter[tuple[str, str]], name: str, word: str) -> None:
    key = (name, word)
    counter[key if key in counter or len(counter) < _KEYS else (OTHERS, word)] += 1


def _row(audited: Audited) -> Row:
    target, report, failure = audited.target, audited.report or None, audited.failure
    findings = report.findings if report else ()
    return Row(
        name=target.name,
        address=target.address,
        ref=target.ref,
        path=target.path,
        commit=audited.commit,
        state=state_of(audited),
        images=len(report.images) if report else 0,
        uses=sum(len(image.uses) for image in report.images) if report else 0,
        verdicts={v.value: n for v, n in report.verdicts().items()} if report else {},
        findings=finding_counts(findings),
        drift=sum(1 for f in findings if f.rule in DRIFT and f.counts),
        since=oldest(findings),
        stage=failure.stage.value if failure else "",
        why=failure.why if failure else "",
        help=failure.help if failure else "",
    )


def _drifted(repository: str, finding: Finding) -> Drifted:
    return Drifted(
        finding.rule,
        finding.level.value,
        repository,
        finding.image or "",
        finding.message,
        finding.help,
        finding.since,
        not finding.counts,
    )


def _first_days(findings: tuple[Finding, ...]) -> dict[str, date]:
    """Reference → the first day on which something that is no drift was found about it."""
    days: dict[str, date] = {}
    for finding in findings:
        if finding.image and finding.since and finding.rule not in DRIFT:
            days[finding.image] = min(finding.since, days.get(finding.image, finding.since))
    return days


def _together(reference: str, verdict: Verdict, records: Iterator[_Sighting]) -> Shared:
    uses, repositories, since = 0, set[str](), date.max
    name = reason = ""
    for sighting in records:
        shared = sighting.image
        uses += shared.uses
        repositories.add(sighting.repository)
        since = min(since, shared.since or date.max)
        name, reason = shared.name, reason or shared.reason
    known = None if since is date.max else since
    return Shared(reference, name, verdict, uses, len(repositories), reason, known)


def _written(value: object) -> bytes:
    """A record as JSON in ASCII, because paths need not be UTF-8."""
    return json.dumps(to_builtins(value)).encode()


def _read(body: bytes, as_type: type[T]) -> T:
    return convert(json.loads(body), as_type)
