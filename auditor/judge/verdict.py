"""Evidence and one entry of the rules → a verdict.

The order of the decision (`docs/explanation/verdicts.md`); the first that holds is the verdict:
1. `exempt`: the entry says that it need not be signed; 2. no entry: `uncovered`; 3. `not-found`; 4. no digest: `unjudged`;
5. the signatures of the digest by what the entry demands (`auditor.judge.weighing`);
6. those of its platforms, where the entry asks for them.
Afterwards 7. what is revoked (`deny:`) never keeps a verdict that lets it pass, and where nobody could tell, it is `unjudged`.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import DeniedDigest, DeniedSigner, ImageRule, Otherwise, PlatformMode, Rules
from auditor.judge.advice import next_step
from auditor.judge.allow import describe, revoked
from auditor.judge.weighing import Weighing, weigh_all
from auditor.judge.words import cut, listed
from auditor.model.evidence import Absent, Evidence, Fault, Platform, Resolved, Unreadable
from auditor.model.reference import Digest, Reference
from auditor.model.report import JudgedPlatform, JudgedSignature
from auditor.model.verdict import Judgement, Verdict

_PASSING: Final = frozenset({Verdict.EXEMPT, Verdict.VERIFIED, Verdict.UNCOVERED})


class Decision(Struct, frozen=True):
    """A judgement with what it rests on.

    `denied` is the reason of the `deny:` entry that revokes the image. `by_platform` is True where a platform manifest,
    and not the digest that is deployed, decided.
    """

    judgement: Judgement
    signatures: tuple[JudgedSignature, ...] = ()
    platforms: tuple[JudgedPlatform, ...] = ()
    denied: str | None = None
    by_platform: bool = False

    @property
    def verdict(self) -> Verdict:
        """The judgement's verdict."""
        return self.judgement.verdict


def decide(reference: Reference, entry: ImageRule | None, evidence: Evidence | Fault | None, rules: Rules) -> Decision:
    """Judge one reference by one entry. `evidence` is None where nobody asked, a fault where nobody could."""
    decision = _decide(reference, entry, evidence, rules)
    denied = _denied_digest(reference, evidence, rules) or _denied_signer(evidence, rules)
    if denied is not None:
        return _deny(decision, denied)
    doubt = _doubt(evidence, rules) if _may_pass(decision.verdict, rules) else None
    if doubt is None:
        return decision
    return replace(decision, judgement=replace(decision.judgement, verdict=Verdict.UNJUDGED, reason=doubt, help=""))


def _may_pass(verdict: Verdict, rules: Rules) -> bool:
    """Whether nothing else keeps the image out: `uncovered` under `otherwise: deny` does, and says more than a doubt."""
    return verdict in _PASSING and not (verdict is Verdict.UNCOVERED and rules.otherwise is Otherwise.DENY)


def _decide(reference: Reference, entry: ImageRule | None, evidence: Evidence | Fault | None, rules: Rules) -> Decision:
    if entry is None:
        judgement = Judgement(Verdict.UNCOVERED, "no entry of the rules matches this image", None)
        return Decision(judgement, _described(evidence))
    if entry.unsigned_allowed:
        reason = f"need not be signed: {cut(entry.reason)}" if entry.reason else "need not be signed"
        return Decision(Judgement(Verdict.EXEMPT, reason, entry.label), _described(evidence))
    match evidence:
        case None:
            return _unjudged(entry, "nobody asked the registry about it")
        case Fault():
            return _faulty(entry, evidence)
        case Evidence():
            return _decide_evidence(reference, entry, evidence, rules)
        case _:
            assert_never(evidence)


def _decide_evidence(reference: Reference, entry: ImageRule, evidence: Evidence, rules: Rules) -> Decision:
    match evidence.resolution:
        case Absent(detail=detail):
            return Decision(Judgement(Verdict.NOT_FOUND, cut(detail), entry.label))
        case Fault() as fault:
            return _faulty(entry, fault)
        case Resolved(digest=digest):
            return _decide_digest(reference, entry, evidence, digest, rules)
        case _:
            assert_never(evidence.resolution)


def _described(evidence: Evidence | Fault | None) -> tuple[JudgedSignature, ...]:
    return tuple(describe(each) for each in evidence.signatures) if isinstance(evidence, Evidence) else ()


def _faulty(entry: ImageRule, fault: Fault) -> Decision:
    return Decision(Judgement(Verdict.UNJUDGED, cut(fault.detail), entry.label, next_step(fault.kind)))


def _unjudged(entry: ImageRule, why: str) -> Decision:
    return Decision(Judgement(Verdict.UNJUDGED, why, entry.label))


def _decide_digest(
    reference: Reference, entry: ImageRule, evidence: Evidence, digest: Digest, rules: Rules
) -> Decision:
    if reference.digest is not None and reference.digest != digest:
        return _unjudged(entry, f"the registry answered with {digest.short} when asked for {reference.digest.short}")
    weighing = weigh_all(evidence.signatures, entry, reference.name, digest, rules)
    decision = Decision(
        Judgement(weighing.verdict, weighing.reason, entry.label, weighing.help), signatures=weighing.judged
    )
    match entry.platforms:
        case PlatformMode.INDEX:
            return decision
        case PlatformMode.EACH:
            return _each(decision, _platforms(reference, entry, evidence, rules))
        case PlatformMode.EITHER:
            return _either(decision, _platforms(reference, entry, evidence, rules))
        case _:
            assert_never(entry.platforms)


# ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Platform(Struct, frozen=True):
    platform: Platform
    weighing: Weighing

    @property
    def judged(self) -> JudgedPlatform:
        return JudgedPlatform(self.platform.platform, self.platform.digest, self.weighing.verdict)


def _platforms(reference: Reference, entry: ImageRule, evidence: Evidence, rules: Rules) -> tuple[_Platform, ...] | str:
    """Every platform with its own verdict; a text says why they are not known."""
    match evidence.platforms:
        case None:
            return "nobody asked for its platforms"
        case Fault() as fault:
            return f"its platforms could not be read: {cut(fault.detail)}"
        case tuple() as platforms:
            return tuple(_platform(platform, reference, entry, rules) for platform in platforms)
        case _:
            assert_never(evidence.platforms)


def _platform(platform: Platform, reference: Reference, entry: ImageRule, rules: Rules) -> _Platform:
    if platform.signatures is None:
        return _Platform(platform, Weighing(Verdict.UNJUDGED, "nobody asked for its signatures"))
    return _Platform(platform, weigh_all(platform.signatures, entry, reference.name, platform.digest, rules))


def _each(decision: Decision, platforms: tuple[_Platform, ...] | str) -> Decision:
    """The digest that is deployed, and every platform manifest, must be signed."""
    if isinstance(platforms, str):
        return _unknown_platforms(decision, platforms) if decision.verdict is Verdict.VERIFIED else decision
    decision = replace(decision, platforms=tuple(each.judged for each in platforms))
    return _worst_platform(decision, platforms) if decision.verdict is Verdict.VERIFIED else decision


def _either(decision: Decision, platforms: tuple[_Platform, ...] | str) -> Decision:
    """The digest that is deployed must be signed, or else every platform manifest."""
    if isinstance(platforms, str):
        return decision if decision.verdict is Verdict.VERIFIED else _unknown_platforms(decision, platforms)
    decision = replace(decision, platforms=tuple(each.judged for each in platforms))
    verdicts = {each.weighing.verdict for each in platforms}
    if decision.verdict is Verdict.VERIFIED or not verdicts:
        return decision
    if verdicts == {Verdict.VERIFIED}:
        reason = f"the index is not, but each of its platforms is {platforms[0].weighing.reason}"
        return replace(
            decision, judgement=replace(decision.judgement, verdict=Verdict.VERIFIED, reason=reason, help="")
        )
    if decision.verdict is Verdict.UNJUDGED:
        return decision
    if verdicts <= {Verdict.VERIFIED, Verdict.UNJUDGED} or Verdict.VERIFIED in verdicts:
        return _worst_platform(decision, platforms)
    return decision


def _unknown_platforms(decision: Decision, why: str) -> Decision:
    return replace(decision, judgement=replace(decision.judgement, verdict=Verdict.UNJUDGED, reason=why, help=""))


def _worst_platform(decision: Decision, platforms: tuple[_Platform, ...]) -> Decision:
    """The decision of the worst platform, where one is not verified."""
    bad = sorted(
        (each for each in platforms if each.weighing.verdict is not Verdict.VERIFIED),
        key=lambda each: each.weighing.verdict.severity,
    )
    if not bad:
        return decision
    weighing = bad[0].weighing
    names = listed([each.platform.platform for each in bad if each.weighing.verdict is weighing.verdict])
    judgement = Judgement(weighing.verdict, f"{names}: {weighing.reason}", decision.judgement.rule, weighing.help)
    return replace(decision, judgement=judgement, by_platform=True)


# ── revocation ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _denied_digest(reference: Reference, evidence: Evidence | Fault | None, rules: Rules) -> DeniedDigest | None:
    digests = {reference.digest}
    if isinstance(evidence, Evidence):
        if isinstance(evidence.resolution, Resolved):
            digests.add(evidence.resolution.digest)
        if isinstance(evidence.platforms, tuple):
            digests.update(platform.digest for platform in evidence.platforms)
    return next((entry for entry in rules.denied_digests if entry.digest in digests), None)


def _denied_signer(evidence: Evidence | Fault | None, rules: Rules) -> DeniedSigner | None:
    if not isinstance(evidence, Evidence):
        return None
    children = evidence.platforms if isinstance(evidence.platforms, tuple) else ()
    everything = (*evidence.signatures, *(each for child in children for each in child.signatures or ()))
    return next((denied for each in everything if (denied := revoked(each, rules)) is not None), None)


def _deny(decision: Decision, entry: DeniedDigest | DeniedSigner) -> Decision:
    what = f"digest {entry.digest.short}" if isinstance(entry, DeniedDigest) else f"signer {entry.signer.text}".strip()
    reason = f"revoked ({cut(what)}): {cut(entry.reason)}"
    judgement = decision.judgement
    if decision.verdict in _PASSING:
        judgement = replace(judgement, verdict=Verdict.WRONG_SIGNER, reason=reason, help="")
    return replace(decision, judgement=judgement, denied=reason)


def _doubt(evidence: Evidence | Fault | None, rules: Rules) -> str | None:
    """Why nobody can tell whether something that would pass is revoked."""
    if rules.denied_digests and (untold := _untold(evidence)) is not None:
        return f"nobody could tell whether it is a revoked image: {cut(untold)}"
    unread = [each for each in _signatures(evidence) if isinstance(each, Unreadable)]
    if rules.denied_signers and unread:
        return f"nobody could tell whether a revoked signer signed it: {cut(unread[0].fault.detail)}"
    return None


def _untold(evidence: Evidence | Fault | None) -> str | None:
    """Why it is not known what would run: the digest, and where that is an index, the manifests in it."""
    found = evidence.resolution if isinstance(evidence, Evidence) else evidence
    match found:
        case None:
            return "the registry was not asked"
        case Fault(detail=detail):
            return detail
        case Absent():
            return None
        case Resolved():
            return _untold_children(evidence)
        case _:
            assert_never(found)


def _untold_children(evidence: Evidence | Fault | None) -> str | None:
    match evidence:
        case Evidence(platforms=None):
            return "nobody asked what its index lists"
        case Evidence(platforms=Fault(detail=detail)):
            return f"what its index lists could not be read: {detail}"
        case _:
            return None


def _signatures(evidence: Evidence | Fault | None) -> tuple[object, ...]:
    return evidence.signatures if isinstance(evidence, Evidence) else ()
