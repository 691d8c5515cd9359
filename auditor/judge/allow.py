"""One signature against the signers that an entry allows.

A signature counts for a signer where, in this order:
1. no `deny:` entry revokes its identity, under whatever root it holds;
2. every condition of one of the signer's patterns holds (`auditor.config.match`), or the key is the signer's;
3. a trust root under which it verifies vouches for this issuer, or is the one that the signer names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec import Struct

from auditor.config.match import denies, matches, vouches
from auditor.config.rules import DeniedSigner, KeylessSigner, KeySigner, Rules, Signer, SignerPattern
from auditor.judge.words import cut, listed
from auditor.model.evidence import KeySigned, Refused, Signature, Signed, Unreadable
from auditor.model.report import JudgedSignature


class Weighed(Struct, frozen=True):
    """A signature, the names of the signers that it counts for, and how a report shows it.

    `refuted` is True where it fits a signer, or would, and still does not count: revoked, or no root vouches for it.
    """

    signature: Signature
    signers: frozenset[str]
    judged: JudgedSignature
    refuted: bool = False


def revoked(signature: Signature, rules: Rules) -> DeniedSigner | None:
    """The `deny:` entry that revokes whoever made this signature."""
    if not isinstance(signature, Signed):
        return None
    return next(
        (entry for entry in rules.denied_signers if denies(entry.signer, signature.identity, signature.logged)), None
    )


def weigh(signature: Signature, signers: Iterable[Signer], rules: Rules) -> Weighed:
    """Judge one signature by every signer that the entry allows for its kind."""
    match signature:
        case Signed():
            return _weigh_signed(signature, tuple(signers), rules)
        case KeySigned():
            return _weigh_key(signature, tuple(signers))
        case Refused():
            return Weighed(signature, frozenset(), JudgedSignature(signature, allowed=False, why=cut(signature.why)))
        case Unreadable():
            why = cut(signature.fault.detail)
            return Weighed(signature, frozenset(), JudgedSignature(signature, allowed=None, why=why))
        case _:
            assert_never(signature)


def describe(signature: Signature) -> JudgedSignature:
    """A signature that no entry was asked about."""
    match signature:
        case Signed():
            return JudgedSignature(signature, trust=_root(signature))
        case KeySigned():
            return JudgedSignature(signature)
        case Refused(why=why):
            return JudgedSignature(signature, why=cut(why))
        case Unreadable(fault=fault):
            return JudgedSignature(signature, why=cut(fault.detail))
        case _:
            assert_never(signature)


def _weigh_signed(signature: Signed, signers: tuple[Signer, ...], rules: Rules) -> Weighed:
    denied = revoked(signature, rules)
    if denied is not None:
        judged = JudgedSignature(signature, allowed=False, trust=_root(signature), why=f"revoked: {cut(denied.reason)}")
        return Weighed(signature, frozenset(), judged, refuted=True)
    patterns = [(signer.name, pattern) for signer in signers for pattern in signer.patterns]
    fitting = [(name, pattern) for name, pattern in patterns if _fits(pattern, signature)]
    vouched = [(name, root) for name, pattern in fitting for root in _vouching(signature, pattern, rules)]
    if vouched:
        names = frozenset(name for name, _ in vouched)
        return Weighed(signature, names, JudgedSignature(signature, allowed=True, trust=vouched[0][1]))
    why = _not_vouched(signature) if fitting else _no_signer(signers)
    judged = JudgedSignature(signature, allowed=False, trust=_root(signature), why=why)
    return Weighed(signature, frozenset(), judged, refuted=bool(fitting))


def _fits(pattern: SignerPattern, signature: Signed) -> bool:
    return isinstance(pattern, KeylessSigner) and bool(matches(pattern, signature.identity, signature.logged))


def _vouching(signature: Signed, pattern: SignerPattern, rules: Rules) -> list[str]:
    """The roots that count: those under which the signature verifies, and that vouch for its issuer as this signer."""
    if not isinstance(pattern, KeylessSigner):
        return []
    return [root for root in signature.roots if vouches(rules.trust, root, signature.identity, pattern)]


def _root(signature: Signed) -> str | None:
    return signature.roots[0] if signature.roots else None


def _not_vouched(signature: Signed) -> str:
    if not signature.roots:
        return "no trust root vouches for it"
    return f"trust root {listed(signature.roots)} does not vouch for issuer {cut(signature.identity.issuer or 'none')}"


def _no_signer(signers: tuple[Signer, ...]) -> str:
    return f"allowed is {listed([signer.name for signer in signers])}" if signers else "nobody is allowed"


def _weigh_key(signature: KeySigned, signers: tuple[Signer, ...]) -> Weighed:
    names = frozenset(
        signer.name
        for signer in signers
        for pattern in signer.patterns
        if isinstance(pattern, KeySigner) and pattern.key in signature.keys
    )
    why = None if names else "made with a key that this entry does not name"
    return Weighed(signature, names, JudgedSignature(signature, allowed=bool(names), why=why))
