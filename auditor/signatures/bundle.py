"""Step 1 for Sigstore bundles, versions 0.1 to 0.3.

Source: `sigstore_bundle.proto` and `sigstore_rekor.proto` of sigstore/protobuf-specs, as JSON. What the versions ask for:

- 0.1: a certificate chain, and an inclusion promise (SET). A proof without a checkpoint proves nothing and is passed over.
- 0.2: a certificate chain, and an inclusion proof with its checkpoint.
- 0.3: one certificate, and an inclusion proof with its checkpoint.

Of a chain only the first certificate, the leaf, is used: issuers come from the trusted root alone, and a chain that brings its
own root is refused (`sigstore_bundle.proto`: "MUST NOT include root CA certificates").
"""

from __future__ import annotations

import json
from typing import Final

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Form
from auditor.signatures.candidate import Candidate, Envelope, LogEntry, Message, Proof
from auditor.signatures.certificate import is_self_signed, load_leaf
from auditor.signatures.encoding import (
    Json,
    Malformed,
    Object,
    decode_base64,
    list_of,
    natural,
    object_of,
    optional_object,
    parse_object,
    text_of,
)
from auditor.signatures.envelope import read_envelope
from auditor.signatures.legacy import entry_body, entry_time
from auditor.signatures.root import load_certificate

VERSIONS: Final = {
    "application/vnd.dev.sigstore.bundle+json;version=0.1": 1,
    "application/vnd.dev.sigstore.bundle+json;version=0.2": 2,
    "application/vnd.dev.sigstore.bundle+json;version=0.3": 3,
    "application/vnd.dev.sigstore.bundle.v0.3+json": 3,
}
"""Media type → minor version."""
_FIELDS: Final = frozenset({"mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"})
_MATERIAL: Final = frozenset(
    {"certificate", "x509CertificateChain", "publicKey", "tlogEntries", "timestampVerificationData"}
)
_ENTRY: Final = frozenset(
    {"logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"}
)
_PROOF: Final = frozenset({"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"})
_HASHES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
_HASH_BYTES: Final = 32


class MessageSignature(Struct, frozen=True):
    """A signature over a file: the signature, and the digest that the bundle states, if it states one."""

    signature: bytes
    algorithm: str | None
    digest: bytes | None

    def is_over(self, message: Message) -> bool:
        """Whether the stated digest, if there is one, is the message's."""
        return self.algorithm is None or message.digest(self.algorithm) == self.digest


class Bundle(Struct, frozen=True):
    """A bundle, read but not judged. Either `envelope` or `message` is set; `leaf_der` is None where a key signed."""

    version: int
    envelope: Envelope | None
    message: MessageSignature | None
    leaf_der: bytes | None
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    complete: str
    """The same bundle as JSON with every zero field spelled out, for readers that insist on them."""

    @property
    def signature(self) -> bytes:
        """The one signature."""
        content = self.envelope or self.message
        assert content is not None
        return content.signature


def parse_bundle(content: bytes, limits: Limits = DEFAULT) -> Bundle:
    """Read a bundle. Raises Malformed and says what is wrong with it."""
    if len(content) > limits.blob_bytes:
        raise Malformed(f"the bundle is larger than {limits.blob_bytes} bytes")
    document = object_of(parse_object(content, "the bundle"), "the bundle", _FIELDS)
    version = VERSIONS.get(text_of(document.get("mediaType"), "the bundle's mediaType"))
    if version is None:
        raise Malformed("the bundle is of a version that is not understood")
    material = object_of(document.get("verificationMaterial"), "verificationMaterial", _MATERIAL)
    envelope, message = _content(document)
    entries = list_of(material.get("tlogEntries"), "tlogEntries", longest=1)
    bundle = Bundle(
        version=version,
        envelope=envelope,
        message=message,
        leaf_der=_leaf(material, version, limits),
        entries=tuple(_entry(entry, version, limits) for entry in entries),
        timestamps=_timestamps(material, limits),
        complete=_complete(document, content),
    )
    if version < 2 and bundle.leaf_der and not any(entry.promise for entry in bundle.entries):
        raise Malformed("a bundle of version 0.1 needs an inclusion promise")
    return bundle


def bundle_candidate(bundle: Bundle, leaf_der: bytes, message: Message) -> Candidate:
    """What a bundle that a certificate signed boils down to. `message` is what the signature has to be over."""
    return Candidate(
        form=Form.BUNDLE,
        message=message,
        signature=bundle.signature,
        envelope=bundle.envelope,
        leaf=load_leaf(leaf_der),
        entry=bundle.entries[0] if bundle.entries else None,
        timestamps=bundle.timestamps,
        stamped=bundle.signature,
        entry_required=True,
        bundle=bundle.complete,
    )


def _content(document: Object) -> tuple[Envelope | None, MessageSignature | None]:
    envelope, message = document.get("dsseEnvelope"), document.get("messageSignature")
    if (envelope is None) == (message is None):
        raise Malformed("the bundle must hold either an envelope or a message signature")
    if message is None:
        return read_envelope(envelope), None
    fields = object_of(message, "messageSignature", {"messageDigest", "signature"})
    signature = decode_base64(fields.get("signature"), "the signature")
    if not signature:
        raise Malformed("the signature is empty")
    if fields.get("messageDigest") is None:
        return None, MessageSignature(signature, None, None)
    stated = object_of(fields["messageDigest"], "messageDigest", {"algorithm", "digest"})
    algorithm = _HASHES.get(text_of(stated.get("algorithm"), "messageDigest.algorithm"))
    if algorithm is None:
        raise Malformed("the message digest is of an algorithm that is not understood")
    return None, MessageSignature(signature, algorithm, decode_base64(stated.get("digest"), "messageDigest.digest"))


def _leaf(material: Object, version: int, limits: Limits) -> bytes | None:
    if sum(name in material for name in ("certificate", "x509CertificateChain", "publicKey")) != 1:
        raise Malformed("the bundle must hold either one certificate, a certificate chain or a public key's hint")
    if "publicKey" in material:
        object_of(material["publicKey"], "publicKey", {"hint"})
        return None
    if "certificate" in material:
        if version < 3:
            raise Malformed("a bundle before version 0.3 needs a certificate chain")
        return _raw_bytes(material["certificate"], "certificate")
    if version >= 3:
        raise Malformed("a bundle of version 0.3 needs one certificate, not a chain")
    chain = object_of(material["x509CertificateChain"], "x509CertificateChain", {"certificates"})
    certificates = list_of(chain.get("certificates"), "x509CertificateChain.certificates", limits.chain_certificates)
    if not certificates:
        raise Malformed("the certificate chain is empty")
    leaf, *upper = [_raw_bytes(certificate, "x509CertificateChain") for certificate in certificates]
    if any(is_self_signed(load_certificate(each, "x509CertificateChain")) for each in upper):
        raise Malformed("the certificate chain holds a root certificate: roots come from the trusted root alone")
    return leaf


def _raw_bytes(value: Json, what: str) -> bytes:
    return decode_base64(object_of(value, what, {"rawBytes"}).get("rawBytes"), f"{what}.rawBytes")


def _entry(value: Json, version: int, limits: Limits) -> LogEntry:
    entry = object_of(value, "the log entry", _ENTRY)
    kind = object_of(entry.get("kindVersion"), "the log entry's kindVersion", {"kind", "version"})
    promise = optional_object(entry.get("inclusionPromise"), "the inclusion promise", {"signedEntryTimestamp"})
    body = text_of(entry.get("canonicalizedBody"), "the log entry's canonicalizedBody")
    set_ = promise.get("signedEntryTimestamp")
    time = entry_time(entry.get("integratedTime"))
    if set_ and time is None:
        raise Malformed("the inclusion promise is for no time: integratedTime is missing")
    return LogEntry(
        log=_raw_id(entry.get("logId")),
        index=natural(entry.get("logIndex"), "the log entry's logIndex"),
        body=entry_body(body, limits),
        body_base64=body,
        time=time,
        promise=decode_base64(set_, "the signed entry timestamp") if set_ else None,
        proof=_proof(entry.get("inclusionProof"), version, limits),
        kind=(text_of(kind.get("kind"), "the log entry's kind"), text_of(kind.get("version"), "the entry's version")),
    )


def _raw_id(value: Json) -> bytes:
    return decode_base64(object_of(value, "the log entry's logId", {"keyId"}).get("keyId"), "the log entry's logId")


def _proof(value: Json, version: int, limits: Limits) -> Proof | None:
    proof = optional_object(value, "the inclusion proof", _PROOF)
    checkpoint = optional_object(proof.get("checkpoint"), "the checkpoint", {"envelope"}).get("envelope")
    if not checkpoint:
        if version < 2:
            return None
        raise Malformed("a bundle from version 0.2 on needs an inclusion proof with its checkpoint")
    hashes = list_of(proof.get("hashes"), "the inclusion proof's hashes", limits.proof_hashes)
    return Proof(
        index=natural(proof.get("logIndex"), "the inclusion proof's logIndex"),
        size=natural(proof.get("treeSize"), "the inclusion proof's treeSize"),
        root=_hash(proof.get("rootHash")),
        hashes=tuple(_hash(node) for node in hashes),
        checkpoint=text_of(checkpoint, "the checkpoint"),
    )


def _hash(value: Json) -> bytes:
    node = decode_base64(value, "a hash of the inclusion proof")
    if len(node) != _HASH_BYTES:
        raise Malformed("a hash of the inclusion proof has another length than SHA-256 gives")
    return node


def _timestamps(material: Object, limits: Limits) -> tuple[bytes, ...]:
    data = optional_object(
        material.get("timestampVerificationData"), "timestampVerificationData", {"rfc3161Timestamps"}
    )
    stamps = list_of(data.get("rfc3161Timestamps"), "rfc3161Timestamps", limits.timestamps)
    return tuple(
        decode_base64(
            object_of(stamp, "a time stamp", {"signedTimestamp"}).get("signedTimestamp"), "a time stamp", lines=True
        )
        for stamp in stamps
    )


def _complete(document: Object, content: bytes) -> str:
    """Spell out the zero values that protobuf JSON leaves out, and write 64-bit integers as strings."""
    material = object_of(document["verificationMaterial"], "verificationMaterial")
    entries = list_of(material.get("tlogEntries"), "tlogEntries", longest=1)
    changed = False
    for entry in entries:
        fields = object_of(entry, "the log entry")
        changed |= _spell_out(fields, {"logIndex": "0"}, ("logIndex", "integratedTime"))
        if isinstance(proof := fields.get("inclusionProof"), dict):
            changed |= _spell_out(proof, {"logIndex": "0", "hashes": []}, ("logIndex", "treeSize"))
    return json.dumps(document) if changed else content.decode()


def _spell_out(fields: Object, zero: Object, integers: tuple[str, ...]) -> bool:
    missing = {name: value for name, value in zero.items() if fields.get(name) is None}
    numbers = {name: str(fields[name]) for name in integers if isinstance(fields.get(name), int)}
    fields.update(missing)
    fields.update(numbers)
    return bool(missing or numbers)
