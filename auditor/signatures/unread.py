"""What engines built on cosign's library do not take, though the recipe holds.

| form | what | source |
|---|---|---|
| `.sig`, `.att`, keys | a signature over another hash than SHA-256 | `LoadVerifier(…, SHA256)`: cosign's `ValidateAndUnpackCert`, the engines for keys |
| `.sig`, `.att` | the issuer in extension `.1.8` | cosign's `CertExtensions.GetIssuer`: `.1.1` alone |
| `.sig`, `.att` | a log entry without the SHA-256 of the payload, of `.att` of the whole envelope | cosign's `VerifyBundle`, `bundleHash` |
| bundle | kinds of log entries | sigstore-go's `VerifyTlogEntry`: which ones depends on the release |
| `.sig`, `.att` | a key's signature beside a certificate that was not valid then | cosign's `verifyInternal`, whatever the key |
| bundle | a certificate, where a key is asked for | sigstore-go's `Verify`: "expected key signature" |
| bundle | a checkpoint with a blank line behind its signatures | Rekor's `SignedNote.UnmarshalText` |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import ObjectIdentifier

from auditor.model.evidence import Form, Step
from auditor.signatures.candidate import Candidate, LogEntry, Message
from auditor.signatures.chain import check_validity
from auditor.signatures.encoding import Object, object_of, parse_object
from auditor.signatures.keys import PublicKey, signed_digest_by, supported
from auditor.signatures.log import BLANK_LINE
from auditor.signatures.refusal import refuse

_ENVELOPES: Final = frozenset({("dsse", "0.0.1"), ("intoto", "0.0.2"), ("hashedrekord", "0.0.2")})
_MESSAGES: Final = frozenset({("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2")})
_OLDER_ISSUER: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")


def is_issuer_read(candidate: Candidate) -> bool:
    """Whether the issuer of the certificate is where the form is read: in the legacy ones in the older extension alone."""
    return candidate.form is Form.BUNDLE or _OLDER_ISSUER in candidate.leaf.extensions


def signed_over_sha256(message: Message, key: PublicKey, signature: bytes) -> bool:
    """Whether `key` made `signature` over the SHA-256 of the message. Ed25519 is over the message itself."""
    if isinstance(key, Ed25519PublicKey):
        return message.signed(key, signature)
    return signed_digest_by(key, signature, message.sha256)


def check_hash(candidate: Candidate) -> None:
    """Refuse (step 6) a signature in a legacy form that is over another hash than SHA-256."""
    if candidate.form is Form.BUNDLE:
        return
    key = supported(candidate.leaf.certificate.public_key(), "the certificate's key")
    if not signed_over_sha256(candidate.message, key, candidate.signature):
        refuse(
            Step.SIGNATURE, "the signature is over another hash than SHA-256, which is all that is read in this form"
        )


def check_beside_key(candidate: Candidate | None, times: Sequence[datetime]) -> None:
    """Refuse (step 5) what stands beside the signature of a key: a certificate in a bundle, an expired one in a legacy form."""
    if candidate is None:
        return
    if candidate.form is Form.BUNDLE:
        refuse(Step.CHAIN, "the bundle has a certificate where a key is asked for")
    check_validity(candidate.leaf, times)


def check_entry(candidate: Candidate, entry: LogEntry) -> None:
    """Refuse (step 7) an entry of a legacy form that lacks the SHA-256 of what the layer holds, and a loose checkpoint."""
    if entry.proof is not None and entry.proof.checkpoint.endswith(BLANK_LINE):
        refuse(Step.LOG, "the checkpoint has a blank line behind its signatures, which is not read")
    if candidate.form is Form.BUNDLE:
        return
    body = parse_object(entry.body, "the log entry")
    stated = _hash(str(body.get("kind")), object_of(body.get("spec"), "the log entry's spec"))
    content = candidate.message.content if candidate.envelope is None else candidate.envelope.raw
    wanted = hashlib.sha256(content or b"").hexdigest()
    if stated.get("algorithm") != "sha256" or stated.get("value") != wanted:
        refuse(
            Step.LOG,
            "the log entry has not the SHA-256 of what the layer holds, which is all that is read in this form",
        )


def _hash(kind: str, spec: Object) -> Object:
    holder, name = {"dsse": ("", "envelopeHash"), "intoto": ("content", "hash")}.get(kind, ("data", "hash"))
    return object_of(object_of(spec.get(holder) if holder else spec, "the log entry").get(name), "the log entry's hash")


def is_known_entry(candidate: Candidate, entry: LogEntry) -> bool:
    """Whether every release in use takes log entries of this kind in a bundle."""
    kinds = _MESSAGES if candidate.envelope is None else _ENVELOPES
    return candidate.form is not Form.BUNDLE or entry.kind in kinds
