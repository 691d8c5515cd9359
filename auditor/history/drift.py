"""What differs from the last time, as findings. Pure: what is remembered is given, nothing is asked.

It is compared with the last time that somebody could tell: an outage neither starts nor ends anything. No verdict rests on
what is remembered: these findings stand beside those of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.config.rules import Rules
from auditor.history.before import Before
from auditor.history.expiring import expiring
from auditor.history.sighting import Sighting, sighting
from auditor.judge.findings.change import essence
from auditor.judge.findings.subject import Draft, level
from auditor.judge.waivers import excuse
from auditor.judge.words import cut, listed
from auditor.model.finding import Finding, Level
from auditor.model.reference import Digest
from auditor.model.report import Image, Report
from auditor.model.use import Use
from auditor.model.verdict import UNTRUSTED, Verdict

_Seen: TypeAlias = tuple[Sighting, ...]
_FAILING: Final = frozenset({"tag-moved", "signature-vanished", "new-unsigned"})
"""What is an error where the image breaks a rule as well."""


def remembered(report: Report, before: Before, rules: Rules, today: date) -> Report:
    """The report with what differs from the last time among its findings."""
    return replace(report, findings=(*report.findings, *drift(report, before, rules, today)))


def drift(report: Report, before: Before, rules: Rules, today: date) -> tuple[Finding, ...]:
    """What differs from the last time, and the waivers that end soon. `rules` grade and waive, `today` is the day in UTC."""
    broken = {each.image for each in report.findings if each.counts and each.level is Level.ERROR}
    found = list(_drift(report, before, rules, broken)) if before.known else []
    drifted = [excuse(each, rules, today, known=False) for each in found]
    ending = (excuse(each, rules, today, known=False) for each in expiring((*report.findings, *drifted), rules, today))
    return tuple(each for each in (*drifted, *ending) if each.level is not Level.OFF)


def _drift(report: Report, before: Before, rules: Rules, broken: set[str | None]) -> Iterator[Finding]:
    for reference, images in _by_reference(report.images).items():
        now = tuple(found for image in images if (found := sighting(image)) is not None)
        if not now or not all(each.definite for each in now):
            continue
        for rule, look in _RULES.items():
            draft = look(now, before)
            if draft is not None:
                own = Level.ERROR if rule in _FAILING and reference in broken else None
                yield _finding(rule, draft, _first_use(images), level(rule, rules, own))


def _by_reference(images: Iterable[Image]) -> Mapping[str, list[Image]]:
    found: dict[str, list[Image]] = {}
    for image in images:
        found.setdefault(image.reference, []).append(image)
    return found


def _first_use(images: Iterable[Image]) -> Use:
    return min((judged.use for image in images for judged in image.uses), key=lambda use: (use.place, use.owner))


def _finding(rule: str, draft: Draft, use: Use, graded: Level) -> Finding:
    return Finding(rule, graded, draft.message, draft.help, use.place, use.reference, use.root, use.owner)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tag_moved(now: _Seen, before: Before) -> Draft | None:
    """The same reference names another digest. One with a digest in it never does."""
    reference, digest = now[0].reference, now[0].digest
    old = before.digests.get(reference)
    if old is None or digest is None or old == digest or "@" in reference:
        return None
    message = f"{cut(reference)} names {_short(digest)} now; it named {_short(old)} before."
    return Draft(message, "Make sure that it was meant, and pin the digest: `auditor pin` writes it.")


def _signature_vanished(now: _Seen, before: Before) -> Draft | None:
    """The same digest was validly signed; now the registry has answered every question, and no valid signature is there."""
    digest = now[0].digest
    if digest is None or not all(each.vouched is False for each in now):
        return None
    old = before.signed.get((now[0].name, digest))
    if old is None or not old.signed:
        return None
    who = listed([str(each) for each in old.signers]) if old.signers else "a long-lived key"
    message = f"{cut(now[0].reference)} has no valid signature any more; {_short(digest)} was signed by {who}."
    return Draft(message, "Find out who removed it: clean-up rules of a registry often take signatures for old tags.")


def _new_unsigned(now: _Seen, before: Before) -> Draft | None:
    """An image that this repository did not deploy before, and for which nobody vouches whom the rules trust."""
    reference, verdict = now[0].reference, _worst(now)
    if verdict not in UNTRUSTED or reference in before.latest or reference in before.doubted:
        return None
    message = f"{cut(reference)} is new here since the last audit, and is {verdict}."
    return Draft(
        message, "It came in past the check of the change: see that the check is required where it was merged."
    )


def _newly_verified(now: _Seen, before: Before) -> Draft | None:
    """It is verified, and was not."""
    reference = now[0].reference
    old = before.latest.get(reference)
    if old is None or _worst(old) not in UNTRUSTED or _worst(now) is not Verdict.VERIFIED:
        return None
    return Draft(f"{cut(reference)} is verified now; it was {_worst(old)} before.", "A waiver of it can go.")


def _signer_changed(now: _Seen, before: Before) -> Draft | None:
    """Signed by others than the last time: this reference, or where it is new, any of the same repository."""
    old = before.latest.get(now[0].reference) or before.named.get(now[0].name, ())
    signers, earlier = _signers(now), _signers(old)
    if not signers or not earlier or signers.keys() & earlier.keys():
        return None
    told = listed(list(signers.values())), listed(list(earlier.values()))
    message = f"{cut(now[0].reference)} is signed by {told[0]}; the last time it was {told[1]}."
    return Draft(message, "Make sure that the build really moved; if it did, tighten the signer to the new identity.")


def _signers(sightings: _Seen) -> Mapping[object, str]:
    return {essence(each): str(each) for sighted in sightings for each in sighted.signers}


def _worst(sightings: _Seen) -> Verdict:
    return min((each.verdict for each in sightings), key=lambda verdict: verdict.severity)


def _short(digest: str) -> str:
    return Digest.parse(digest).short


_RULES: Final[Mapping[str, Callable[[_Seen, Before], Draft | None]]] = {
    "tag-moved": _tag_moved,
    "signature-vanished": _signature_vanished,
    "new-unsigned": _new_unsigned,
    "newly-verified": _newly_verified,
    "signer-changed": _signer_changed,
}
