"""Rules about who signed: one for each verdict that does not let an image pass, and revocation."""

from __future__ import annotations

from auditor.config.rules import Otherwise
from auditor.judge.findings.subject import WAIVE, Draft, Subject
from auditor.manifests.text import is_template
from auditor.model.finding import Level
from auditor.model.reference import Reference
from auditor.model.verdict import Verdict


def _by_verdict(subject: Subject, verdict: Verdict, what: str, advice: str) -> Draft | None:
    """A draft where the deployed digest itself has this verdict, and nothing revokes it."""
    now = subject.now
    if now.verdict is not verdict or now.decision.by_platform or now.decision.denied:
        return None
    return Draft(f"{now.text} {what}: {now.reason}.", now.decision.judgement.help or advice)


def unsigned_image(subject: Subject) -> Draft | None:
    """The registry answered every question, and nothing vouches for the image."""
    return _by_verdict(subject, Verdict.UNSIGNED, "is not signed", f"Sign it in CI, or {WAIVE}.")


def wrong_signer(subject: Subject) -> Draft | None:
    """Validly signed, but by nobody the rule allows."""
    return _by_verdict(subject, Verdict.WRONG_SIGNER, "is signed by nobody allowed", "Sign it by an allowed identity.")


def invalid_signature(subject: Subject) -> Draft | None:
    """Signatures exist, and every one fails a check."""
    return _by_verdict(subject, Verdict.INVALID, "has no signature that holds", "Sign it again.")


def key_signed_image(subject: Subject) -> Draft | None:
    """Only signatures with a long-lived key that the rule does not name."""
    return _by_verdict(subject, Verdict.KEY_SIGNED, "is signed with a key only", "Sign it keyless, or name the key.")


def attestation_only_image(subject: Subject) -> Draft | None:
    """Attestations exist, a signature does not."""
    return _by_verdict(subject, Verdict.ATTESTATION_ONLY, "is not signed", "Sign the digest too.")


def image_not_found(subject: Subject) -> Draft | None:
    """The tag or digest does not exist."""
    advice = "Check the spelling, and whether the build has pushed it; nodes will fail to pull it."
    return _by_verdict(subject, Verdict.NOT_FOUND, "does not exist", advice)


def platform_unsigned(subject: Subject) -> Draft | None:
    """A platform manifest that nobody allowed has signed, where the entry wants every one signed."""
    now = subject.now
    if not now.decision.by_platform or now.decision.denied or now.verdict in {Verdict.VERIFIED, Verdict.UNJUDGED}:
        return None
    advice = "Sign recursively (`cosign sign --recursive`), or set `platforms: index` where the index is enough."
    return Draft(f"{now.text} has a platform that is not signed as the rule wants: {now.reason}.", advice)


def denied_image(subject: Subject) -> Draft | None:
    """`deny:` revokes the digest, or whoever signed it."""
    now = subject.now
    if now.decision.denied is None:
        return None
    return Draft(f"{now.text} is {now.decision.denied}.", "Deploy another version; the `deny:` list has the reason.")


def uncovered_image(subject: Subject) -> Draft | None:
    """No entry of the rules speaks about the image."""
    now = subject.now
    if now.verdict is not Verdict.UNCOVERED or subject.rules.otherwise is Otherwise.ALLOW:
        return None
    name = now.reference.name if isinstance(now.reference, Reference) else now.text
    level = Level.ERROR if subject.rules.otherwise is Otherwise.DENY else Level.WARNING
    advice = f"Add an entry to `images:` that matches {name}: who signs it, or `unsigned: allow` with a reason."
    return Draft(f"No rule speaks about {now.text}: nothing says who must have signed it.", advice, level)


def unjudged_image(subject: Subject) -> Draft | None:
    """Nobody could tell whether the image is signed."""
    now = subject.now
    if now.verdict is not Verdict.UNJUDGED or (not isinstance(now.reference, Reference) and is_template(now.text)):
        return None
    advice = (
        now.decision.judgement.help or f"Run again when the cause is gone, or {WAIVE}. Nothing says it is unsigned."
    )
    return Draft(f"Could not judge {now.text}: {now.reason}.", advice)


def templated_reference(subject: Subject) -> Draft | None:
    """A reference that something fills in before it is deployed."""
    now = subject.now
    if isinstance(now.reference, Reference) or not is_template(now.text):
        return None
    advice = "Render it first (`helm template … | auditor check -`), or write the value where it can be read."
    return Draft(f"{now.text} is filled in later: what gets deployed cannot be told from the tree.", advice)
