"""Evidence + rules → images and findings. Pure: the day is given, nothing is asked.

1. Each added use is judged by every entry that governs it, and the use that it replaces by the first of its own.
2. Every rule looks at every added use; what the reading could not see adds its own findings.
3. Levels as `rules:` says; what is off is gone, what is waived or in the baseline stays and is marked.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.config.rules import ImageRule, Rules
from auditor.judge.advice import next_step
from auditor.judge.ask import Asking, DontAsk
from auditor.judge.compare import Comparison
from auditor.judge.findings.gaps import Touched, gap_findings
from auditor.judge.findings.policy import rulings, unreadable_policies
from auditor.judge.findings.subject import Known, Subject, finding
from auditor.judge.findings.table import USE_RULES
from auditor.judge.governing import Governing, parse
from auditor.judge.ignores import Ignores, ignore_findings, ignoring
from auditor.judge.images import images
from auditor.judge.verdict import Decision, decide
from auditor.judge.waivers import excuse, waiver_findings
from auditor.judge.words import cut
from auditor.model.evidence import Evidence, FaultKind
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.reference import InvalidReference, Reference
from auditor.model.report import Image
from auditor.model.use import Use
from auditor.model.verdict import Judgement, Verdict
from auditor.policies.ruling import Judgment

_DECIDED: Final = 16_384
"""Decisions that are held for other trees of a run, at most."""


class Judged(Struct, frozen=True):
    """Every image, worst first, and every finding, worst first."""

    images: tuple[Image, ...]
    findings: tuple[Finding, ...]


def judge(
    comparison: Comparison,
    evidence: Mapping[str, Evidence],
    rules: Rules,
    today: date,
    *,
    gaps: tuple[Gap, ...] = (),
    touched: Touched | None = None,
    others: tuple[Finding, ...] = (),
    policies: Mapping[str, tuple[Judgment, ...]] = MappingProxyType({}),
    ignores: Ignores | None = None,
    governing: Governing | None = None,
) -> Judged:
    """Judge what a change newly deploys, or with a whole comparison everything.

    `evidence` is keyed by the reference as written (`ask.questions` says what is needed); `gaps` are head's, `touched` what
    the change touches (None: everything gates); `others` are findings of other floors, with their levels; `policies` is what
    the cluster's own policies say, by the reference as written (`policies.table.table`); `ignores` are the comments that ask
    to ignore a finding; `governing` is what is known already of which entries govern which uses.
    """
    excuses = _Excuses(rules, ignores or Ignores(), today)
    bench = _Bench(rules, evidence, governing or Governing(rules))
    judged = {use: bench.known(use) for use in comparison.added}
    before = {use: bench.known(old)[0] for use, old in comparison.previous.items()}
    subjects = [
        Subject(known, rules, before.get(use), rulings(use, policies.get(use.reference, ())))
        for use, each in judged.items()
        for known in each
    ]
    found = _found(subjects, excuses)
    told = frozenset(_about(each) for each in found)
    unseen = tuple(_distinct(each for each in gap_findings(gaps, touched, rules) if _about(each) not in told))
    live = tuple(each for each in (*found, *unseen, *others) if each.level is not Level.OFF)
    # A file or chart that could not be read then may hide something else now: what a change touches, no baseline knows. Nor
    # what it newly deploys: a copy in another folder has the fingerprint of what was there before.
    anew = frozenset(each for each in unseen if touched is not None and each.image is None)
    anew |= frozenset(found if not comparison.whole else ())
    about = (each for each in excuses.findings(live, whole=comparison.whole) if each.level is not Level.OFF)
    marked = (excuses.marked(each, known=each not in anew) for each in (*live, *about))
    every = (*comparison.added, *comparison.kept, *comparison.removed)
    labels = {use: tuple(entry.label if entry else None for entry in bench.governing.entries(use)) for use in every}
    rows = {text: tuple(each.reported for each in row) for text, row in policies.items()}
    return Judged(images(comparison, judged, before, labels, rows), tuple(sorted(marked, key=_rank)))


class _Excuses(Struct, frozen=True):
    """What excuses findings on one day: waivers and the baseline of the rules, and comments beside images."""

    rules: Rules
    ignores: Ignores
    today: date

    def marked(self, each: Finding, *, known: bool) -> Finding:
        """The finding, with what excuses it where anything does. `known`: whether the baseline may."""
        ignored = ignoring(each, self.ignores, self.rules, self.today)
        return excuse(each, self.rules, self.today, known=known, ignored=ignored)

    def unexcused_first(self, drafted: list[Finding]) -> list[Finding]:
        """What no comment excuses before what one does; else in the order in which they come."""
        if not self.ignores.head:
            return drafted
        return sorted(drafted, key=lambda each: ignoring(each, self.ignores, self.rules, self.today) is not None)

    def findings(self, live: tuple[Finding, ...], *, whole: bool) -> Iterator[Finding]:
        """What is to be said of waivers and comments themselves: expired, or about nothing that was found."""
        yield from waiver_findings(live, self.rules, self.today, whole=whole)
        yield from ignore_findings(live, self.ignores, self.rules, self.today, whole=whole)


def _found(subjects: Sequence[Subject], excuses: _Excuses) -> tuple[Finding, ...]:
    """What the rules and the cluster's policies find, once for each image in a container and file.

    Two entries may say one thing of one use at two levels, and several lines may become one finding: the worst stands for
    them all, but one that nothing excuses before any that something does.
    """
    drafted = sorted(chain(_use_findings(subjects), unreadable_policies(subjects)), key=lambda each: each.level.rank)
    return tuple(_distinct(excuses.unexcused_first(drafted)))


def _use_findings(subjects: Iterable[Subject]) -> Iterator[Finding]:
    for subject in subjects:
        for name, rule in USE_RULES.items():
            draft = rule(subject)
            if draft is not None:
                yield finding(name, draft, subject)


def _about(each: Finding) -> Hashable:
    return (each.rule, each.image, each.root, each.place.file if each.place else None)


def _distinct(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for all uses of one image by one container in one file."""
    seen = set()
    for each in findings:
        key = (each.fingerprint, each.place if each.image is None else _about(each))
        if key not in seen:
            seen.add(key)
            yield each


def _rank(each: Finding) -> tuple[bool, int, str, str, int, str]:
    place = each.place
    file, line = (place.file, place.line) if place else ("", 0)
    return (not each.counts, each.level.rank, each.rule, file, line, each.image or "")


class _Bench:
    """Each reference is decided once per entry, however many uses it has."""

    def __init__(self, rules: Rules, evidence: Mapping[str, Evidence], governing: Governing) -> None:
        self.governing = governing
        self._rules = rules
        self._evidence = evidence
        self._asking = Asking(self.governing)
        self._decisions: dict[tuple[str, int], Decision] = {}
        self._decided = governing.decided if governing.rules is rules else {}

    def known(self, use: Use) -> tuple[Known, ...]:
        """Everything that is known about one use, by each entry that governs it."""
        reference = parse(use.reference)
        return tuple(self._known(use, reference, entry) for entry in self.governing.entries(use))

    def _known(self, use: Use, reference: Reference | InvalidReference, entry: ImageRule | None) -> Known:
        key = (use.reference, id(entry))  # not its label: two entries must never share a decision
        if key not in self._decisions:
            self._decisions[key] = self._decide(use, reference, entry)
        return Known(use, reference, entry, self._evidence.get(use.reference), self._decisions[key])

    def _decide(self, use: Use, reference: Reference | InvalidReference, entry: ImageRule | None) -> Decision:
        if isinstance(reference, InvalidReference):
            advice = next_step(FaultKind.UNSUPPORTED)
            return Decision(Judgement(Verdict.UNJUDGED, f"not an image reference: {cut(str(reference))}", None, advice))
        evidence = self._evidence.get(use.reference)
        if evidence is None:
            question = self._asking.question(use)
            return decide(reference, entry, question.fault if isinstance(question, DontAsk) else None, self._rules)
        key = (use.reference, id(entry), id(evidence))  # the very same evidence: equal ones would have to be compared
        found = self._decided.get(key)
        if found is None:
            found = self._decided[key] = (evidence, decide(reference, entry, evidence, self._rules))
            if len(self._decided) > _DECIDED:
                self._decided.pop(next(iter(self._decided)))
        return found[1]
