"""All lints over the policies of a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from auditor.config.levels import DEFAULT_LEVELS
from auditor.manifests.objects import Object
from auditor.model.finding import Finding, Level
from auditor.model.use import Use
from auditor.policies.cursor import Mistake
from auditor.policies.lint import (
    any_identity,
    audit_mutates,
    deprecated_kind,
    either_subject,
    enforces_nothing,
    gap,
    ignored_field,
    log_unchecked,
    many_identities,
    never_matches,
    overlap,
    skips_containers,
    unanchored_regex,
    wildcard_in_exact_field,
)
from auditor.policies.lint.coverage import coverage
from auditor.policies.lint.subject import Subject

LINTS: Final[Mapping[str, Callable[[Subject], Iterator[Finding]]]] = {
    each.RULE: each.check
    for each in (
        wildcard_in_exact_field,
        unanchored_regex,
        never_matches,
        any_identity,
        either_subject,
        ignored_field,
        log_unchecked,
        many_identities,
        audit_mutates,
        enforces_nothing,
        deprecated_kind,
        skips_containers,
    )
}
"""The lints that look at one policy alone, by rule."""


def lint(
    objects: Iterable[Object],
    mistakes: Iterable[Mistake] = (),
    uses: Iterable[Use] = (),
    levels: Mapping[str, Level] | None = None,
) -> tuple[Finding, ...]:
    """Every finding, in file order. `mistakes` are what loading the policies found; `levels` are the rules' own."""
    subjects = tuple(Subject(each) for each in objects)
    deployed = tuple(uses)
    covered = tuple(coverage(subjects))
    found = [finding for subject in subjects for check in LINTS.values() for finding in check(subject)]
    found += overlap.check(covered, deployed)
    found += gap.check(covered, deployed)
    found += [_mistake(each) for each in mistakes]
    graded = [replace(each, level=(levels or {}).get(each.rule, each.level)) for each in found]
    return tuple(sorted((each for each in graded if each.level is not Level.OFF), key=_order))


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    place = finding.place
    return (
        (place.file, place.line, place.column, finding.rule, finding.message) if place else ("", 0, 0, finding.rule, "")
    )


def _mistake(mistake: Mistake) -> Finding:
    return Finding(
        "policy-not-evaluable",
        DEFAULT_LEVELS["policy-not-evaluable"],
        f"this policy cannot be evaluated: {mistake}",
        "correct it, or render it first where it is a template",
        mistake.place,
        owner=mistake.place.key_path,
    )
