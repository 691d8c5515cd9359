"""Step 5, first half: from the signing certificate to a trusted Fulcio, at the trusted times.

The issuers are certificates of the trusted root, never of the signature's own material. A leaf may be issued by any
certificate of an authority's chain (GitHub's releases are issued by the upper intermediate). What does not depend on the
leaf is checked once per issuer: that it is a CA, that its own chain holds, and the time for which all of that is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509 import BasicConstraints, Certificate, ExtendedKeyUsage, ExtensionNotFound, KeyUsage
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from msgspec import Struct

from auditor.model.evidence import Step
from auditor.signatures.candidate import Leaf
from auditor.signatures.encoding import Malformed
from auditor.signatures.keys import PublicKey, key_id, supported
from auditor.signatures.names import encoded_names, issuer_and_subject, stated_algorithms
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.root import Authority, Window

_UNDERSTOOD = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE})
_ECDSA: Final = {
    bytes.fromhex("300a06082a8648ce3d040302"): ec.ECDSA(SHA256()),
    bytes.fromhex("300a06082a8648ce3d040303"): ec.ECDSA(SHA384()),
    bytes.fromhex("300a06082a8648ce3d040304"): ec.ECDSA(SHA512()),
}
"""AlgorithmIdentifiers in DER: `ecdsa-with-SHA256`, 384 and 512, without parameters (RFC 5758 section 3.2)."""


class Issuer(Struct, frozen=True):
    """A certificate that may issue leaves: its name in DER, its key and the key's hash for SCTs, and when it and all above it hold."""

    certificate: Certificate
    name: bytes
    key: PublicKey
    key_hash: bytes
    window: Window


def issuers_of(authorities: Iterable[Authority]) -> tuple[Issuer, ...]:
    """Every certificate of the authorities that may issue leaves. A chain that does not hold gives no issuer above the break."""
    return tuple(issuer for authority in authorities for issuer in _issuers(authority))


def _issuers(authority: Authority) -> list[Issuer]:
    found = []
    chain = authority.certificates
    for position, certificate in enumerate(chain):
        upper = chain[position + 1 :]
        if not _may_issue(certificate, below=0) or not _holds(certificate, upper):
            continue
        window = reduce(Window.both, (_validity(each) for each in (certificate, *upper)), authority.window)
        key = supported(certificate.public_key(), "a CA's key")
        found.append(Issuer(certificate, issuer_and_subject(certificate)[1], key, key_id(key), window))
    return found


def _holds(certificate: Certificate, upper: Sequence[Certificate]) -> bool:
    """Whether each certificate of the chain is issued by the next, which must be a CA that allows the length."""
    lower = certificate
    for below, issuer in enumerate(upper, start=1):
        if not _may_issue(issuer, below=below) or not _issued(lower, issuer):
            return False
        lower = issuer
    return True


def _may_issue(certificate: Certificate, *, below: int) -> bool:
    """Whether it is a CA for code signing with `below` further CAs between it and the leaf (RFC 5280 section 4.2.1.9)."""
    try:
        supported(certificate.public_key(), "a CA's key")
        extensions = certificate.extensions
        constraints = extensions.get_extension_for_class(BasicConstraints)
        usage = extensions.get_extension_for_class(KeyUsage).value
    except (ExtensionNotFound, Malformed, ValueError):
        return False
    # Name constraints and policies are not evaluated here: a CA that demands them issues nothing that can be judged.
    if any(each.critical and each.oid not in _UNDERSTOOD for each in extensions):
        return False
    if any(each.oid == ExtensionOID.NAME_CONSTRAINTS for each in extensions):
        return False
    limit = constraints.value.path_length
    if not constraints.critical or not constraints.value.ca or not usage.key_cert_sign:
        return False
    return (limit is None or below <= limit) and _for_code_signing(certificate)


def _for_code_signing(certificate: Certificate) -> bool:
    try:
        purposes = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CODE_SIGNING in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _validity(certificate: Certificate) -> Window:
    return Window(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def check_chain(leaf: Leaf, issuers: Sequence[Issuer], times: Sequence[datetime]) -> Issuer:
    """The trusted issuer of `leaf` whose chain holds at every trusted time. Refuses (step 5)."""
    for issuer in check_windows(leaf, issuers, times):
        if _signed(leaf, issuer):
            return issuer
    raise Refusal(Step.CHAIN, "the certificate was not issued by the authority that it names: its signature is wrong")


def _signed(leaf: Leaf, issuer: Issuer) -> bool:
    """Whether an issuer of the name that the leaf gives has signed it.

    `cryptography` would make the issuer's key ready for every leaf again. Under ECDSA, which is all that Fulcio uses, the key
    that is ready is asked; whatever else a leaf states, two different algorithms included, is for the library to judge.
    """
    inner, outer = stated_algorithms(leaf.der)
    algorithm = _ECDSA.get(outer)
    if inner != outer or algorithm is None or not isinstance(issuer.key, ec.EllipticCurvePublicKey):
        return _issued(leaf.certificate, issuer.certificate)
    try:
        issuer.key.verify(leaf.certificate.signature, leaf.certificate.tbs_certificate_bytes, algorithm)
    except InvalidSignature:
        return False
    return True


def check_windows(leaf: Leaf, issuers: Sequence[Issuer], times: Sequence[datetime]) -> list[Issuer]:
    """The issuers that the certificate names, as far as they and it were valid at every trusted time. Refuses (step 5)."""
    check_validity(leaf, times)
    name, _ = encoded_names(leaf.der)
    named = [issuer for issuer in issuers if issuer.name == name]
    if not named:
        refuse(Step.CHAIN, "the certificate was not issued by an authority of this trusted root")
    in_time = [issuer for issuer in named if all(issuer.window.holds(time) for time in times)]
    if not in_time:
        refuse(Step.CHAIN, "the authority that issued the certificate was not valid at the time of signing")
    return in_time


def check_validity(leaf: Leaf, times: Sequence[datetime]) -> None:
    """Refuse (step 5) a certificate that was not valid at one of these times."""
    validity = _validity(leaf.certificate)
    for time in times:
        if not validity.holds(time):
            state = "expired" if validity.end is not None and time > validity.end else "not yet valid"
            refuse(Step.CHAIN, f"the certificate was {state} at the time of signing, {time:%Y-%m-%dT%H:%M:%SZ}")
