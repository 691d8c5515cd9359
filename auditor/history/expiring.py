"""`waiver-expires-soon`: exceptions that cover something today, and will not much longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from auditor.config.rules import Rules, Waiver
from auditor.judge.findings.subject import level
from auditor.judge.waivers import covers, in_force
from auditor.judge.words import cut
from auditor.model.finding import Finding
from auditor.model.place import Place

_RULE: Final = "waiver-expires-soon"
_SOON: Final = timedelta(days=14)
_ADVICE: Final = "Fix the image before, or let the owner renew it in a change of its own."


def expiring(findings: Sequence[Finding], rules: Rules, today: date) -> Iterator[Finding]:
    """One finding for each waiver of the rules, and for each comment, that ends within two weeks and covers a finding.

    A waiver is left out where another one covers the same findings for longer.
    """
    for waiver in rules.waivers:
        if in_force(waiver, today) and _soon(waiver.until, today):
            covered = (each for each in findings if covers(waiver, each))
            if any(not _covered_for_longer(each, rules, today) for each in covered):
                yield _of_rules(waiver, rules)
    for each in findings:
        if each.waived is not None and _soon(each.waived.until, today) and not _by_rules(each, rules, today):
            yield _of_comment(each, each.waived.until, rules)


def _soon(until: date, today: date) -> bool:
    return until - today <= _SOON


def _by_rules(finding: Finding, rules: Rules, today: date) -> bool:
    return any(in_force(each, today) and covers(each, finding) for each in rules.waivers)


def _covered_for_longer(finding: Finding, rules: Rules, today: date) -> bool:
    return any(not _soon(each.until, today) and covers(each, finding) for each in rules.waivers)


def _of_rules(waiver: Waiver, rules: Rules) -> Finding:
    message = (
        f"The waiver of {waiver.rule} for {cut(waiver.image.text)} ends on {waiver.until} "
        f"({cut(waiver.owner)}: {cut(waiver.reason)})."
    )
    place = Place(waiver.file or rules.source, waiver.line)
    return Finding(_RULE, level(_RULE, rules), message, _ADVICE, place, owner=f"{waiver.image.text} {waiver.rule}")


def _of_comment(finding: Finding, until: date, rules: Rules) -> Finding:
    about = cut(finding.image or (finding.place.file if finding.place else ""))
    message = f"The comment that ignores {finding.rule} for {about} ends on {until}."
    owner = f"{finding.owner} {finding.rule}"
    return Finding(_RULE, level(_RULE, rules), message, _ADVICE, finding.place, finding.image, finding.root, owner)
