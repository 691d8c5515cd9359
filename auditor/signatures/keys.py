"""Public keys and the arithmetic of one signature: ECDSA on P-256, P-384 and P-521, RSA (PKCS #1 v1.5), Ed25519.

Which keys and hashes: sigstore's algorithm registry (architecture-docs, `algorithm-registry.md`). A P-384 key may sign with
SHA-256 as well as with its own SHA-384 (cosign does), so the hash is not tied to the curve.
"""

from __future__ import annotations

import hashlib
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from auditor.signatures.encoding import Malformed

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

RSA_BITS: Final = range(2048, 8192 + 1)
"""Shorter RSA keys are weak; longer ones cost whoever checks them more than whoever made them up."""

_SHA256: Final = SHA256()
_ECDSA_SHA256: Final = ec.ECDSA(_SHA256)
_ECDSA: Final[dict[str, tuple[ec.ECDSA, ...]]] = {
    "secp256r1": (_ECDSA_SHA256,),
    "secp384r1": (ec.ECDSA(SHA384()), _ECDSA_SHA256),
    "secp521r1": (ec.ECDSA(SHA512()), _ECDSA_SHA256),
}


class UnsupportedKind(Malformed):
    """A public key of a kind that is not read here, such as a post-quantum one."""


def supported(key: PublicKeyTypes, what: str) -> PublicKey:
    """The key, if it is of a kind that may sign. Raises Malformed for the others."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _ECDSA:
        return key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in RSA_BITS:
            raise Malformed(f"{what} is an RSA key of {key.key_size} bits: not {RSA_BITS.start} to {RSA_BITS.stop - 1}")
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise UnsupportedKind(f"{what} is of a kind that is not supported")


def load_key(der: bytes, what: str) -> PublicKey:
    """Read a SubjectPublicKeyInfo in DER."""
    try:
        return supported(load_der_public_key(der), what)
    except Malformed:
        raise
    except UnsupportedAlgorithm:
        raise UnsupportedKind(f"{what} is of a kind that is not supported") from None
    except Exception:  # noqa: BLE001 - the parser raises several kinds; all of them mean "not a key"
        raise Malformed(f"{what} is not a public key") from None


def load_pem_key(pem: bytes, what: str) -> PublicKey:
    """Read a public key in PEM."""
    try:
        return supported(load_pem_public_key(pem), what)
    except Malformed:
        raise
    except UnsupportedAlgorithm:
        raise UnsupportedKind(f"{what} is of a kind that is not supported") from None
    except Exception:  # noqa: BLE001 - the parser raises several kinds; all of them mean "not a key"
        raise Malformed(f"{what} is not a public key in PEM") from None


def key_id(key: PublicKey) -> bytes:
    """SHA-256 over the SubjectPublicKeyInfo (RFC 6962 section 3.2)."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def signed_by(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `key` made `signature` over `message`."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return any(_ecdsa(key, signature, message, algorithm) for algorithm in _ECDSA[key.curve.name])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), _SHA256)
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def signed_digest_by(key: PublicKey, signature: bytes, sha256: bytes) -> bool:
    """Whether `key` made `signature` over bytes of which only the SHA-256 digest is at hand."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ecdsa(key, signature, sha256, ec.ECDSA(Prehashed(_SHA256)))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return False
    try:
        key.verify(signature, sha256, padding.PKCS1v15(), Prehashed(_SHA256))
    except InvalidSignature:
        return False
    return True


def _ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes, algorithm: ec.ECDSA) -> bool:
    try:
        key.verify(signature, data, algorithm)
    except InvalidSignature:
        return False
    return True
