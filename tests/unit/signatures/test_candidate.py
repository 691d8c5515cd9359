"""A message is signed by a key or it is not, whether its bytes are at hand or only their digest."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from auditor.signatures.candidate import Message
from auditor.signatures.keys import PublicKey

CONTENT = b"an artifact"
WHOLE = Message.of(CONTENT)
ALONE = Message(hashlib.sha256(CONTENT).digest(), None)
ANOTHER = (Message.of(b"another"), Message(hashlib.sha256(b"another").digest(), None))


def signed_by_p256() -> tuple[PublicKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key(), key.sign(CONTENT, ec.ECDSA(SHA256()))


def signed_by_p384() -> tuple[PublicKey, bytes]:
    key = ec.generate_private_key(ec.SECP384R1())
    return key.public_key(), key.sign(CONTENT, ec.ECDSA(SHA256()))


def signed_by_rsa() -> tuple[PublicKey, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    return key.public_key(), key.sign(CONTENT, padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize("sign", [signed_by_p256, signed_by_p384, signed_by_rsa])
@pytest.mark.parametrize("message", [WHOLE, ALONE], ids=["content", "digest"])
def test_the_signature_of_one_key_over_one_message(sign: object, message: Message) -> None:
    assert callable(sign)
    (key, signature), (stranger, foreign) = sign(), sign()
    assert message.signed(key, signature)
    assert not message.signed(stranger, signature)
    assert not message.signed(key, foreign)
    assert not message.signed(key, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not message.signed(key, b"")
    assert not any(each.signed(key, signature) for each in ANOTHER)


def test_ed25519_signs_content_and_nothing_that_is_known_by_its_digest() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    key = private.public_key()
    assert WHOLE.signed(key, private.sign(CONTENT))
    assert not WHOLE.signed(key, private.sign(b"another"))
    assert not ALONE.signed(key, private.sign(CONTENT))
    assert not ALONE.signed(key, private.sign(ALONE.sha256))


def test_digests_that_cannot_be_told() -> None:
    assert WHOLE.digest("sha256") == ALONE.digest("sha256") == ALONE.sha256
    assert WHOLE.digest("sha512") == hashlib.sha512(CONTENT).digest()
    assert WHOLE.digest("sha384") == hashlib.sha384(CONTENT).digest()
    assert ALONE.digest("sha512") is None
    assert WHOLE.digest("md5") is None
    assert WHOLE.digest("") is None
