"""DSSE envelopes (secure-systems-lab/dsse, `envelope.md`): exactly one signature, payload type in-toto."""

from __future__ import annotations

from typing import Final

from auditor.signatures.candidate import Envelope
from auditor.signatures.encoding import Json, Malformed, decode_base64, list_of, object_of, parse_object, text_of

_FIELDS: Final = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE_FIELDS: Final = frozenset({"sig", "keyid"})
_LEGACY_SIGNATURE_FIELDS: Final = _SIGNATURE_FIELDS | {"cert"}
"""SLSA's generators add the certificate to each signature. It is not used: the annotation's certificate is."""
_LONGEST: Final = 16


def parse_envelope(content: bytes) -> Envelope:
    """Read an envelope that is stored alone. Raises Malformed."""
    return read_envelope(parse_object(content, "the envelope"), raw=content)


def read_envelope(value: Json, *, raw: bytes | None = None) -> Envelope:
    """Read an envelope out of a bundle. Raises Malformed."""
    envelope = object_of(value, "the envelope", _FIELDS)
    signatures = list_of(envelope.get("signatures"), "the envelope's signatures", _LONGEST)
    if len(signatures) != 1:
        raise Malformed(f"the envelope has {len(signatures)} signatures, not one")
    known = _SIGNATURE_FIELDS if raw is None else _LEGACY_SIGNATURE_FIELDS
    signature = decode_base64(object_of(signatures[0], "the signature", known).get("sig"), "the signature")
    if not signature:
        raise Malformed("the envelope's signature is empty")
    payload = decode_base64(envelope.get("payload"), "the envelope's payload")
    return Envelope(payload, text_of(envelope.get("payloadType"), "the payload type"), signature, raw)
