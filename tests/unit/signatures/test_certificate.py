"""What a signing certificate must be, and whom it names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from auditor.limits import Limits
from auditor.model.evidence import Step
from auditor.model.identity import CLAIM_NAMES, SubjectType
from auditor.signatures.candidate import Leaf
from auditor.signatures.certificate import certificate_der, check_leaf, identity_of, load_leaf
from auditor.signatures.encoding import Malformed
from auditor.signatures.refusal import Refusal
from auditor.signatures.sigstore_python import _ThisLeaf

KEY = ec.generate_private_key(ec.SECP256R1())
AT = datetime(2026, 3, 1, tzinfo=UTC)
ARC = "1.3.6.1.4.1.57264.1"
SUBJECT = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://acme.example/release")])
Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def usage(*, signs: bool = True, cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


PURPOSE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
GOOD: Extensions = ((usage(), True), (PURPOSE, False))


def leaf(*extensions: tuple[x509.ExtensionType, bool], names: x509.SubjectAlternativeName | None = SUBJECT) -> Leaf:
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    builder = builder.public_key(KEY.public_key()).serial_number(1)
    builder = builder.not_valid_before(AT).not_valid_after(AT + timedelta(minutes=10))
    for extension, critical in (*extensions, *(((names, True),) if names else ())):
        builder = builder.add_extension(extension, critical=critical)
    return load_leaf(builder.sign(KEY, SHA256()).public_bytes(Encoding.DER))


def other(number: int, value: bytes) -> tuple[x509.ExtensionType, bool]:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{ARC}.{number}"), value), False


def der(text: str) -> bytes:
    return bytes([0x0C, len(text)]) + text.encode()


def test_good_leaf() -> None:
    check_leaf(leaf(*GOOD))
    check_leaf(leaf(*GOOD, (x509.BasicConstraints(ca=False, path_length=None), True)))


@pytest.mark.parametrize(
    ("extensions", "why"),
    [
        ([(PURPOSE, False)], "not one for digital signatures"),
        ([(usage(signs=False), True), (PURPOSE, False)], "not one for digital signatures"),
        ([(usage(cert_sign=True), True), (PURPOSE, False)], "not one for digital signatures"),
        ([(usage(), True)], "not one for code signing"),
        (
            [(usage(), True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
            "not one for code signing",
        ),
        ([*GOOD, (x509.BasicConstraints(ca=True, path_length=None), True)], "a certificate authority's"),
        ([*GOOD, (x509.BasicConstraints(ca=True, path_length=0), False)], "a certificate authority's"),
        ([*GOOD, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True)], "extension 1.2.3"),
        ([*GOOD, (x509.OCSPNoCheck(), True)], "which is not understood"),
    ],
)
def test_what_is_no_signing_certificate(extensions: Extensions, why: str) -> None:
    with pytest.raises(Refusal, match=why) as caught:
        check_leaf(leaf(*extensions))
    assert caught.value.step is Step.CHAIN


def test_claims_are_read_by_their_numbers() -> None:
    raw = {number: f"raw {number}" for number in range(2, 7)}
    encoded = {number: f"encoded {number}" for number in range(8, 25)}
    extensions = [other(number, text.encode()) for number, text in raw.items()]
    extensions += [other(number, der(text)) for number, text in encoded.items()]
    identity = identity_of(leaf(*GOOD, *extensions))
    assert identity.issuer == "encoded 8"
    assert identity.claims == {name: (raw | encoded)[number] for number, name in CLAIM_NAMES.items()}


def test_issuer_is_the_newer_extension_else_the_older_else_none() -> None:
    assert identity_of(leaf(other(8, der("new")))).issuer == "new"
    assert identity_of(leaf(other(1, b"same"), other(8, der("same")))).issuer == "same"
    assert identity_of(leaf(other(1, b"old"))).issuer == "old"
    assert identity_of(leaf()).issuer is None


@pytest.mark.parametrize("older", [b"old", b"", b"new ", b"NEW"])
def test_two_issuers_are_none(older: bytes) -> None:
    """Who reads the older extension must not see another issuer than who reads the newer one."""
    with pytest.raises(Refusal, match="names two issuers") as caught:
        identity_of(leaf(other(1, older), other(8, der("new"))))
    assert caught.value.step is Step.IDENTITY


@pytest.mark.parametrize(
    "extension",
    [other(8, b"raw"), other(8, b""), other(12, der("x") + b"x"), other(1, b"\xff"), other(9, b"\x0c\x81\x01x")],
)
def test_what_is_no_text_is_refused(extension: tuple[x509.ExtensionType, bool]) -> None:
    with pytest.raises(Refusal) as caught:
        identity_of(leaf(extension))
    assert caught.value.step is Step.IDENTITY


def names(*given: x509.GeneralName) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(given)


USER = x509.ObjectIdentifier(f"{ARC}.7")


@pytest.mark.parametrize(
    ("given", "subject", "kind"),
    [
        (x509.UniformResourceIdentifier("spiffe://acme.example/x"), "spiffe://acme.example/x", SubjectType.URI),
        (x509.RFC822Name("oncall@acme.example"), "oncall@acme.example", SubjectType.EMAIL),
        (x509.OtherName(USER, der("oncall!acme")), "oncall!acme", SubjectType.OTHER),
    ],
)
def test_subjects(given: x509.GeneralName, subject: str, kind: SubjectType) -> None:
    identity = identity_of(leaf(names=names(given)))
    assert (identity.subject, identity.subject_type) == (subject, kind)


@pytest.mark.parametrize(
    "given",
    [
        None,
        names(x509.RFC822Name("a@acme.example"), x509.RFC822Name("b@acme.example")),
        names(x509.RFC822Name("a@acme.example"), x509.UniformResourceIdentifier("https://acme.example")),
        names(x509.DNSName("acme.example")),
        names(x509.UniformResourceIdentifier("")),
        names(x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), der("x"))),
        names(x509.OtherName(USER, b"\x05\x00")),
    ],
)
def test_anything_but_one_known_subject_is_refused(given: x509.SubjectAlternativeName | None) -> None:
    with pytest.raises(Refusal) as caught:
        identity_of(leaf(names=given))
    assert caught.value.step is Step.IDENTITY


PEM = leaf().certificate.public_bytes(Encoding.PEM).decode()


def test_pem_of_one_certificate() -> None:
    for text in (PEM, f"\n{PEM}\n", PEM.replace("\n", "\r\n"), PEM.rstrip()):
        assert x509.load_der_x509_certificate(certificate_der(text, "it")).public_bytes(Encoding.PEM).decode() == PEM


@pytest.mark.parametrize(
    "text",
    [
        "",
        PEM + PEM,
        "x" + PEM,
        PEM + "x",
        PEM.replace("CERTIFICATE", "PUBLIC KEY"),
        PEM.replace("BEGIN", "END"),
        PEM[:-30],
        PEM.replace("MII", "M*I"),
        PEM.replace("\n", "\t"),
    ],
)
def test_what_is_no_pem_of_one_certificate(text: str) -> None:
    with pytest.raises(Malformed):
        certificate_der(text, "it")


def test_large_certificates_are_not_read() -> None:
    small = Limits(certificate_bytes=100)
    with pytest.raises(Malformed, match="larger than 100 bytes"):
        certificate_der(PEM, "it", small)
    with pytest.raises(Malformed, match="larger than 100 bytes"):
        load_leaf(leaf().der, small)


@pytest.mark.parametrize("content", [b"", b"\x30\x00", leaf().der + b"\x00", leaf().der[:-1]])
def test_what_is_no_certificate(content: bytes) -> None:
    with pytest.raises(Malformed):
        load_leaf(content)


def test_sigstore_python_is_held_to_the_certificate_that_was_read() -> None:
    mine, another = leaf(*GOOD), leaf()
    _ThisLeaf(mine).verify(mine.certificate)
    with pytest.raises(Refusal, match="another certificate"):
        _ThisLeaf(mine).verify(another.certificate)


def without_version(certificate: bytes) -> bytes:
    """The same certificate as version 1, which must not have extensions; its signature does not hold any more."""
    version = b"\xa0\x03\x02\x01\x02"
    assert certificate[:2] == b"\x30\x82"
    assert certificate[4:6] == b"\x30\x81"
    shorter = bytearray(certificate.replace(version, b"", 1))
    shorter[2:4] = (int.from_bytes(shorter[2:4], "big") - len(version)).to_bytes(2, "big")
    shorter[6] -= len(version)
    return bytes(shorter)


def test_certificate_of_version_1_with_extensions() -> None:
    good = leaf(*GOOD)
    check_leaf(good)
    with pytest.raises(Refusal, match="v3 certificate"):
        check_leaf(load_leaf(without_version(good.der)))


def test_extension_that_cannot_be_read() -> None:
    broken = x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"no bit string")
    with pytest.raises(Malformed, match="extensions cannot be read"):
        leaf((broken, True))
