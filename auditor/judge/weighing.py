"""All signatures of one digest against what one entry demands.

An entry demands a signature (`signed-by`), attestations (`attested-by`), or both. Where a demand is not met:
1. a form that could not be read completely may hold what is missing: `unjudged`;
2. valid, but by nobody allowed: `wrong-signer`; 3. only by keys that the entry does not name: `key-signed`;
4. something valid of the other sort: `attestation-only`; 5. all refused: `invalid`; 6. nothing: `unsigned`.
Of two demands that are not met, the one that comes first in this order is told. An entry that demands nothing is never met.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.match import PULL_TRIGGERS, Near, nearest, trigger
from auditor.config.rules import AttestedBy, ImageRule, Rules, Signer
from auditor.judge.advice import next_step
from auditor.judge.allow import Weighed, weigh
from auditor.judge.demands import Demand, demand, signer
from auditor.judge.provenance import differs
from auditor.judge.words import count, cut, listed
from auditor.model.evidence import KeySigned, Refused, Signature, Signed, Unreadable
from auditor.model.reference import Digest
from auditor.model.report import JudgedSignature
from auditor.model.verdict import Verdict

_ORDER: Final = (
    Verdict.UNJUDGED,
    Verdict.WRONG_SIGNER,
    Verdict.KEY_SIGNED,
    Verdict.INVALID,
    Verdict.ATTESTATION_ONLY,
    Verdict.UNSIGNED,
)


class Weighing(Struct, frozen=True):
    """The verdict on one digest: why, what to do next, and every signature as the entry sees it."""

    verdict: Verdict
    reason: str
    help: str = ""
    judged: tuple[JudgedSignature, ...] = ()


def weigh_all(signatures: tuple[Signature, ...], entry: ImageRule, name: str, digest: Digest, rules: Rules) -> Weighing:
    """Judge all signatures of one digest by one entry."""
    wanted = demand(entry, name, rules)
    weighed = [_weigh_one(each, wanted, entry, rules) for each in signatures]
    judged = tuple(each.judged for each in weighed)
    outcomes = [_signed(weighed, wanted, name, digest)] if wanted else []
    outcomes += [_attested(weighed, each, rules, digest) for each in entry.attested_by]
    if not outcomes:
        return Weighing(Verdict.UNJUDGED, f"{entry.label} demands nothing", judged=judged)
    unmet = [outcome for outcome in outcomes if outcome.verdict is not Verdict.VERIFIED]
    told = min(unmet, key=lambda outcome: _ORDER.index(outcome.verdict)) if unmet else outcomes[0]
    return Weighing(told.verdict, told.reason, told.help, judged)


def _weigh_one(signature: Signature, wanted: Demand | None, entry: ImageRule, rules: Rules) -> Weighed:
    """By the signers of `signed-by` for a signature, by those of its predicate for an attestation."""
    if isinstance(signature, Unreadable | Refused) or not signature.attestation:
        return weigh(signature, wanted.signers if wanted else (), rules)
    demands = [each for each in entry.attested_by if each.predicate == signature.predicate]
    weighed = weigh(signature, [signer(each.signer, rules) for each in demands], rules)
    if demands or weighed.refuted:
        return _as_asked(weighed, signature, demands)
    judged = replace(weighed.judged, allowed=False, why="an attestation, not a signature")
    return Weighed(signature, frozenset(), judged)


def _as_asked(weighed: Weighed, signature: Signed | KeySigned, demands: list[AttestedBy]) -> Weighed:
    """An attestation by an allowed signer that meets none of that signer's demands is shown as not allowed."""
    faults = [differs(signature, each) for each in demands if each.signer in weighed.signers]
    if not faults or None in faults:
        return weighed
    return replace(weighed, judged=replace(weighed.judged, allowed=False, why=cut(faults[0] or "")))


# ── signed-by ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _signed(weighed: list[Weighed], wanted: Demand, name: str, digest: Digest) -> Weighing:
    signatures = [each for each in weighed if _is_signature(each.signature)]
    found = {name for each in signatures for name in each.signers}
    unmet = [group for group in wanted.groups if not any(signer.name in found for signer in group)]
    if wanted.groups and not unmet:
        return Weighing(Verdict.VERIFIED, _who(signatures))
    return _unmet_signature(weighed, wanted, [signer for group in unmet for signer in group], name, digest)


def _is_signature(signature: Signature) -> bool:
    return isinstance(signature, Signed | KeySigned) and not signature.attestation


def _holds(signature: Signature) -> bool:
    """Whether it is valid, whoever made it: by a certificate, or by a key that the rules name."""
    return isinstance(signature, Signed) or (isinstance(signature, KeySigned) and bool(signature.keys))


def _who(weighed: Iterable[Weighed]) -> str:
    """`signed by <subject> (signer release)`, of the first that counts."""
    first = next(each for each in weighed if each.signers)
    names = listed(sorted(first.signers))
    if isinstance(first.signature, Signed):
        return f"signed by {cut(first.signature.identity.subject)} (signer {names})"
    return f"signed with the key of signer {names}"


def _unmet_signature(
    weighed: list[Weighed], wanted: Demand, missing: list[Signer], name: str, digest: Digest
) -> Weighing:
    if (unread := _unread(weighed)) is not None:
        return unread
    signatures = [each for each in weighed if _is_signature(each.signature)]
    valid = [each for each in signatures if isinstance(each.signature, Signed)]
    if valid:
        return _wrong(valid, missing, "signed")
    if signatures:
        return _by_key(len(signatures), "signature")
    attestations = [each for each in weighed if _holds(each.signature)]
    if attestations:
        return _attestation_only(attestations)
    if any(isinstance(each.signature, KeySigned) for each in weighed):
        return _by_key(len(weighed), "attestation")
    if weighed:
        return _invalid(weighed)
    reason = f"no signature in any form for {digest.short} (asked: referrers, .sig, .att)"
    return Weighing(Verdict.UNSIGNED, reason, _sign(wanted.signers, f"{name}@{digest}"))


def _unread(weighed: Iterable[Weighed]) -> Weighing | None:
    faults = [each.signature for each in weighed if isinstance(each.signature, Unreadable)]
    if not faults:
        return None
    told = f"could not read every signature ({faults[0].form}): {cut(faults[0].fault.detail)}"
    return Weighing(Verdict.UNJUDGED, told, next_step(faults[0].fault.kind))


def _wrong(valid: list[Weighed], missing: list[Signer], verb: str) -> Weighing:
    """Valid, but by nobody allowed (or not by everybody that must): who did, and the nearest miss."""
    counted = [each for each in valid if each.signers]
    if counted:
        lacks = listed([signer.name for signer in missing])
        return Weighing(Verdict.WRONG_SIGNER, f"{_who(counted)}, but not by {lacks}", _sign(missing))
    refuted = [each for each in valid if each.refuted]
    signed = [each.signature for each in refuted or valid if isinstance(each.signature, Signed)]
    near = nearest(((each.identity, each.logged) for each in signed), missing)
    if refuted or near is None:
        why = refuted[0].judged.why if refuted else "nobody is allowed to"
        reason = f"{verb} by {cut(str(signed[0].identity))}; {why}"
        return Weighing(Verdict.WRONG_SIGNER, reason, "Sign it by an identity that the rules name and trust.")
    reason = f"{verb} by {cut(str(near.identity))}; nearest is signer {near.signer}: {cut(near.match.difference)}"
    return Weighing(Verdict.WRONG_SIGNER, reason, _allow(near, missing))


def _allow(near: Near, missing: list[Signer]) -> str:
    names = listed([signer.name for signer in missing])
    if trigger(near.identity) in PULL_TRIGGERS:
        return f"A pull request built it, and anybody may open one: deploy a build that is signed as {names}."
    return f"Sign it as {names}, or, if you trust this identity, add it to signer {near.signer} in a change of its own."


def _sign(signers: Iterable[Signer], image: str = "<image>@<digest>") -> str:
    names = [signer.name for signer in signers]
    if not names:
        return "No signer is known for it: name one in `signed-by`."
    return f"Sign it in CI as {listed(names)} (`cosign sign {image}`), or waive it until a date."


def _by_key(number: int, noun: str) -> Weighing:
    made = f"{count(number, noun)} made with a long-lived key"
    reason = f"{made} that this entry does not name, and no keyless signature"
    return Weighing(Verdict.KEY_SIGNED, reason, "Name the key as a signer (`key: FILE`), or sign without one.")


def _attestation_only(attestations: list[Weighed]) -> Weighing:
    predicates = [
        each.signature.predicate or "?" for each in attestations if isinstance(each.signature, Signed | KeySigned)
    ]
    reason = f"attested ({listed(list(dict.fromkeys(predicates)))}), but not signed"
    advice = "An attestation is no signature: sign the digest too, or demand it by `attested-by`."
    return Weighing(Verdict.ATTESTATION_ONLY, reason, advice)


def _invalid(weighed: list[Weighed]) -> Weighing:
    refused = [each.signature for each in weighed if isinstance(each.signature, Refused)]
    first = refused[0]
    reason = f"{count(len(refused), 'signature')}, none holds: {first.step.name.lower()}: {cut(first.why)}"
    return Weighing(
        Verdict.INVALID, reason, "Sign it again; if nobody changed the signing, ask who touched the registry."
    )


# ── attested-by ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _attested(weighed: list[Weighed], wanted: AttestedBy, rules: Rules, digest: Digest) -> Weighing:
    of_type = [each for each in weighed if _is_attestation(each.signature, wanted.predicate)]
    by_signer = [each for each in of_type if wanted.signer in each.signers]
    met = [each for each in by_signer if _differs(each, wanted) is None]
    predicate = cut(wanted.predicate)
    if met:
        return Weighing(Verdict.VERIFIED, f"attested as {predicate}: {_who(met)}")
    if (unread := _unread(weighed)) is not None:
        return unread
    if by_signer:
        reason = f"attested as {predicate}: {_who(by_signer)}, but {cut(_differs(by_signer[0], wanted) or '')}"
        return Weighing(Verdict.WRONG_SIGNER, reason, "Deploy what was built from that source by that builder.")
    valid = [each for each in of_type if isinstance(each.signature, Signed)]
    if valid:
        return _wrong(valid, [signer(wanted.signer, rules)], f"attested as {predicate}")
    if of_type:
        return _by_key(len(of_type), "attestation")
    if weighed and all(isinstance(each.signature, Refused) for each in weighed):
        return _invalid(weighed)
    advice = f"Attest it in CI as {wanted.signer}."
    if any(_holds(each.signature) and not _is_signature(each.signature) for each in weighed):
        return Weighing(Verdict.ATTESTATION_ONLY, f"attested, but not as {predicate}", advice)
    return Weighing(Verdict.UNSIGNED, f"no attestation of type {predicate} for {digest.short}", advice)


def _differs(weighed: Weighed, wanted: AttestedBy) -> str | None:
    return (
        differs(weighed.signature, wanted) if isinstance(weighed.signature, Signed | KeySigned) else "it is not valid"
    )


def _is_attestation(signature: Signature, predicate: str) -> bool:
    if not isinstance(signature, Signed | KeySigned):
        return False
    return signature.attestation and signature.predicate == predicate
