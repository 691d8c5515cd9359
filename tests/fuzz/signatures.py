"""What proves a signature, and what people trust: bundles, layers, certificates, log entries, checkpoints, time stamps, roots, keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

from msgspec.structs import replace

from auditor.model.evidence import KeySigned, Refused, Signature, Signed
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.candidate import Candidate
from auditor.signatures.certificate import certificate_der, check_leaf, identity_of, load_leaf
from auditor.signatures.encoding import Malformed, parse_object
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.keys import load_key, load_pem_key
from auditor.signatures.log import check_inclusion, read_checkpoint
from auditor.signatures.log_entry import check_about
from auditor.signatures.pem import root_from_pem
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import parse_root
from auditor.signatures.statement import read_statement
from auditor.signatures.timestamp import Stamper, read_stamps, stamped_times
from fixtures.sigstore import BundleVersion, EntryKind, att_layer, bundle, sig_layer
from tests.fuzz.stage import stage
from tests.fuzz.target import target
from tests.support.signatures import made_root

_T = TypeVar("_T")


def _judged(material: Material) -> Signature:
    """A verdict comes out, in few words, and it never is that our own code failed."""
    verdict = stage().verifier.verify(material, stage().digest)
    if isinstance(verdict, Refused):
        assert len(verdict.why) <= 1000, "a refusal of endless words"
        assert "cannot be judged" not in verdict.why, verdict.why
    if isinstance(verdict, KeySigned):
        assert not verdict.keys, "no key is known here"
    if isinstance(verdict, Signed):
        assert verdict.identity.subject == stage().scene.claimant.subject, "somebody else's signature is accepted"
    return verdict


def _each(run: Callable[[_T], object], of: Iterable[_T]) -> None:
    """Run it of each. Raises the first error only where all of them were refused."""
    errors: list[Malformed | Refusal] = []
    ran = 0
    for each in of:
        try:
            run(each)
        except (Malformed, Refusal) as error:
            errors.append(error)
        else:
            ran += 1
    if errors and not ran:
        raise errors[0]


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


@target(
    lambda: [
        bundle(stage().tiles).content,
        bundle(stage().statement).content,
        bundle(stage().statement, BundleVersion.V0_1).content,
        bundle(stage().statement, BundleVersion.V0_2).content,
        bundle(stage().stamped).content,
        bundle(stage().sig).content,
    ]
)
def sigstore_bundle(data: bytes) -> None:
    _judged(BundleBytes(data, Digest.of(data)))


@target(lambda: [att_layer(stage().statement).content])
def attestation(data: bytes) -> None:
    _judged(LegacyAttestation(data, Digest.of(data), att_layer(stage().statement).annotations))


@target(lambda: [sig_layer(stage().sig).content])
def simple_signing(data: bytes) -> None:
    _judged(SimpleSigning(data, Digest.of(data), sig_layer(stage().sig).annotations))


@target(lambda: [json.dumps(dict(sig_layer(stage().sig).annotations)).encode()])
def layer_annotations(data: bytes) -> None:
    """As the annotations of a layer, whose values are texts."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(said, dict):
        return
    texts = {name: text for name, text in said.items() if isinstance(text, str)}
    payload = sig_layer(stage().sig).content
    _judged(SimpleSigning(payload, Digest.of(payload), texts))


@target(lambda: [stage().statement.payload], Malformed)
def statement(data: bytes) -> None:
    read_statement(parse_object(data, "it"))


@target(lambda: [stage().statement.envelope], Malformed)
def envelope(data: bytes) -> None:
    parse_envelope(data)


@target(lambda: [stage().statement.certificate or b"", *stage().statement.chain], Malformed, Refusal)
def certificate(data: bytes) -> None:
    """The extensions too: identity and claims come out of them."""
    leaf = load_leaf(data)
    check_leaf(leaf)
    identity_of(leaf)


@target(lambda: [_entry(kind) for kind in EntryKind], Malformed, Refusal)
def log_entry(data: bytes) -> None:
    def about(kind: EntryKind) -> None:
        candidate = _candidates()[kind]
        assert candidate.entry is not None
        check_about(candidate, replace(candidate.entry, body=data, kind=None))

    _each(about, EntryKind)


@cache
def _candidates() -> dict[EntryKind, Candidate]:
    return {kind: stage().candidate(kind) for kind in EntryKind}


def _entry(kind: EntryKind) -> bytes:
    entry = _candidates()[kind].entry
    assert entry is not None
    return entry.body


@target(lambda: [_note(EntryKind.DSSE_1), _note(EntryKind.HASHEDREKORD_2)], Malformed, Refusal)
def checkpoint(data: bytes) -> None:
    def included(kind: EntryKind) -> None:
        entry = _candidates()[kind].entry
        assert entry is not None
        assert entry.proof is not None
        proof = replace(entry.proof, checkpoint=data.decode("utf-8", "replace"))
        log = made_root(stage().scene.stack).logs[entry.log]
        read_checkpoint(proof)
        check_inclusion(entry, proof, log)
        # Whatever else is signed below it, this text alone is the log's.
        assert proof.checkpoint.startswith(entry.proof.checkpoint.partition("\n\n")[0]), "another text is believed"

    _each(included, (EntryKind.DSSE_1, EntryKind.HASHEDREKORD_2))


def _note(kind: EntryKind) -> bytes:
    entry = _candidates()[kind].entry
    assert entry is not None
    assert entry.proof is not None
    return entry.proof.checkpoint.encode()


@target(lambda: [*stage().tiles.stamps], Refusal)
def time_stamp(data: bytes) -> None:
    stampers = [Stamper(each) for each in made_root(stage().scene.stack).stampers]
    (expected,) = stamped_times(read_stamps(stage().tiles.stamps), stage().tiles.signature, stampers)
    for time in stamped_times(read_stamps([data]), stage().tiles.signature, stampers):
        assert time == expected, "another time is believed"


# ── what people trust ────────────────────────────────────────────────────────────────────────────────────────────────


@target(lambda: [json.dumps(stage().scene.stack.trusted_root()).encode()], Malformed)
def trusted_root(data: bytes) -> None:
    parse_root(data, "fuzz")


@target(lambda: [*stage().scene.stack.pem_files().values()], Malformed)
def pem(data: bytes) -> None:
    good = stage().scene.stack.pem_files()
    _each(lambda name: parse_root(root_from_pem({**good, name: data}), "fuzz"), good)
    load_pem_key(data, "it")


@target(lambda: [base64.b64decode(stage().scene.stack.pem_files()["rekor"].split(b"-----")[2])], Malformed)
def key(data: bytes) -> None:
    """In DER."""
    load_key(data, "it")


@target(lambda: [sig_layer(stage().sig).annotations["dev.sigstore.cosign/certificate"].encode()], Malformed)
def certificate_pem(data: bytes) -> None:
    certificate_der(data.decode("latin-1"), "it")
