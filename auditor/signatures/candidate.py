"""A signature after parsing and before judging: what every storage form boils down to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from cryptography.x509 import Certificate, Extension, ExtensionType, ObjectIdentifier
from msgspec import Struct

from auditor.model.evidence import Form
from auditor.signatures.keys import PublicKey, signed_by, signed_digest_by

_Kind = TypeVar("_Kind", bound=ExtensionType)


class Message(Struct, frozen=True):
    """The bytes that a signature is over; `content` is None where only their SHA-256 digest is at hand."""

    sha256: bytes
    content: bytes | None

    @classmethod
    def of(cls, content: bytes) -> Message:
        """These bytes."""
        return cls(hashlib.sha256(content).digest(), content)

    def signed(self, key: PublicKey, signature: bytes) -> bool:
        """Whether `key` made `signature` over the message."""
        if self.content is None:
            return signed_digest_by(key, signature, self.sha256)
        return signed_by(key, signature, self.content)

    def digest(self, algorithm: str) -> bytes | None:
        """The digest by a hash's name in `hashlib`; None where it cannot be told."""
        if algorithm == "sha256":
            return self.sha256
        if self.content is None or algorithm not in {"sha384", "sha512"}:
            return None
        return hashlib.new(algorithm, self.content).digest()


class Envelope(Struct, frozen=True):
    """A DSSE envelope with its one signature. `raw` is the envelope as it was stored, where it was stored alone."""

    payload: bytes
    payload_type: str
    signature: bytes
    raw: bytes | None = None

    @property
    def pae(self) -> bytes:
        """The pre-authentication encoding: what the signature is over (DSSE protocol, version 1)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


class Leaf(Struct, frozen=True):
    """The signing certificate: parsed, byte for byte as it came, and its extensions by their OID."""

    certificate: Certificate
    der: bytes
    extensions: Mapping[ObjectIdentifier, Extension[ExtensionType]]

    def extension(self, kind: type[_Kind]) -> _Kind | None:
        """The value of the extension of this kind, if the certificate has it."""
        found = self.extensions.get(kind.oid)
        return found.value if found is not None and isinstance(found.value, kind) else None


class Proof(Struct, frozen=True):
    """A Merkle inclusion proof (RFC 6962 section 2.1.1) with the signed note that vouches for its root."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


class LogEntry(Struct, frozen=True):
    """An entry of a Rekor log. `body` is the canonical entry; `time` is covered by the `promise` (SET) alone."""

    log: bytes
    index: int
    body: bytes
    body_base64: str
    time: datetime | None
    promise: bytes | None
    proof: Proof | None
    kind: tuple[str, str] | None
    """Kind and version as the bundle states them; None in the legacy forms, which don't."""


class Candidate(Struct, frozen=True):
    """One certificate-made signature, ready to be judged under a trusted root.

    `statement` is the in-toto statement of an envelope. `stamped` is what a time stamp has to be over. `bundle` is the
    stored bundle where the storage form is one that sigstore-python reads.
    """

    form: Form
    message: Message
    signature: bytes
    envelope: Envelope | None
    leaf: Leaf
    entry: LogEntry | None
    timestamps: tuple[bytes, ...]
    stamped: bytes
    entry_required: bool
    """Whether a root that has a transparency log demands an entry: always, but for the legacy forms with a time stamp."""
    bundle: str | None = None
    pem: str | None = None
    """The certificate as an annotation spells it, which is how log entries spell it too; None where DER is stored."""
