"""Which certificates of a trusted root may issue leaves: what a CA lacks, no leaf of it is accepted for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct
from msgspec.structs import replace

from auditor.signatures.certificate import load_leaf
from auditor.signatures.chain import Issuer, check_chain, issuers_of
from auditor.signatures.names import issuer_and_subject, stated_algorithms
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import Authority, Window
from fixtures.sigstore import der

AT = datetime(2026, 3, 1, tzinfo=UTC)
LONG = timedelta(days=3650)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "middle", "leaf", "stranger")}


class CA(Struct, frozen=True):
    """How a CA certificate is made; the default is a good one."""

    constrained: bool = True
    used: bool = True
    authority: bool = True
    critical: bool = True
    cert_sign: bool = True
    path_length: int | None = None
    usages: tuple[x509.ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.CODE_SIGNING,)
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    lifetime: timedelta = LONG


def certificate(subject: str, issuer: str, profile: CA | None, signer: str | None = None) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(KEYS[subject].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT - LONG)
        .not_valid_after(AT + (profile.lifetime if profile else LONG))
    )
    if profile is not None:
        constraints = x509.BasicConstraints(profile.authority, profile.path_length if profile.authority else None)
        if profile.constrained:
            builder = builder.add_extension(constraints, critical=profile.critical)
        if profile.used:
            builder = builder.add_extension(_usage(cert_sign=profile.cert_sign), critical=True)
        if profile.usages is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(profile.usages), critical=False)
        for extension, critical in profile.more:
            builder = builder.add_extension(extension, critical=critical)
    return builder.sign(KEYS[signer or issuer], SHA256())


def _usage(*, cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def issuers(root: CA, middle: CA, signer: str = "root") -> tuple[Issuer, ...]:
    chain = (certificate("middle", "root", middle, signer), certificate("root", "root", root))
    return issuers_of([Authority(chain, Window())])


LEAF = certificate("leaf", "middle", None)
UPPER_LEAF = certificate("leaf", "root", None)
GOOD = CA()
CONSTRAINTS = x509.NameConstraints([x509.DNSName("acme.example")], None)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
BAD = {
    "no word of being an authority": CA(constrained=False),
    "no word of what its key is for": CA(used=False),
    "no authority": CA(authority=False),
    "constraints that nobody has to heed": CA(critical=False),
    "a key that signs no certificates": CA(cert_sign=False),
    "for servers": CA(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
    "constraints on names": CA(more=((CONSTRAINTS, True),)),
    "constraints on names, not critical": CA(more=((CONSTRAINTS, False),)),
    "an unknown demand": CA(more=((UNKNOWN, True),)),
}


def accepted(leaf: x509.Certificate, found: tuple[Issuer, ...], at: datetime = AT) -> bool:
    try:
        check_chain(load_leaf(leaf.public_bytes(Encoding.DER)), found, [at])
    except Refusal:
        return False
    return True


@pytest.mark.parametrize(
    "good",
    [
        GOOD,
        CA(usages=None),
        CA(usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        CA(path_length=1),
        CA(more=((UNKNOWN, False),)),
    ],
)
def test_good_authorities_issue(good: CA) -> None:
    assert accepted(LEAF, issuers(good, good))
    assert accepted(UPPER_LEAF, issuers(good, good)), "a leaf may be issued by the upper certificate"


@pytest.mark.parametrize("why", BAD)
def test_bad_authority_issues_nothing_and_nothing_below_it(why: str) -> None:
    assert not accepted(LEAF, issuers(GOOD, BAD[why]))
    assert accepted(UPPER_LEAF, issuers(GOOD, BAD[why]))
    assert not accepted(LEAF, issuers(BAD[why], GOOD))
    assert not accepted(UPPER_LEAF, issuers(BAD[why], GOOD))


def test_path_length_is_heeded() -> None:
    assert accepted(LEAF, issuers(CA(path_length=1), CA(path_length=0)))
    assert not accepted(LEAF, issuers(CA(path_length=0), CA(path_length=0)))
    assert accepted(UPPER_LEAF, issuers(CA(path_length=0), GOOD))


def test_chain_that_is_none_is_not_followed() -> None:
    assert not accepted(LEAF, issuers(GOOD, GOOD, signer="stranger"))


def test_leaf_with_the_right_names_and_the_wrong_signature() -> None:
    assert not accepted(certificate("leaf", "middle", None, "stranger"), issuers(GOOD, GOOD))
    assert not accepted(certificate("leaf", "stranger", None), issuers(GOOD, GOOD))


Hash: TypeAlias = SHA224 | SHA256 | SHA384 | SHA512
SHA_256 = SHA256()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _leaf_below(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: Hash = SHA_256) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "middle")])
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(name).serial_number(7)
    builder = builder.not_valid_before(AT).not_valid_after(AT + LONG).public_key(KEYS["leaf"].public_key())
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def _stands(leaf: bytes, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEYS["middle"]) -> bool:
    """Whether the leaf is taken for one by the authority `middle` with this key."""
    (good, *_) = issuers(GOOD, GOOD)
    if isinstance(key, rsa.RSAPrivateKey):
        name = good.certificate.subject
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(AT).not_valid_after(AT + LONG)
        good = replace(good, certificate=builder.sign(key, SHA256()), key=key.public_key())
    try:
        return check_chain(load_leaf(leaf), [good], [AT]) is good
    except Refusal:
        return False


@pytest.mark.parametrize("algorithm", [SHA224(), SHA256(), SHA384(), SHA512()], ids=lambda each: str(each.name))
def test_leaves_are_signed_with_any_hash_that_the_library_takes(algorithm: Hash) -> None:
    assert _stands(_leaf_below(KEYS["middle"], algorithm))
    assert not _stands(_leaf_below(KEYS["stranger"], algorithm))


def test_authorities_with_rsa_keys_issue_too() -> None:
    assert _stands(_leaf_below(RSA), RSA)
    assert not _stands(_leaf_below(rsa.generate_private_key(public_exponent=65537, key_size=2048)), RSA)
    assert not _stands(_leaf_below(RSA)), "the key is of another kind than the signature"
    assert not _stands(_leaf_below(KEYS["middle"]), RSA), "the key is of another kind than the signature"


def test_leaf_that_states_two_algorithms_is_refused() -> None:
    """The authority did sign it, with the algorithm outside; inside, where it is signed, another one is stated."""
    other = x509.load_der_x509_certificate(_leaf_below(KEYS["middle"], SHA384()))
    good = _leaf_below(KEYS["middle"])
    outside = stated_algorithms(good)[1]
    signature = KEYS["middle"].sign(other.tbs_certificate_bytes, ec.ECDSA(SHA256()))
    bits = der.tlv(0x03, b"\x00" + signature)
    forged = der.tlv(0x30, other.tbs_certificate_bytes + outside + bits)
    assert stated_algorithms(good)[0] == outside
    assert stated_algorithms(forged)[0] != stated_algorithms(forged)[1] == outside
    assert not _stands(forged)


def test_every_certificate_above_must_be_valid_at_the_time() -> None:
    short = CA(lifetime=timedelta(days=1))
    later = AT + timedelta(days=2)
    assert accepted(LEAF, issuers(GOOD, GOOD), later)
    assert not accepted(LEAF, issuers(GOOD, short), later)
    assert not accepted(LEAF, issuers(short, GOOD), later)
    assert accepted(LEAF, issuers(short, short), AT + timedelta(days=1)), "the last second is inside"


@pytest.mark.parametrize(
    ("found", "at", "why"),
    [
        (issuers(GOOD, CA(lifetime=timedelta(days=1))), AT + timedelta(days=2), "not valid at the time of signing"),
        ((), AT, "by an authority of this trusted root"),
        (issuers(GOOD, GOOD), AT - 2 * LONG, "not yet valid at the time of signing"),
        (issuers(GOOD, GOOD), AT + 2 * LONG, "expired at the time of signing"),
    ],
)
def test_why_a_certificate_is_refused_is_said(found: tuple[Issuer, ...], at: datetime, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        check_chain(load_leaf(LEAF.public_bytes(Encoding.DER)), found, [at])


def test_names_are_those_of_the_certificate() -> None:
    for each in (LEAF, certificate("middle", "root", GOOD)):
        assert issuer_and_subject(each) == (each.issuer.public_bytes(), each.subject.public_bytes())


@pytest.mark.parametrize("length", [1, 60, 64])
def test_names_of_any_length(length: int) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x" * length)] * 5)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEYS["leaf"].public_key())
    builder = builder.serial_number(1).not_valid_before(AT).not_valid_after(AT + LONG)
    assert issuer_and_subject(builder.sign(KEYS["leaf"], SHA256())) == (name.public_bytes(), name.public_bytes())
