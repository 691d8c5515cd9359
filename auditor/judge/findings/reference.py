"""Rules about how a reference is written: pins, tags, placeholders. Only `tag-digest-mismatch` needs the registry."""

from __future__ import annotations

import re
from typing import Final

from auditor.config.rules import Pinned
from auditor.judge.findings.subject import WAIVE, Draft, Known, Subject
from auditor.judge.governing import parse
from auditor.model.evidence import Resolved
from auditor.model.finding import Level
from auditor.model.reference import Digest, InvalidReference, Reference

_DIGEST_HEX: Final = re.compile(r"(?:sha256[-_.])?([0-9a-f]{64})", re.ASCII)
_STAND_IN: Final = re.compile(
    r"(?:change|replace|fix)[-_.]?me|replaced?|place[-_.]?holder|dummy|todo|tbd|foo|foobar|x{3,}"
    r"|(?:to[-_.]be|will[-_.]be)[-_.]replaced|(?:your|my|some|image|new)[-_.](?:tag|image|version)(?:[-_.]here)?",
    re.ASCII | re.IGNORECASE,
)


def unpinned_image(subject: Subject) -> Draft | None:
    """A tag can be moved after it was judged; a digest cannot."""
    now = subject.now
    if not isinstance(now.reference, Reference) or now.reference.digest or now.entry is None:
        return None
    match now.entry.pinned:
        case Pinned.IGNORE:
            return None
        case Pinned.REQUIRE:
            return Draft(f"{now.text} is not pinned, and {now.entry.label} requires it.", _pin(now), Level.ERROR)
        case Pinned.PREFER:
            return Draft(f"{now.text} is not pinned: the tag can be moved after this check.", _pin(now), Level.WARNING)


def _pin(now: Known) -> str:
    if now.digest is None:
        return "Pin it: write tag@digest."
    return f"Pin it: {now.text}@{now.digest}."


def latest_tag(subject: Subject) -> Draft | None:
    """`latest`, or no tag: what is deployed changes without a commit."""
    now = subject.now
    if not isinstance(now.reference, Reference) or now.reference.digest or now.reference.asks_for != "latest":
        return None
    how = "names the tag latest" if now.reference.tag else "names no tag, which means latest"
    return Draft(f"{now.text} {how}: what runs changes without a commit.", "Name a version, and pin its digest.")


def numeric_tag(subject: Subject) -> Draft | None:
    """A tag that YAML reads as a number: `1.10` is deployed as `1.1`."""
    now = subject.now
    if not now.use.bare_number:
        return None
    message = f"The tag of {now.text} is a number without quotes: YAML may change it (1.10 becomes 1.1, 010 becomes 8)."
    return Draft(message, "Put the tag in quotes.")


def digest_as_tag(subject: Subject) -> Draft | None:
    """64 hexadecimal digits where a tag stands: a digest that was written as `newTag`."""
    now = subject.now
    if not isinstance(now.reference, Reference) or now.reference.tag is None or now.reference.digest:
        return None
    match = _DIGEST_HEX.fullmatch(now.reference.tag)
    if match is None:
        return None
    message = f"The tag of {now.text} is a digest's 64 digits: it is looked up as a tag, and pins nothing."
    return Draft(
        message, f"Write it as a digest: {now.reference.name}@{Digest(match[1])} (in a kustomization: `digest:`)."
    )


def tag_digest_mismatch(subject: Subject) -> Draft | None:
    """`tag@digest`: the tag names another digest now, so one of the two is not what the author means."""
    now = subject.now
    resolution = now.evidence.resolution if now.evidence else None
    if not isinstance(now.reference, Reference) or not isinstance(resolution, Resolved):
        return None
    if now.reference.digest is None or resolution.tag_digest in {None, now.reference.digest}:
        return None
    message = f"The tag of {now.text} names {resolution.tag_digest} now; deployed is the digest that is written."
    return Draft(message, f"Pin the digest that the tag should mean, write another tag, or {WAIVE}.")


def digest_dropped(subject: Subject) -> Draft | None:
    """Something was pinned, and no longer is: an overlay replaces the pin by a tag, or the change removes it."""
    now = subject.now
    if not isinstance(now.reference, Reference) or now.reference.digest:
        return None
    pinned = _pinned(now.use.overrides)
    if pinned is not None:
        where = f" ({now.use.base})" if now.use.base else ""
        advice = "Write `digest:` beside the name in the overlay (newTag alone clears the pin)."
        return Draft(f"{now.text} replaces a pinned image{where} by a tag: the pin is lost.", advice)
    before = _pinned(subject.before.use.reference) if subject.before else None
    if before is None or before.name != now.reference.name:
        return None
    return Draft(f"{now.text} was pinned to {before.digest} and no longer is.", _pin(now))


def _pinned(text: str | None) -> Reference | None:
    reference = parse(text) if text else None
    if reference is None or isinstance(reference, InvalidReference):
        return None
    return reference if reference.digest else None


def placeholder_deployed(subject: Subject) -> Draft | None:
    """A stand-in that an overlay should have replaced is what gets deployed."""
    reference = subject.now.reference
    if not isinstance(reference, Reference) or reference.digest:
        return None
    words = [reference.tag or "", *reference.path.split("/")]
    found = next((word for word in words if _STAND_IN.fullmatch(word)), None)
    if found is None:
        return None
    message = f"{subject.now.text} is a stand-in ({found}) that nothing replaces: this is what gets deployed."
    return Draft(message, "Set the real image in the overlay, or leave this manifest out of what is deployed.")
