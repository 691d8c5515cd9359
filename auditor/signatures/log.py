"""Steps 4 and 7: what a transparency log promises about an entry.

Two kinds of promise: the signed entry timestamp (SET), by which Rekor v1 vouches for body, time, log and index at once; and
the inclusion proof under a signed checkpoint, which proves the body alone. The time is believed only under a SET: neither
the proof nor the checkpoint covers it.

Source: Rekor's `openapi.yaml` (SET: RFC 8785 JSON of exactly four fields), RFC 6962 section 2.1.1 (proof), C2SP `tlog-checkpoint`
and `signed-note`, sigstore's Rekor v2 specification.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Step
from auditor.signatures.candidate import LogEntry, Proof
from auditor.signatures.encoding import Malformed, decode_base64
from auditor.signatures.keys import signed_by
from auditor.signatures.refusal import Refusal, refuse
from auditor.signatures.root import LogKey

BLANK_LINE: Final = "\n\n"
"""How a signed note ends that has a blank line behind its signatures."""
_HASH_BYTES: Final = 32
_SIGNATURE_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)


class Checkpoint(Struct, frozen=True):
    """A signed note over the state of a log: what is signed, who the log says it is, its size and root, the signatures."""

    signed: bytes
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]


def log_of(entry: LogEntry, logs: Mapping[bytes, LogKey], step: Step) -> LogKey:
    """The trusted log that the entry names. Refuses: at step 4 where its time is wanted, at step 7 where its proof is."""
    log = logs.get(entry.log)
    if log is None:
        refuse(step, "the log entry is of no transparency log of this trusted root")
    return log


def check_in_service(log: LogKey, times: Iterable[datetime], step: Step) -> None:
    """Refuse an entry from a time when the log's key was not trusted."""
    if not all(log.window.holds(time) for time in times):
        refuse(step, "the log entry is from a time when that log's key was not trusted")


def check_promise(entry: LogEntry, promise: bytes, time: datetime, log: LogKey) -> None:
    """Refuse (step 4) a signed entry timestamp that the log did not make."""
    if not signed_by(log.key, promise, promised(entry, time)):
        refuse(Step.TIME, "the signed entry timestamp does not verify")


def promised(entry: LogEntry, time: datetime) -> bytes:
    """Canonical JSON of exactly these four fields. All strings are base64 or hexadecimal, so nothing needs escaping."""
    seconds = int(time.timestamp())
    return (
        f'{{"body":"{entry.body_base64}","integratedTime":{seconds},'
        f'"logID":"{entry.log.hex()}","logIndex":{entry.index}}}'
    ).encode()


def check_inclusion(entry: LogEntry, proof: Proof, log: LogKey) -> None:
    """Refuse (step 7) an entry whose proof does not lead to a root that the log signed."""
    check_index(entry, proof)
    checkpoint = read_checkpoint(proof)
    if included_root(entry.body, proof) != proof.root:
        refuse(Step.LOG, "the inclusion proof does not lead to its root")
    signature = log_signature(checkpoint, log)
    if not signed_by(log.key, signature, checkpoint.signed):
        refuse(Step.LOG, "the checkpoint's signature does not verify")


def check_index(entry: LogEntry, proof: Proof) -> None:
    """Refuse (step 7) an index that nobody vouches for: without a promise it must be the proof's.

    With one they may differ: Rekor v1 counts entries over all its shards, and proofs within one.
    """
    if entry.promise is None and entry.index != proof.index:
        refuse(Step.LOG, "the log entry's index is not the one that its inclusion proof is for")


def included_root(body: bytes, proof: Proof) -> bytes:
    """The root that the leaf `body` and the proof give (RFC 6962 section 2.1.1; bits of the index choose the side)."""
    if proof.index >= proof.size:
        refuse(Step.LOG, "the inclusion proof is for an index outside its tree")
    inner = (proof.index ^ (proof.size - 1)).bit_length()
    border = (proof.index >> inner).bit_count()
    if len(proof.hashes) != inner + border:
        refuse(Step.LOG, "the inclusion proof has another length than its tree asks for")
    node = hashlib.sha256(b"\x00" + body).digest()
    for level, sibling in enumerate(proof.hashes):
        left = level >= inner or proof.index >> level & 1
        node = hashlib.sha256(b"\x01" + (sibling + node if left else node + sibling)).digest()
    return node


def read_checkpoint(proof: Proof) -> Checkpoint:
    """Parse the signed note of a proof and tie it to the proof's tree. Refuses (step 7)."""
    text, separator, block = proof.checkpoint.partition("\n\n")
    lines = text.split("\n")
    if block.endswith(BLANK_LINE):  # C2SP knows no such line; a good bundle of sigstore-conformance has one
        block = block.removesuffix("\n")
    if not separator or "\n\n" in block or not block.endswith("\n") or len(lines) < 3 or not lines[0]:
        refuse(Step.LOG, "the checkpoint is malformed")
    try:
        root = decode_base64(lines[2], "the checkpoint's root")
    except Malformed as problem:
        refuse(Step.LOG, str(problem))
    if not _SIZE.fullmatch(lines[1]):
        refuse(Step.LOG, "the checkpoint's size is malformed")
    if int(lines[1]) != proof.size or root != proof.root or len(root) != _HASH_BYTES:
        refuse(Step.LOG, "the checkpoint is of another tree than the inclusion proof")
    return Checkpoint(f"{text}\n".encode(), lines[0], proof.size, root, _signatures(block.split("\n")[:-1]))


def _signatures(lines: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    signatures = []
    for line in lines:
        match = _SIGNATURE_LINE.fullmatch(line)
        if match is None:
            refuse(Step.LOG, "a signature line of the checkpoint is malformed")
        try:
            signatures.append((match[1], decode_base64(match[2], "the checkpoint's signature")))
        except Malformed as problem:
            refuse(Step.LOG, str(problem))
    return tuple(signatures)


def log_signature(checkpoint: Checkpoint, log: LogKey) -> bytes:
    """The log's own signature among those of its witnesses. Refuses (step 7).

    A line belongs to the log if it has the hint of the log's key and the name that the origin starts with: Rekor v1 writes
    the origin `rekor.sigstore.dev - <tree>` and signs as `rekor.sigstore.dev`, Rekor v2 uses one name for both.
    """
    for name, signature in checkpoint.signatures:
        named = checkpoint.origin == name or checkpoint.origin.startswith(f"{name} - ")
        if named and signature.startswith(log.hint):
            return signature[len(log.hint) :]
    raise Refusal(Step.LOG, "the checkpoint has no signature by the log")
