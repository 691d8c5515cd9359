"""Uses → images: one for each reference and governing entry, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct, field

from auditor.judge.compare import Comparison
from auditor.judge.findings.subject import Known
from auditor.judge.governing import parse
from auditor.model.evidence import Signed
from auditor.model.identity import Identity
from auditor.model.reference import InvalidReference
from auditor.model.report import Change, Image, JudgedPolicy, JudgedUse, Previous
from auditor.model.use import Use


class _Group(Struct):
    """The uses of one reference under one entry; `known` is the first that was judged, `before` what it replaces."""

    uses: list[JudgedUse] = field(default_factory=list)
    known: Known | None = None
    before: Known | None = None
    policies: tuple[JudgedPolicy, ...] = ()


def inventory_images(uses: Iterable[Use]) -> tuple[Image, ...]:
    """Images that nobody judged: one for each reference, in the order of their names."""
    groups: dict[str, _Group] = {}
    for use in uses:
        groups.setdefault(use.reference, _Group()).uses.append(JudgedUse(use))
    return tuple(sorted((_image(text, None, group) for text, group in groups.items()), key=_rank))


def images(
    comparison: Comparison,
    judged: Mapping[Use, tuple[Known, ...]],
    before: Mapping[Use, Known],
    labels: Mapping[Use, tuple[str | None, ...]],
    policies: Mapping[str, tuple[JudgedPolicy, ...]] = MappingProxyType({}),
) -> tuple[Image, ...]:
    """Every image of base and head. `judged` holds the added uses, `before` what they replace.

    `labels` names the entries of each use, in the order of `judged`. `policies` is what the cluster's own policies say, by reference.
    """
    groups: dict[tuple[str, str | None], _Group] = {}
    for change, uses in (
        (Change.ADDED, comparison.added),
        (Change.KEPT, comparison.kept),
        (Change.REMOVED, comparison.removed),
    ):
        for use in uses:
            for index, label in enumerate(labels[use]):
                group = groups.setdefault((use.reference, label), _Group())
                group.uses.append(JudgedUse(use, None if comparison.whole else change))
                group.known = group.known or (judged[use][index] if use in judged else None)
                group.before = group.before or before.get(use)
                group.policies = policies.get(use.reference, ())
    found = (_image(text, label, group) for (text, label), group in groups.items())
    return tuple(sorted(found, key=_rank))


def _image(text: str, label: str | None, group: _Group) -> Image:
    parsed = parse(text)
    reference = None if isinstance(parsed, InvalidReference) else parsed
    known = group.known
    judgement = known.decision.judgement if known else None
    return Image(
        reference=text,
        name=reference.name if reference else None,
        tag=reference.tag if reference else None,
        digest=known.digest if known else reference.digest if reference else None,
        pinned=bool(reference and reference.digest),
        uses=tuple(group.uses),
        change=_change(group),
        verdict=judgement.verdict if judgement else None,
        reason=judgement.reason if judgement else "",
        help=judgement.help if judgement else "",
        rule=label,
        previous=_previous(group.before) if group.before else None,
        signatures=known.decision.signatures if known else (),
        platforms=known.decision.platforms if known else (),
        policies=group.policies if known else (),
    )


def _change(group: _Group) -> Change | None:
    changes = {use.change for use in group.uses}
    return next((each for each in (Change.ADDED, Change.KEPT, Change.REMOVED) if each in changes), None)


def _previous(before: Known) -> Previous:
    verdict = before.verdict if before.evidence is not None else None
    return Previous(before.use.reference, before.digest, verdict, _signer(before))


def _signer(known: Known) -> Identity | None:
    return next((each.identity for each in known.signatures if isinstance(each, Signed)), None)


def _rank(image: Image) -> tuple[int, str, str]:
    severity = image.verdict.severity if image.verdict else 99
    return (severity, image.reference, image.rule or "")
