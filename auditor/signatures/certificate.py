"""What a Fulcio certificate says: its profile, and whom it names.

Source: Fulcio's `docs/certificate-specification.md` and `docs/oid-info.md` (extensions 1.3.6.1.4.1.57264.1.*), RFC 5280.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtendedKeyUsage,
    KeyUsage,
    ObjectIdentifier,
    OtherName,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnrecognizedExtension,
    Version,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Step
from auditor.model.identity import CLAIM_NAMES, Identity, SubjectType
from auditor.signatures.candidate import Leaf
from auditor.signatures.encoding import Malformed, decode_base64
from auditor.signatures.refusal import refuse
from auditor.signatures.root import load_certificate

_FULCIO: Final = "1.3.6.1.4.1.57264.1."
_ISSUER_V1: Final = ObjectIdentifier(_FULCIO + "1")
_ISSUER_V2: Final = ObjectIdentifier(_FULCIO + "8")
_OTHER_NAME: Final = ObjectIdentifier(_FULCIO + "7")
_RAW_CLAIMS: Final = range(2, 7)
"""Claims .1.2 to .1.6 are raw text; the later ones are DER strings."""
_CLAIMS: Final = tuple(
    (ObjectIdentifier(f"{_FULCIO}{number}"), name, number in _RAW_CLAIMS) for number, name in CLAIM_NAMES.items()
)
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
"""Extensions that may be critical: every other critical extension would say something that nobody here checks."""
_PEM: Final = ["", "BEGIN CERTIFICATE", "END CERTIFICATE", ""]
"""What the dashes of one certificate in PEM separate, the encoded bytes in the middle left out."""
_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80


def certificate_der(pem: str, what: str, limits: Limits = DEFAULT) -> bytes:
    """The DER of exactly one certificate in PEM (RFC 7468). Raises Malformed."""
    if len(pem) > limits.certificate_bytes:
        raise Malformed(f"{what} is larger than {limits.certificate_bytes} bytes")
    parts = pem.strip().split("-----")
    if [*parts[:2], *parts[3:]] != _PEM:
        raise Malformed(f"{what} is not one certificate in PEM")
    return decode_base64(parts[2], f"{what}, which should be PEM,", lines=True)


def load_leaf(der: bytes, limits: Limits = DEFAULT) -> Leaf:
    """Read the signing certificate. Raises Malformed."""
    if len(der) > limits.certificate_bytes:
        raise Malformed(f"the certificate is larger than {limits.certificate_bytes} bytes")
    certificate = load_certificate(der, "the signing certificate")
    try:
        extensions = {extension.oid: extension for extension in certificate.extensions}
    except Exception as error:  # noqa: BLE001 - the parser raises several kinds; all of them mean a malformed certificate
        raise Malformed(f"the certificate's extensions cannot be read: {type(error).__name__}") from None
    return Leaf(certificate, der, extensions)


def is_self_signed(certificate: Certificate) -> bool:
    """Whether the certificate names and signs itself, as roots do. Leaves of Fulcio never do."""
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def check_leaf(leaf: Leaf) -> None:
    """Refuse (step 5) what is no signing certificate: a CA, no digital signatures, no code signing, unknown demands."""
    if leaf.certificate.version is not Version.v3:
        refuse(Step.CHAIN, "the certificate is not an X.509 v3 certificate")
    for oid, extension in leaf.extensions.items():
        if extension.critical and oid not in _UNDERSTOOD:
            refuse(
                Step.CHAIN, f"the certificate has the critical extension {oid.dotted_string}, which is not understood"
            )
    constraints = leaf.extension(BasicConstraints)
    if constraints is not None and constraints.ca:
        refuse(Step.CHAIN, "the signing certificate is a certificate authority's")
    usage, purposes = leaf.extension(KeyUsage), leaf.extension(ExtendedKeyUsage)
    if usage is None or not usage.digital_signature or usage.key_cert_sign:
        refuse(Step.CHAIN, "the certificate's key is not one for digital signatures")
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        refuse(Step.CHAIN, "the certificate is not one for code signing")


def identity_of(leaf: Leaf) -> Identity:
    """Whom the certificate names (step 8). Exactly one subject alternative name; no issuer extension gives issuer None."""
    subject, subject_type = _subject(leaf)
    claims = {}
    for oid, name, raw in _CLAIMS:
        value = _value(leaf, oid)
        if value is not None:
            claims[name] = _text(value, name) if raw else _der_text(value, name)
    return Identity(_issuer(leaf), subject, subject_type, MappingProxyType(claims))


def _subject(leaf: Leaf) -> tuple[str, SubjectType]:
    names = list(leaf.extension(SubjectAlternativeName) or ())
    if len(names) != 1:
        refuse(Step.IDENTITY, f"the certificate has {len(names)} subject alternative names, not one")
    match names[0]:
        case UniformResourceIdentifier(value=value):
            subject = value, SubjectType.URI
        case RFC822Name(value=value):
            subject = value, SubjectType.EMAIL
        case OtherName(type_id=oid, value=der) if oid == _OTHER_NAME:
            subject = _der_text(der, "the other name"), SubjectType.OTHER
        case _:
            refuse(Step.IDENTITY, "the certificate's subject is neither URI nor email nor a Sigstore user name")
    if not subject[0]:
        refuse(Step.IDENTITY, "the certificate's subject is empty")
    return subject


def _value(leaf: Leaf, oid: ObjectIdentifier) -> bytes | None:
    """The bytes of an extension that `cryptography` does not know: every one of Fulcio's."""
    found = leaf.extensions.get(oid)
    value = found.value if found is not None else None
    return value.value if isinstance(value, UnrecognizedExtension) else None


def _issuer(leaf: Leaf) -> str | None:
    """From both extensions where both are there: readers of one of them must not see another issuer than those of the other."""
    encoded, raw = _value(leaf, _ISSUER_V2), _value(leaf, _ISSUER_V1)
    issuers = [] if encoded is None else [_der_text(encoded, "the issuer")]
    issuers += [] if raw is None else [_text(raw, "the issuer")]
    if len(set(issuers)) > 1:
        refuse(Step.IDENTITY, "the certificate names two issuers")
    return issuers[0] if issuers else None


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        refuse(Step.IDENTITY, f"{what} in the certificate is not text")


def _der_text(value: bytes, what: str) -> str:
    """The one DER UTF8String that `value` is (X.690 section 8.1: shortest length form, nothing behind it)."""
    if len(value) < 2 or value[0] != _UTF8_STRING:
        refuse(Step.IDENTITY, f"{what} in the certificate is not a DER string")
    length, start = value[1], 2
    if length == len(value) - 2 and length < _LONG_FORM:  # nearly all of them
        return _text(value[2:], what)
    if length >= _LONG_FORM:
        count = length - _LONG_FORM
        length = int.from_bytes(value[2 : 2 + count], "big")
        start += count
        shortest = 1 if length < 256 else 2
        if length < _LONG_FORM or count != shortest:
            refuse(Step.IDENTITY, f"{what} in the certificate is not a DER string")
    if len(value) != start + length:
        refuse(Step.IDENTITY, f"{what} in the certificate is not a DER string")
    return _text(value[start:], what)
