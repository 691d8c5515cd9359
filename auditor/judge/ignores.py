"""Inline ignores: exceptions that stand in the manifests, so that whoever changes a manifest could write one.

They count as waivers do, with one difference: of a change, only those that base has for the same use. The same use is the same
reference in the same root, workload, container and file; under a comment that stays, another image is not excused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, TypeAlias

from auditor.config.levels import DEFAULT_LEVELS
from auditor.config.rules import Rules
from auditor.judge.findings.subject import level
from auditor.judge.waivers import covers, in_force
from auditor.judge.words import cut
from auditor.model.finding import Finding, Waived
from auditor.model.ignore import Ignore
from auditor.model.place import Place
from auditor.model.use import Use

_REVOKED: Final = "denied-image"

Excused: TypeAlias = tuple[str, str, str | None, str, str]
"""File, reference, root, workload with container, rule."""


@dataclass(frozen=True, slots=True)
class Ignores:
    """Head's comments, and what base excuses until when; `granted` None: there is no base, head's own count.

    `texts` are base's comments by file, `uses` the uses of head that a comment may be about.
    """

    head: tuple[Ignore, ...] = ()
    granted: Mapping[Excused, date] | None = None
    texts: frozenset[tuple[str, str]] = frozenset()
    uses: tuple[Use, ...] = field(default=(), repr=False)


def excused(uses: Iterable[Use], comments: Iterable[Ignore], added: Iterable[Use] = ()) -> Mapping[Excused, date]:
    """What comments say about uses, with the last day of each.

    Nothing of `added` uses that something else deploys too: who excused them for one place was not asked about the other.
    """
    found: dict[Excused, date] = {}
    deployers: dict[tuple[str, str, str | None, str], set[str]] = {}
    for key, ignore, use in _about(uses, comments):
        if ignore.mistake is None and ignore.until is not None:
            found[key] = max(ignore.until, found.get(key, ignore.until))
            deployers.setdefault(key[:4], set()).update(use.deployers)
    wider = {_of(use) for use in added if not set(use.deployers) <= deployers.get(_of(use), set())}
    return {key: until for key, until in found.items() if key[:4] not in wider}


def ignoring(finding: Finding, ignores: Ignores, rules: Rules, today: date) -> Waived | None:
    """The comment that excuses a finding, if one in force does."""
    for ignore in _over(finding, ignores, rules, today):
        if ignore.until is not None and today <= ignore.until and _counts(finding, ignore, ignores):
            return Waived(ignore.owner, ignore.until, ignore.reason)
    return None


def ignore_findings(
    findings: tuple[Finding, ...], ignores: Ignores, rules: Rules, today: date, *, whole: bool
) -> Iterator[Finding]:
    """`waiver-added` for what base does not have, `waiver-expired`, and `waiver-unused`, also for what cannot be read."""
    yield from _added(ignores, rules, today)
    for ignore in ignores.head:
        why = _mistake(ignore, rules, today)
        if why is not None:
            if whole or (ignore.place.file, ignore.text) not in ignores.texts:
                yield _finding("waiver-unused", ignore, f"This ignore counts for nothing: {why}.", "Mend it.", rules)
            continue
        covered = [each for each in findings if ignore.is_about(each.place) and each.rule in ignore.rules]
        counting = [e for e in covered if _counts(e, ignore, ignores) and not _otherwise(e, ignores, rules, today)]
        if ignore.until is not None and ignore.until < today:
            yield from (_expired(ignore, each, rules) for each in counting[:1])
        if whole:
            yield from (_unused(ignore, rule, rules) for rule in ignore.rules if rule not in {e.rule for e in covered})


def _otherwise(finding: Finding, ignores: Ignores, rules: Rules, today: date) -> bool:
    """Whether a waiver, or another comment, excuses a finding."""
    waived = any(in_force(each, today) and covers(each, finding) for each in rules.waivers)
    return waived or ignoring(finding, ignores, rules, today) is not None


def _over(finding: Finding, ignores: Ignores, rules: Rules, today: date) -> Iterator[Ignore]:
    """The comments that are meant for a finding, and say what they must."""
    if finding.image is not None:
        for ignore in ignores.head:
            if ignore.is_about(finding.place) and finding.rule in ignore.rules and not _mistake(ignore, rules, today):
                yield ignore


def _counts(finding: Finding, ignore: Ignore, ignores: Ignores) -> bool:
    """Whether base excuses the same use as long as this comment does."""
    if finding.image is None or ignore.until is None:
        return False
    if ignores.granted is None:
        return True
    key = (ignore.place.file, finding.image, finding.root, finding.owner, finding.rule)
    until = ignores.granted.get(key)
    return until is not None and ignore.until <= until


def _mistake(ignore: Ignore, rules: Rules, today: date) -> str | None:
    """Why a comment counts for nothing."""
    if ignore.mistake is not None:
        return cut(ignore.mistake)
    unknown = next((rule for rule in ignore.rules if rule not in DEFAULT_LEVELS), None)
    if unknown is not None:
        return f"there is no rule {cut(unknown)}"
    if _REVOKED in ignore.rules:
        return "a comment lifts no revocation"
    latest = today + timedelta(days=min(rules.max_waiver_days, (date.max - today).days))
    if ignore.until is None or ignore.until > latest:
        return f"it ends more than {rules.max_waiver_days} days ahead"
    return None


def _of(use: Use) -> tuple[str, str, str | None, str]:
    return use.place.file, use.reference, use.root, use.owner


def _about(uses: Iterable[Use], comments: Iterable[Ignore]) -> Iterator[tuple[Excused, Ignore, Use]]:
    at: dict[tuple[str, int], list[Ignore]] = {}
    for ignore in comments:
        at.setdefault((ignore.place.file, ignore.target), []).append(ignore)
    for use in uses:
        for ignore in at.get((use.place.file, use.place.line), ()) if use.deployed else ():
            for rule in ignore.rules:
                yield (*_of(use), rule), ignore, use


def _added(ignores: Ignores, rules: Rules, today: date) -> Iterator[Finding]:
    """One for each comment, rule and image that base does not excuse, or not as long."""
    if ignores.granted is None:
        return
    told = set()
    for key, ignore, _ in _about(ignores.uses, ignores.head):
        until = ignores.granted.get(key)
        about = (ignore.place, key[1], key[4])
        if ignore.until is None or _mistake(ignore, rules, today) or about in told:
            continue
        if until is None or until < ignore.until:
            told.add(about)
            yield _new(ignore, key, "adds" if until is None else "extends", rules)


def _new(ignore: Ignore, key: Excused, verb: str, rules: Rules) -> Finding:
    _, reference, _, _, rule = key
    message = (
        f"This change {verb} an ignore of {rule} for {cut(reference)} until {ignore.until} ({cut(ignore.reason)})."
    )
    advice = "It does not count for this change: merge it before what it excuses."
    return _finding("waiver-added", ignore, message, advice, rules, about=f"{reference} {rule}")


def _expired(ignore: Ignore, covered: Finding, rules: Rules) -> Finding:
    message = (
        f"The ignore of {covered.rule} for {cut(covered.image or '')} ended on {ignore.until} ({cut(ignore.reason)})."
    )
    return _finding(
        "waiver-expired",
        ignore,
        message,
        "Fix the image, or renew the ignore in a change of its own.",
        rules,
        about=f"{covered.image} {covered.rule}",
    )


def _unused(ignore: Ignore, rule: str, rules: Rules) -> Finding:
    message = f"The ignore of {rule} covers nothing."
    return _finding("waiver-unused", ignore, message, "Remove it.", rules, about=rule)


def _finding(rule: str, ignore: Ignore, message: str, advice: str, rules: Rules, *, about: str = "") -> Finding:
    place = Place(ignore.place.file, ignore.place.line, ignore.place.column)
    return Finding(rule, level(rule, rules), message, advice, place, owner=about or ignore.text)
