"""Which keys may sign, and what is none."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditor.signatures.encoding import Malformed
from auditor.signatures.keys import UnsupportedKind, load_key, load_pem_key, supported

P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
P384 = ec.generate_private_key(ec.SECP384R1()).public_key()
P521 = ec.generate_private_key(ec.SECP521R1()).public_key()
RSA = rsa.generate_private_key(65537, 2048).public_key()
ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()


def encoded(key: PublicKeyTypes, encoding: Encoding) -> bytes:
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key", [P256, P384, P521, RSA, ED25519])
def test_supported_keys_are_read(key: PublicKeyTypes) -> None:
    assert load_key(encoded(key, Encoding.DER), "it") == key
    assert load_pem_key(encoded(key, Encoding.PEM), "it") == key


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024).public_key(),  # noqa: S505 - weak on purpose
        dsa.generate_private_key(2048).public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ],
    ids=["RSA of 1024 bits", "DSA", "another curve", "key agreement"],
)
def test_other_keys_are_not(key: PublicKeyTypes) -> None:
    with pytest.raises(Malformed):
        supported(key, "it")
    with pytest.raises(Malformed):
        load_key(encoded(key, Encoding.DER), "it")
    with pytest.raises(Malformed):
        load_pem_key(encoded(key, Encoding.PEM), "it")


@pytest.mark.parametrize(
    "content",
    [b"", b"no key", encoded(P256, Encoding.DER)[:-1], encoded(P256, Encoding.PEM)[:-40]],
    ids=["nothing", "words", "cut off", "PEM cut off"],
)
def test_what_is_no_key(content: bytes) -> None:
    with pytest.raises(Malformed, match="it is not a public key"):
        load_key(content, "it")
    with pytest.raises(Malformed, match="it is not a public key in PEM"):
        load_pem_key(content, "it")


def test_a_kind_that_has_no_name_yet() -> None:
    """Told from what is no key: a trusted root may list such keys for those who read them."""
    content = bytes.fromhex("3017300b060960864801650304037f030800") + b"unknown"
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(content) + b"\n-----END PUBLIC KEY-----\n"
    with pytest.raises(UnsupportedKind, match="it is of a kind that is not supported"):
        load_key(content, "it")
    with pytest.raises(UnsupportedKind, match="it is of a kind that is not supported"):
        load_pem_key(pem, "it")
