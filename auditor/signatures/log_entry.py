"""Step 7: the log entry is about *this* signature: the hash, the signature and the certificate in it are ours.

Entry kinds: `hashedrekord` 0.0.1 and 0.0.2, `dsse` 0.0.1 and 0.0.2, `intoto` 0.0.1 and 0.0.2, as their JSON schemas in
sigstore/rekor (`pkg/types`) and the protobuf messages of sigstore/rekor-tiles describe them. Older kinds (`rekord`) are refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from auditor.model.evidence import Step
from auditor.signatures.candidate import Candidate, Envelope, LogEntry
from auditor.signatures.certificate import certificate_der
from auditor.signatures.encoding import (
    Json,
    Malformed,
    Object,
    decode_base64,
    is_base64_of,
    list_of,
    object_of,
    parse_object,
    text_of,
)
from auditor.signatures.refusal import Refusal, refuse

_HASH_NAMES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


def check_about(candidate: Candidate, entry: LogEntry) -> None:
    """Refuse (step 7) an entry that is about anything but this signature by this certificate."""
    try:
        body = parse_object(entry.body, "the log entry")
        kind = text_of(body.get("kind"), "the log entry's kind"), text_of(body.get("apiVersion"), "its version")
        if entry.kind is not None and kind != entry.kind:
            refuse(Step.LOG, "the log entry is of another kind than the bundle says")
        check = _KINDS.get(kind)
        if check is None:
            refuse(Step.LOG, f"log entries of the kind {kind[0][:40]}/{kind[1][:20]} are not understood")
        check(candidate, object_of(body.get("spec"), "the log entry's spec"))
    except Malformed as problem:
        raise Refusal(Step.LOG, str(problem)) from None


def _same(what: str, *, same: bool) -> None:
    if not same:
        refuse(Step.LOG, f"the log entry is of another {what}")


def _envelope(candidate: Candidate) -> Envelope:
    if candidate.envelope is None:
        refuse(Step.LOG, "the log entry is of an envelope, but the signature is not in one")
    return candidate.envelope


def _pem_in_base64(candidate: Candidate, text: Json) -> None:
    pem = candidate.pem
    if pem is not None and pem.isascii() and text == base64.b64encode(pem.encode()).decode():
        return  # the very text that the leaf was read from
    try:
        logged = decode_base64(text, "the log entry's certificate").decode("ascii")
    except UnicodeDecodeError:
        refuse(Step.LOG, "the log entry's certificate is not PEM")
    _same("certificate", same=certificate_der(logged, "the log entry's certificate") == candidate.leaf.der)


def _verifier(candidate: Candidate, verifier: Object) -> None:
    certificate = object_of(verifier.get("x509Certificate"), "the log entry's certificate")
    same = is_base64_of(certificate.get("rawBytes"), candidate.leaf.der, "the log entry's certificate")
    _same("certificate", same=same)


def _sha256(value: Json, content: bytes, what: str) -> None:
    stated = object_of(value, f"the log entry's hash of the {what}")
    same = stated.get("algorithm") == "sha256" and stated.get("value") == hashlib.sha256(content).hexdigest()
    _same(what, same=same)


def _hashedrekord_1(candidate: Candidate, spec: Object) -> None:
    """Of an envelope it records the PAE, which the signature is over (Sigstore client specification, as for 0.0.2)."""
    stated = object_of(object_of(spec.get("data"), "the log entry's data").get("hash"), "the log entry's hash")
    digest = candidate.message.digest(text_of(stated.get("algorithm"), "the log entry's hash"))
    _same("payload", same=digest is not None and stated.get("value") == digest.hex())
    signature = object_of(spec.get("signature"), "the log entry's signature")
    same = is_base64_of(signature.get("content"), candidate.signature, "the log entry's signature")
    _same("signature", same=same)
    _pem_in_base64(candidate, object_of(signature.get("publicKey"), "the log entry's certificate").get("content"))


def _hashedrekord_2(candidate: Candidate, spec: Object) -> None:
    inner = object_of(spec.get("hashedRekordV002"), "the log entry's spec")
    stated = object_of(inner.get("data"), "the log entry's data")
    digest = candidate.message.digest(_HASH_NAMES.get(text_of(stated.get("algorithm"), "the log entry's hash"), ""))
    _same("payload", same=digest == decode_base64(stated.get("digest"), "the log entry's hash"))
    _signature_2(candidate, object_of(inner.get("signature"), "the log entry's signature"))


def _signature_2(candidate: Candidate, signature: Object) -> None:
    same = is_base64_of(signature.get("content"), candidate.signature, "the log entry's signature")
    _same("signature", same=same)
    _verifier(candidate, object_of(signature.get("verifier"), "the log entry's certificate"))


def _one(value: Json) -> Object:
    signatures = list_of(value, "the log entry's signatures", longest=1)
    return object_of(signatures[0] if signatures else None, "the log entry's signature")


def _dsse_1(candidate: Candidate, spec: Object) -> None:
    _sha256(spec.get("payloadHash"), _envelope(candidate).payload, "payload")
    signature = _one(spec.get("signatures"))
    same = is_base64_of(signature.get("signature"), candidate.signature, "the log entry's signature")
    _same("signature", same=same)
    _pem_in_base64(candidate, signature.get("verifier"))


def _dsse_2(candidate: Candidate, spec: Object) -> None:
    inner = object_of(spec.get("dsseV002"), "the log entry's spec")
    stated = object_of(inner.get("payloadHash"), "the log entry's hash of the payload")
    digest = decode_base64(stated.get("digest"), "the log entry's hash of the payload")
    same = stated.get("algorithm") == "SHA2_256" and digest == hashlib.sha256(_envelope(candidate).payload).digest()
    _same("payload", same=same)
    _signature_2(candidate, _one(inner.get("signatures")))


def _intoto_1(candidate: Candidate, spec: Object) -> None:
    """This kind holds no signature, but the hash of the whole envelope as it was uploaded."""
    envelope = _envelope(candidate)
    content = object_of(spec.get("content"), "the log entry's content")
    if content.get("payloadHash") is not None:
        _sha256(content.get("payloadHash"), envelope.payload, "payload")
    _sha256(content.get("hash"), envelope.raw or _as_go_writes(envelope), "envelope")
    _pem_in_base64(candidate, spec.get("publicKey"))


def _as_go_writes(envelope: Envelope) -> bytes:
    """The envelope as signers written in Go serialise it, for bundles, which do not keep the uploaded bytes."""
    signature = {"keyid": "", "sig": base64.b64encode(envelope.signature).decode()}
    payload = base64.b64encode(envelope.payload).decode()
    fields = {"payloadType": envelope.payload_type, "payload": payload, "signatures": [signature]}
    return json.dumps(fields, separators=(",", ":")).encode()


def _intoto_2(candidate: Candidate, spec: Object) -> None:
    envelope = _envelope(candidate)
    content = object_of(spec.get("content"), "the log entry's content")
    _sha256(content.get("payloadHash"), envelope.payload, "payload")
    logged = object_of(content.get("envelope"), "the log entry's envelope")
    _same("payload type", same=logged.get("payloadType") == envelope.payload_type)
    signature = _one(logged.get("signatures"))
    # Rekor encodes the signature twice: the envelope's own base64 is taken for bytes and encoded again.
    once = decode_base64(signature.get("sig"), "the log entry's signature").decode("ascii", "replace")
    _same("signature", same=decode_base64(once, "the log entry's signature") == candidate.signature)
    _pem_in_base64(candidate, signature.get("publicKey"))


_KINDS: Final[Mapping[tuple[str, str], Callable[[Candidate, Object], None]]] = MappingProxyType(
    {
        ("hashedrekord", "0.0.1"): _hashedrekord_1,
        ("hashedrekord", "0.0.2"): _hashedrekord_2,
        ("dsse", "0.0.1"): _dsse_1,
        ("dsse", "0.0.2"): _dsse_2,
        ("intoto", "0.0.1"): _intoto_1,
        ("intoto", "0.0.2"): _intoto_2,
    }
)
