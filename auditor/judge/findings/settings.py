"""What a change does to the rules that will judge the next one. Base's rules judge this one, whatever head says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from auditor.config.rules import Rules, Waiver
from auditor.judge.findings.subject import level
from auditor.judge.words import cut, listed
from auditor.model.finding import Finding
from auditor.model.place import Place

_EFFECT: Final = "The rules of base judge this change; what it changes in them takes effect with the merge."

_SECTIONS: Final[Mapping[str, Callable[[Rules], object]]] = MappingProxyType(
    {
        "signers": lambda rules: dict(rules.signers),
        "images": lambda rules: tuple(replace(entry, line=0, file="") for entry in rules.images),
        "otherwise": lambda rules: rules.otherwise,
        "inspect": lambda rules: rules.inspect,
        "deny": lambda rules: (rules.denied_digests, rules.denied_signers),
        "policies": lambda rules: rules.policies,
        "rules": lambda rules: dict(rules.levels),
        "waivers": lambda rules: tuple(replace(waiver, line=0, file="") for waiver in rules.waivers),
        "baseline": lambda rules: rules.baseline,
        "manifests": lambda rules: rules.manifests,
        "registries": lambda rules: dict(rules.registries),
        "trust": lambda rules: rules.trust,
        "second-opinion": lambda rules: rules.second_opinion,
        "keys": lambda rules: dict(rules.keys),
    }
)
"""The keys of `auditor.yaml`, as what they say: a moved line or a new comment changes none."""


def rule_changes(base: Rules, head: Rules | str, changed: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """The findings `rules-changed` and `waiver-added`.

    `head` is a text where head's rules cannot be loaded: why. `changed` are the paths whose content differs between the
    two, so that files that base's rules name are compared even then.
    """
    if isinstance(head, str):
        return tuple(_unloadable(base, head, changed))
    return (*_changed_files(base, head), *_added_waivers(base, head))


def policy_changes(base: Rules, files: frozenset[str], changed: frozenset[str]) -> tuple[Finding, ...]:
    """`rules-changed` for each file of the cluster's own policies that the change changes; base's judge it."""
    message = "This change changes {}, which holds policies of the cluster."
    return tuple(_finding(base, path, message.format(path), _EFFECT) for path in sorted(files & changed))


def _unloadable(base: Rules, why: str, changed: frozenset[str]) -> Iterator[Finding]:
    message = f"The rules of this change cannot be loaded: {cut(why)}. After the merge every run would end with exit status 2."
    yield _finding(base, base.source, message, "Mend the rules file before the merge.")
    for path in sorted(changed & base.files.keys() - {base.source}):
        yield _finding(base, path, f"{path} is part of the rules, and this change changes it.", _EFFECT)


def _changed_files(base: Rules, head: Rules) -> Iterator[Finding]:
    """One finding for each file that the rules are read from, with what it changes."""
    sections = [name for name, of in _SECTIONS.items() if of(base) != of(head)]
    told = f" ({listed(sections, most=len(_SECTIONS))})" if sections else ""
    for path in sorted(base.files.keys() | head.files.keys()):
        if base.files.get(path) != head.files.get(path):
            what = f"{_verb(path, base, head)}{told if path in {base.source, head.source} else ''}"
            yield _finding(base, path, f"This change {what}.", _EFFECT)


def _verb(path: str, base: Rules, head: Rules) -> str:
    if path not in base.files:
        return f"makes {path} part of the rules"
    return f"changes {path}, a part of the rules" if path in head.files else f"takes {path} out of the rules"


def _finding(base: Rules, path: str, message: str, advice: str) -> Finding:
    return Finding("rules-changed", level("rules-changed", base), message, advice, Place(path))


def _added_waivers(base: Rules, head: Rules) -> Iterator[Finding]:
    """New waivers, and those that get a later end or cover more."""
    until: dict[tuple[str, str], date] = {}
    for waiver in base.waivers:
        key = (waiver.image.text, waiver.rule)
        until[key] = max(waiver.until, until.get(key, waiver.until))
    for waiver in head.waivers:
        known = until.get((waiver.image.text, waiver.rule))
        if known is None or known < waiver.until:
            yield _added(waiver, "adds" if known is None else "extends", base, head)


def _added(waiver: Waiver, verb: str, base: Rules, head: Rules) -> Finding:
    what = f"{waiver.rule} for {cut(waiver.image.text)} until {waiver.until}"
    message = f"This change {verb} a waiver of {what} ({cut(waiver.owner)}: {cut(waiver.reason)})."
    advice = "It does not count for this change: let its owner agree, and merge it before the image."
    place = Place(waiver.file or head.source, waiver.line)
    owner = f"{waiver.image.text} {waiver.rule}"
    return Finding("waiver-added", level("waiver-added", base), message, advice, place, owner=owner)
