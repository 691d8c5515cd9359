"""Rules about what an added image replaces: they speak only where both sides are known."""

from __future__ import annotations

from auditor.judge.findings.subject import WAIVE, Draft, Known, Subject
from auditor.judge.words import cut
from auditor.model.evidence import KeySigned, Resolved, Signed, Unreadable
from auditor.model.identity import Identity
from auditor.model.reference import Reference


def signature_lost(subject: Subject) -> Draft | None:
    """The old image was signed by somebody, the new one is by nobody."""
    before, now = subject.before, subject.now
    if before is None or not before.signatures or not _answered(now) or now.signatures:
        return None
    who = _who(before.signatures[0])
    message = f"{now.text} has no valid signature; what it replaces, {before.text}, was signed by {who}."
    return Draft(message, f"Find out why the new build was not signed before you deploy it, or {WAIVE}.")


def _answered(known: Known) -> bool:
    """Whether the registry answered every question about its signatures."""
    evidence = known.evidence
    if evidence is None or not isinstance(evidence.resolution, Resolved) or not _asked(known):
        return False
    return not any(isinstance(each, Unreadable) for each in evidence.signatures)


def _asked(known: Known) -> bool:
    """Whether its signatures were asked for: no entry, or one that exempts, asks for none."""
    return known.entry is not None and not known.entry.unsigned_allowed


def _who(signature: Signed | KeySigned) -> str:
    return cut(str(signature.identity)) if isinstance(signature, Signed) else "a long-lived key"


def signer_changed(subject: Subject) -> Draft | None:
    """Old and new are signed, by different people: another issuer, source repository, or subject without its `@ref`."""
    if subject.before is None:
        return None
    old, new = _identities(subject.before), _identities(subject.now)
    if not old or not new or {essence(each) for each in old} & {essence(each) for each in new}:
        return None
    told = [each.subject if old[0].issuer == new[0].issuer else str(each) for each in (new[0], old[0])]
    message = f"{subject.now.text} is signed by {cut(told[0])}; {subject.before.text} was by {cut(told[1])}."
    return Draft(message, "Make sure that the build really moved; if it did, tighten the signer to the new identity.")


def _identities(known: Known) -> tuple[Identity, ...]:
    return tuple(each.identity for each in known.signatures if isinstance(each, Signed))


def essence(identity: Identity) -> tuple[str | None, str | None, str]:
    """What stays the same of a signer from one release to the next: the issuer, the source repository, the subject without `@ref`."""
    return (identity.issuer, identity.claims.get("sourceRepositoryURI"), identity.subject.partition("@refs/")[0])


def registry_changed(subject: Subject) -> Draft | None:
    """The same container pulls from another registry host than before."""
    now, before = subject.now.reference, subject.before.reference if subject.before else None
    if not isinstance(now, Reference) or not isinstance(before, Reference) or now.host == before.host:
        return None
    message = f"{subject.now.text} comes from {now.host}; what it replaces came from {before.host}."
    return Draft(message, "Make sure that you mean this registry: another repository has other signatures and owners.")
