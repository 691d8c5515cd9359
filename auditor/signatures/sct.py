"""Step 5, second half: the certificate is in a trusted certificate transparency log (RFC 6962 sections 3.2 and 3.3).

The signed certificate timestamp inside the certificate is over the *precertificate*: the certificate without the timestamp,
bound to its issuer by the hash of the issuer's key.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import PrecertificateSignedCertificateTimestamps
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

from auditor.model.evidence import Step
from auditor.signatures.candidate import Leaf
from auditor.signatures.chain import Issuer
from auditor.signatures.keys import signed_by
from auditor.signatures.refusal import refuse
from auditor.signatures.root import LogKey

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_CERTIFICATE_TIMESTAMP: Final = 0


def check_sct(leaf: Leaf, issuer: Issuer, logs: Mapping[bytes, LogKey]) -> None:
    """Refuse (step 5) a certificate without exactly one timestamp by a trusted CT log."""
    sct, log = known_log(leaf, logs)
    if not isinstance(sct.signature_hash_algorithm, SHA256):
        refuse(Step.CHAIN, "the certificate's CT log timestamp does not use SHA-256")
    if not signed_by(log.key, sct.signature, signed_data(sct, leaf, issuer.key_hash)):
        refuse(Step.CHAIN, "the certificate's CT log timestamp does not verify")


def known_log(leaf: Leaf, logs: Mapping[bytes, LogKey]) -> tuple[SignedCertificateTimestamp, LogKey]:
    """The one timestamp and the trusted log that it names, which must have been in service at that time."""
    stamps = list(leaf.extension(PrecertificateSignedCertificateTimestamps) or ())
    if len(stamps) != 1:
        refuse(Step.CHAIN, f"the certificate has {len(stamps) or 'no'} CT log timestamps (SCT), not one")
    sct = stamps[0]
    log = logs.get(sct.log_id)
    if log is None:
        refuse(Step.CHAIN, "the certificate's CT log timestamp is by no log of this trusted root")
    if not log.window.holds(sct.timestamp.replace(tzinfo=UTC)):
        refuse(Step.CHAIN, "the certificate's CT log timestamp is from a time when that log was not trusted")
    return sct, log


def signed_data(sct: SignedCertificateTimestamp, leaf: Leaf, issuer_key_hash: bytes) -> bytes:
    """`digitally-signed struct` of RFC 6962 section 3.2 for a precertificate entry."""
    precertificate = leaf.certificate.tbs_precertificate_bytes
    milliseconds = (sct.timestamp.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
    return b"".join(
        (
            struct.pack("!BBQH", sct.version.value, _CERTIFICATE_TIMESTAMP, milliseconds, sct.entry_type.value),
            issuer_key_hash,
            len(precertificate).to_bytes(3, "big"),
            precertificate,
            struct.pack("!H", len(sct.extension_bytes)),
            sct.extension_bytes,
        )
    )
