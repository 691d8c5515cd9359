"""Step 1 for cosign's legacy forms: the annotations of a `.sig` or `.att` layer.

Source: cosign's `specs/SIGNATURE_SPEC.md`; `pkg/oci/static/signature.go` for the names of the annotations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Form
from auditor.registry.material import LegacyAttestation, SimpleSigning
from auditor.signatures.candidate import Candidate, Envelope, LogEntry, Message
from auditor.signatures.certificate import certificate_der, load_leaf
from auditor.signatures.encoding import (
    Json,
    Malformed,
    decode_base64,
    natural,
    number,
    object_of,
    parse_object,
    text_of,
)

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
BUNDLE: Final = "dev.sigstore.cosign/bundle"
TIMESTAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"

_LOG_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999: what a calendar can still show."""


def signature_of(material: SimpleSigning) -> bytes:
    """The signature over the payload, which stands in an annotation. Raises Malformed.

    `cosign attach signature` puts there what other programs wrote, line breaks included.
    """
    return decode_base64(material.annotations.get(SIGNATURE), "the signature annotation", lines=True)


def has_certificate(annotations: Mapping[str, str]) -> bool:
    """Whether a certificate made the signature; without one it was a long-lived key."""
    return bool(annotations.get(CERTIFICATE))


def signing_candidate(material: SimpleSigning) -> Candidate:
    """Read a `.sig` layer that a certificate signed. Raises Malformed."""
    signature = signature_of(material)
    return _candidate(
        material.form, material.annotations, Message.of(material.payload), signature, None, stamped=signature
    )


def attestation_candidate(material: LegacyAttestation, envelope: Envelope) -> Candidate:
    """Read an `.att` layer that a certificate signed. Raises Malformed. Cosign stamps the envelope as it is stored."""
    message = Message.of(envelope.pae)
    return _candidate(
        material.form, material.annotations, message, envelope.signature, envelope, stamped=material.envelope
    )


def _candidate(
    form: Form,
    annotations: Mapping[str, str],
    message: Message,
    signature: bytes,
    envelope: Envelope | None,
    *,
    stamped: bytes,
) -> Candidate:
    stamp, pem = annotations.get(TIMESTAMP), annotations[CERTIFICATE]
    return Candidate(
        form=form,
        message=message,
        signature=signature,
        envelope=envelope,
        leaf=load_leaf(certificate_der(pem, "the certificate annotation")),
        entry=annotated_entry(annotations),
        timestamps=(_timestamp(stamp),) if stamp else (),
        stamped=stamped,
        entry_required=not stamp,
        pem=pem,
    )


def annotated_entry(annotations: Mapping[str, str]) -> LogEntry | None:
    """The log entry under its SET, where the layer carries one. The form has no inclusion proof. Raises Malformed."""
    text = annotations.get(BUNDLE)
    if not text:
        return None
    annotation = parse_object(text, "the bundle annotation")
    payload = object_of(annotation.get("Payload"), "the bundle annotation's Payload")
    log = text_of(payload.get("logID"), "the log entry's logID")
    if not _LOG_ID.fullmatch(log):
        raise Malformed("the log entry's logID is not a SHA-256 hash")
    body = text_of(payload.get("body"), "the log entry's body")
    return LogEntry(
        log=bytes.fromhex(log),
        index=number(payload.get("logIndex"), "the log entry's logIndex"),
        body=entry_body(body),
        body_base64=body,
        time=entry_time(number(payload.get("integratedTime"), "the log entry's integratedTime")),
        promise=decode_base64(annotation.get("SignedEntryTimestamp"), "the signed entry timestamp"),
        proof=None,
        kind=None,
    )


def entry_body(text: Json, limits: Limits = DEFAULT) -> bytes:
    """The canonical body of a log entry. Raises Malformed."""
    body = decode_base64(text, "the log entry's body")
    if not body or len(body) > limits.log_entry_bytes:
        raise Malformed("the log entry's body is empty or too large")
    return body


def entry_time(value: Json) -> datetime | None:
    """Seconds since 1970 as protobuf JSON; zero and absent mean that the log tells no time."""
    seconds = natural(value, "the log entry's integratedTime")
    if seconds > _LAST_SECOND:
        raise Malformed("the log entry's integratedTime is beyond the calendar")
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _timestamp(text: str) -> bytes:
    stamp = parse_object(text, "the time stamp annotation").get("SignedRFC3161Timestamp")
    return decode_base64(stamp, "the time stamp annotation", lines=True)
