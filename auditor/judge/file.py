"""Bundles about one file → what a report shows. Pure.

A file is judged as an image is, with one difference: whoever asks about a bundle asks about that very statement, so an
attestation of any predicate type counts as much as a signature. The reason names the type.
"""

from __future__ import annotations

from typing import Final

from auditor.config.rules import AttestedBy, ImageRule, Rules, SignedBy
from auditor.judge.allow import describe
from auditor.judge.findings.subject import level
from auditor.judge.judge import Judged
from auditor.judge.weighing import Weighing, weigh_all
from auditor.judge.words import cut
from auditor.model.evidence import KeySigned, Refused, Signature, Signed
from auditor.model.finding import Finding, Level
from auditor.model.reference import Digest
from auditor.model.report import Image, JudgedUse
from auditor.model.use import Use
from auditor.model.verdict import Verdict

_RULES: Final = {
    Verdict.WRONG_SIGNER: ("wrong-signer", "is signed by nobody allowed"),
    Verdict.KEY_SIGNED: ("key-signed-image", "is signed with a key only"),
    Verdict.INVALID: ("invalid-signature", "has no signature that holds"),
    Verdict.UNCOVERED: ("uncovered-image", "is described only"),
}
_NEAREST: Final = (Verdict.VERIFIED, Verdict.WRONG_SIGNER, Verdict.KEY_SIGNED, Verdict.UNCOVERED, Verdict.INVALID)
_NOBODY_NAMED: Final = "no identity was given, so nothing says who must have signed it"


def judge_file(use: Use, digest: Digest, signatures: tuple[Signature, ...], rules: Rules) -> Judged:
    """Judge the signatures of a file by the one signer of `rules` (`rules_of_flags`, `rules_of_key`); none describes them.

    One that verifies is enough; of several that do not, the first that comes nearest speaks.
    """
    weighings = [_weigh(use, digest, signature, rules) for signature in signatures]
    weighing = min(weighings, key=lambda each: _NEAREST.index(each.verdict))
    image = Image(
        reference=use.reference,
        name=None,
        tag=None,
        digest=digest,
        pinned=False,
        uses=(JudgedUse(use),),
        verdict=weighing.verdict,
        reason=weighing.reason,
        help=weighing.help,
        rule=rules.source if rules.signers else None,
        signatures=tuple(judged for each in weighings for judged in each.judged),
    )
    return Judged((image,), _findings(use, weighing, rules))


def _weigh(use: Use, digest: Digest, signature: Signature, rules: Rules) -> Weighing:
    if rules.signers or isinstance(signature, Refused):
        return weigh_all((signature,), _entry(signature, rules), use.reference, digest, rules)
    advice = "Say who must have signed it: --certificate-identity and --certificate-oidc-issuer, or --key."
    return Weighing(Verdict.UNCOVERED, _NOBODY_NAMED, advice, (describe(signature),))


def _entry(signature: Signature, rules: Rules) -> ImageRule:
    """Demands from every signer of the rules what the bundle holds: its statement, whatever its type, or its signature."""
    names = tuple(rules.signers)
    if isinstance(signature, Signed | KeySigned) and signature.attestation:
        wanted = tuple(AttestedBy(signature.predicate or "", name) for name in names)
        return ImageRule(rules.source, match=(), attested_by=wanted)
    return ImageRule(rules.source, match=(), signed_by=SignedBy(names))


def _findings(use: Use, weighing: Weighing, rules: Rules) -> tuple[Finding, ...]:
    if weighing.verdict is Verdict.VERIFIED:
        return ()
    rule, what = _RULES[weighing.verdict]
    grade = Level.INCOMPLETE if weighing.verdict is Verdict.UNCOVERED else level(rule, rules)
    message = f"{cut(use.reference)} {what}: {weighing.reason}."
    advice = weighing.help or "Ask whoever publishes the file for a bundle that verifies."
    return (Finding(rule, grade, message, advice, use.place, image=use.reference),)
