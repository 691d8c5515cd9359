"""Exceptions: waivers with an owner, a reason and an end, and the baseline. Both mark findings, and hide none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from auditor.config.levels import AUDITED
from auditor.config.rules import Rules, Waiver
from auditor.judge.findings.subject import level
from auditor.judge.governing import parse
from auditor.judge.words import cut
from auditor.model.finding import Finding, Waived
from auditor.model.place import Place
from auditor.model.reference import InvalidReference


def covers(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver speaks about a finding, in force or not.

    The pattern sees the normalised name; of a text that is no reference the text; of a finding without image its file.
    """
    if waiver.rule != finding.rule:
        return False
    return waiver.image.matches(_name(finding))


def _name(finding: Finding) -> str:
    if finding.image is None:
        return finding.place.file if finding.place else ""
    reference = parse(finding.image)
    return finding.image if isinstance(reference, InvalidReference) else reference.name


def in_force(waiver: Waiver, today: date) -> bool:
    """`until` is the last valid day (UTC)."""
    return today <= waiver.until


def excuse(
    finding: Finding, rules: Rules, today: date, *, known: bool = True, ignored: Waived | None = None
) -> Finding:
    """The finding, marked as waived, by a comment or by the rules, or as known before adoption (where `known` allows that)."""
    waiver = next((each for each in rules.waivers if in_force(each, today) and covers(each, finding)), None)
    waived = Waived(waiver.owner, waiver.until, waiver.reason) if waiver else ignored
    baseline = known and finding.fingerprint in rules.baseline
    if waived == finding.waived and baseline == finding.baseline:
        return finding
    return replace(finding, waived=waived, baseline=baseline)


def waiver_findings(findings: tuple[Finding, ...], rules: Rules, today: date, *, whole: bool) -> Iterator[Finding]:
    """`waiver-expired` where an ended waiver still has something to cover, and `waiver-unused`.

    Only a run over the `whole` tree can tell that a waiver is unused, and none can of what differs on some nights only.
    """
    for waiver in rules.waivers:
        covered = next((finding for finding in findings if covers(waiver, finding)), None)
        if covered is not None and not in_force(waiver, today) and not _renewed(waiver, covered, rules, today):
            yield _expired(waiver, covered, rules)
        elif covered is None and whole and waiver.rule not in AUDITED:
            yield _unused(waiver, rules)


def _renewed(waiver: Waiver, finding: Finding, rules: Rules, today: date) -> bool:
    return any(each is not waiver and in_force(each, today) and covers(each, finding) for each in rules.waivers)


def _expired(waiver: Waiver, covered: Finding, rules: Rules) -> Finding:
    about = cut(covered.image or _name(covered))
    message = (
        f"The waiver of {waiver.rule} for {about} ended on {waiver.until} ({cut(waiver.owner)}: {cut(waiver.reason)})."
    )
    advice = "Fix the image, or let the owner renew the waiver in a change of its own."
    return _finding("waiver-expired", waiver, message, advice, rules)


def _unused(waiver: Waiver, rules: Rules) -> Finding:
    message = f"The waiver of {waiver.rule} for {cut(waiver.image.text)} covers nothing."
    return _finding("waiver-unused", waiver, message, "Remove it.", rules)


def _finding(rule: str, waiver: Waiver, message: str, advice: str, rules: Rules) -> Finding:
    place = Place(waiver.file or rules.source, waiver.line)
    return Finding(rule, level(rule, rules), message, advice, place, owner=f"{waiver.image.text} {waiver.rule}")
