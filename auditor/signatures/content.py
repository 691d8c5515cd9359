"""Steps 1 to 3 for `enforcer.py`: what is signed, before anybody asks by whom."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from msgspec import Struct, field

from auditor.limits import Limits
from auditor.model.evidence import Step
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Envelope, LogEntry, Message
from auditor.signatures.encoding import Json, parse_object
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.legacy import (
    annotated_entry,
    attestation_candidate,
    has_certificate,
    signature_of,
    signing_candidate,
)
from auditor.signatures.refusal import refuse
from auditor.signatures.simple_signing import check_payload
from auditor.signatures.statement import PAYLOAD_TYPE, check_subject, read_statement

NOTHING: Final[Mapping[str, Json]] = MappingProxyType({})


class Content(Struct, frozen=True):
    """What is signed, before anybody asks by whom."""

    message: Message
    signature: bytes
    annotations: Mapping[str, str]
    candidate: Candidate | None
    entry: LogEntry | None
    optional: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    predicate: str | None = None
    statement: bytes | None = None


def read(material: Material, digest: Digest, limits: Limits) -> Content:
    """Steps 1 to 3. Raises Refusal and Malformed."""
    match material:
        case SimpleSigning():
            return _simple_signing(material, digest)
        case LegacyAttestation():
            return _attestation(material, digest, limits)
        case BundleBytes():
            return _bundle(material, digest, limits)
        case _:
            assert_never(material)


def _simple_signing(material: SimpleSigning, digest: Digest) -> Content:
    if Digest.of(material.payload) != material.layer:
        refuse(Step.BYTES, "the payload is not the one that the manifest lists")
    payload = parse_object(material.payload, "the payload")
    check_payload(payload, digest)
    optional = payload.get("optional")
    return Content(
        message=Message.of(material.payload),
        signature=signature_of(material),
        annotations=material.annotations,
        candidate=signing_candidate(material) if has_certificate(material.annotations) else None,
        entry=annotated_entry(material.annotations),
        optional=optional if isinstance(optional, dict) else NOTHING,
    )


def _attestation(material: LegacyAttestation, digest: Digest, limits: Limits) -> Content:
    if Digest.of(material.envelope) != material.layer:
        refuse(Step.BYTES, "the envelope is not the one that the manifest lists")
    envelope = parse_envelope(material.envelope)
    return Content(
        message=Message.of(envelope.pae),
        signature=envelope.signature,
        annotations=material.annotations,
        candidate=attestation_candidate(material, envelope) if has_certificate(material.annotations) else None,
        entry=annotated_entry(material.annotations),
        predicate=_predicate(envelope, digest, limits),
        statement=envelope.payload,
    )


def _bundle(material: BundleBytes, digest: Digest, limits: Limits) -> Content:
    bundle = parse_bundle(material.content, limits)
    envelope = bundle.envelope
    message = Message.of(envelope.pae) if envelope is not None else Message(bytes.fromhex(digest.hex), None)
    if bundle.message is not None and not bundle.message.is_over(message):
        refuse(Step.SUBJECT, "the bundle's message digest is of something else")
    return Content(
        message=message,
        signature=bundle.signature,
        annotations={},
        candidate=bundle_candidate(bundle, bundle.leaf_der, message) if bundle.leaf_der is not None else None,
        entry=bundle.entries[0] if bundle.entries else None,
        predicate=_predicate(envelope, digest, limits) if envelope is not None else None,
        statement=envelope.payload if envelope is not None else None,
    )


def _predicate(envelope: Envelope, digest: Digest, limits: Limits) -> str:
    if envelope.payload_type != PAYLOAD_TYPE:
        refuse(Step.SUBJECT, "the envelope's payload is not an in-toto statement")
    statement = read_statement(parse_object(envelope.payload, "the statement"), limits)
    check_subject(statement, digest)
    return statement.predicate
