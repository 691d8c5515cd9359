"""Older private set-ups: Fulcio, Rekor, CT log and time stamping authority as PEM files → a trusted root in memory.

Fields of `trust:` entries: `fulcio` (certificates, issuing one first or in any order), and any of `rekor`, `ctlog` (public keys)
and `tsa` (certificates). PEM files say nothing of when a key was in service, so it is trusted for all times; a certificate's own
validity counts as always.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate

from auditor.signatures.certificate import certificate_der
from auditor.signatures.encoding import Json, Malformed
from auditor.signatures.keys import PublicKey, key_id, load_pem_key
from auditor.signatures.names import issuer_and_subject
from auditor.signatures.root import load_certificate

FIELDS: Final = ("fulcio", "rekor", "ctlog", "tsa")
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_CURVES: Final = {
    "secp256r1": "PKIX_ECDSA_P256_SHA_256",
    "secp384r1": "PKIX_ECDSA_P384_SHA_384",
    "secp521r1": "PKIX_ECDSA_P521_SHA_512",
}


def root_from_pem(content: Mapping[str, bytes]) -> str:
    """The trusted_root.json that says the same as these PEM files. Raises Malformed."""
    document: dict[str, Json] = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "certificateAuthorities": _authorities(content.get("fulcio"), "fulcio"),
        "tlogs": _logs(content.get("rekor"), "rekor"),
        "ctlogs": _logs(content.get("ctlog"), "ctlog"),
        "timestampAuthorities": _authorities(content.get("tsa"), "tsa"),
    }
    return json.dumps(document)


def _blocks(pem: bytes, label: str, what: str) -> list[bytes]:
    blocks = [(match[1].decode(), match[0]) for match in _BLOCK.finditer(pem)]
    if not blocks or any(found != label for found, _ in blocks):
        raise Malformed(f"{what} must hold {label.lower()}s in PEM, and nothing else")
    return [block for _, block in blocks]


def _logs(pem: bytes | None, what: str) -> list[Json]:
    # A file that is there and empty is a mistake: taken for absent it would switch a check off.
    return [] if pem is None else [_log(load_pem_key(block, what)) for block in _blocks(pem, "PUBLIC KEY", what)]


def _log(key: PublicKey) -> Json:
    return {
        "baseUrl": "",
        "hashAlgorithm": "SHA2_256",
        "logId": {"keyId": base64.b64encode(key_id(key)).decode()},
        "publicKey": {
            "rawBytes": base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
            "keyDetails": _details(key),
        },
    }


def _details(key: PublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES[key.curve.name]
    return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA256" if isinstance(key, rsa.RSAPublicKey) else "PKIX_ED25519"


def _authorities(pem: bytes | None, what: str) -> list[Json]:
    if pem is None:
        return []
    blocks = _blocks(pem, "CERTIFICATE", what)
    certificates = [load_certificate(certificate_der(block.decode("ascii", "replace"), what), what) for block in blocks]
    return [_authority(chain) for chain in _chains(certificates)]


def _chains(certificates: list[Certificate]) -> Iterable[list[Certificate]]:
    """One chain, lowest certificate first, for each certificate that no other one in the file was issued by."""
    names = [issuer_and_subject(certificate) for certificate in certificates]
    issuers = [issuer for issuer, subject in names if issuer != subject]
    for certificate, (_, subject) in zip(certificates, names, strict=True):
        if subject in issuers:
            continue
        chain = [certificate]
        while (upper := _issuer(chain[-1], certificates)) is not None and upper not in chain:
            chain.append(upper)
        yield chain


def _issuer(certificate: Certificate, certificates: list[Certificate]) -> Certificate | None:
    issuer, _ = issuer_and_subject(certificate)
    return next((each for each in certificates if issuer_and_subject(each)[1] == issuer), None)


def _authority(chain: list[Certificate]) -> Json:
    certificates: list[Json] = [
        {"rawBytes": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()} for certificate in chain
    ]
    return {"certChain": {"certificates": certificates}}
