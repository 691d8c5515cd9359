"""Inclusion proofs, checkpoints and promises of transparency logs."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Refused, Signed, Step
from auditor.model.reference import Digest
from auditor.signatures.candidate import LogEntry, Proof
from auditor.signatures.log import included_root, promised, read_checkpoint
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import parse_root
from fixtures.hostile.signatures.spoil import with_entry, with_proof
from fixtures.sigstore import REKOR_V2, Ceremony, Sigstore, Stamp, bundle
from fixtures.sigstore.entries import canonical
from fixtures.sigstore.keys import Algorithm, sign
from fixtures.sigstore.material import as_material
from fixtures.sigstore.merkle import MerkleTree
from fixtures.sigstore.rekor import checkpoint, note_key_id, signed_note
from fixtures.sigstore.scene import Scene
from tests.support.signatures import made_root, verifier_of


def proofs(size: int) -> list[tuple[bytes, Proof]]:
    """Every leaf of a tree of this size, with its proof."""
    tree = MerkleTree()
    leaves = [f"leaf {number}".encode() for number in range(size)]
    for leaf in leaves:
        tree.append(leaf)
    return [(leaf, Proof(place, size, tree.root(), tree.proof(place), "")) for place, leaf in enumerate(leaves)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33])
def test_every_leaf_of_a_tree_leads_to_its_root(size: int) -> None:
    for leaf, proof in proofs(size):
        assert included_root(leaf, proof) == proof.root


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13])
def test_no_other_leaf_place_or_path_leads_there(size: int) -> None:
    for leaf, proof in proofs(size):
        assert leads_elsewhere(leaf + b"x", proof)
        for place in range(size):
            assert place == proof.index or leads_elsewhere(leaf, replace(proof, index=place))
        for number, node in enumerate(proof.hashes):
            spoilt = (*proof.hashes[:number], bytes(32), *proof.hashes[number + 1 :])
            assert leads_elsewhere(leaf, replace(proof, hashes=spoilt))
            assert leads_elsewhere(leaf, replace(proof, hashes=proof.hashes[:number] + proof.hashes[number + 1 :]))
            assert leads_elsewhere(leaf, replace(proof, hashes=(*proof.hashes, node)))


def leads_elsewhere(leaf: bytes, proof: Proof) -> bool:
    try:
        return included_root(leaf, proof) != proof.root
    except Refusal as refusal:
        return refusal.step is Step.LOG


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (2**63, 2**63), (2**64 - 1, 5)])
def test_place_outside_of_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(Refusal, match="outside its tree"):
        included_root(b"leaf", Proof(index, size, bytes(32), (), ""))


ROOT = base64.b64encode(bytes(32)).decode()
LINE = f"— log {base64.b64encode(b'hintsignature').decode()}"


def proof_with(note: str) -> Proof:
    return Proof(0, 7, bytes(32), (), note)


def test_checkpoint_with_witnesses_and_more_lines() -> None:
    found = read_checkpoint(
        proof_with(f"log - 1\n7\n{ROOT}\nTimestamp: 1\n\n{LINE}\n{LINE.replace('log', 'witness')}\n")
    )
    assert found.signed == f"log - 1\n7\n{ROOT}\nTimestamp: 1\n".encode()
    assert (found.origin, found.size, found.root) == ("log - 1", 7, bytes(32))
    assert [name for name, _ in found.signatures] == ["log", "witness"]


def test_one_blank_line_behind_the_signatures_is_passed_over() -> None:
    """A good bundle of the suite ends so; what is signed is the same."""
    note = f"log\n7\n{ROOT}\n\n{LINE}\n"
    assert read_checkpoint(proof_with(f"{note}\n")) == read_checkpoint(proof_with(note))


def test_bundle_with_such_a_line_is_not_for_sigstore_python_to_refuse() -> None:
    scene = Scene()
    signed = scene.stack.attest(scene.digest, scene.claimant, scene.at)
    assert signed.entry is not None
    loose = bundle(with_proof(signed, checkpoint=f"{signed.entry.proof.checkpoint}\n"))
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(scene.stack), second_opinion=second_opinion)
        assert isinstance(verifier.verify(as_material(loose), Digest.parse(scene.digest)), Signed)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        f"log\n7\n{ROOT}\n",
        f"log\n7\n{ROOT}\n\n{LINE}",
        f"log\n7\n{ROOT}\n\n{LINE}\n\n\n",
        f"log\n7\n{ROOT}\n\n\n\n",
        f"log\n7\n{ROOT}\n\n{LINE}\n\n{LINE}\n",
        f"\n7\n{ROOT}\n\n{LINE}\n",
        f"log\n7\n\n{LINE}\n",
        f"log\n{ROOT}\n\n{LINE}\n",
        f"log\n8\n{ROOT}\n\n{LINE}\n",
        f"log\n07\n{ROOT}\n\n{LINE}\n",
        f"log\n+7\n{ROOT}\n\n{LINE}\n",
        f"log\n7 \n{ROOT}\n\n{LINE}\n",
        f"log\n\u0667\n{ROOT}\n\n{LINE}\n",
        f"log\n7\n{ROOT[:-1]}\n\n{LINE}\n",
        f"log\n7\n{base64.b64encode(bytes(31) + b'x').decode()}\n\n{LINE}\n",
        f"log\n7\n{ROOT}\n\nlog {LINE}\n",
        f"log\n7\n{ROOT}\n\n{LINE} more\n",
        f"log\n7\n{ROOT}\n\n— log\n",
        f"log\n7\n{ROOT}\n\n{LINE}\n— witness aGk\n",
    ],
)
def test_malformed_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_checkpoint(proof_with(note))
    assert caught.value.step is Step.LOG


def test_promise_is_over_canonical_json_of_four_fields() -> None:
    time = datetime(2026, 3, 1, tzinfo=UTC)
    entry = LogEntry(bytes(32), 2**53 + 1, b"{}", "e30=", time, b"", None, None)
    fields = {"body": "e30=", "integratedTime": 1772323200, "logID": "00" * 32, "logIndex": 2**53 + 1}
    assert promised(entry, time) == json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def test_retired_log_cannot_speak_for_the_one_in_service() -> None:
    """sigstore-python tries every key of the root for a log whose id is not the hash of its key, retired ones included."""
    scene = Scene()
    stack, digest = scene.stack, Digest.parse(scene.digest)
    signed = stack.attest(scene.digest, scene.claimant, scene.at, REKOR_V2)
    live, retired = stack.rekor2, stack.retired_rekor
    note = signed_note(checkpoint(live.origin, live.tree), live.host, live.id, retired.key)
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(stack), second_opinion=second_opinion)
        assert isinstance(verifier.verify(as_material(bundle(signed)), digest), Signed)
        signature = verifier.verify(as_material(bundle(with_proof(signed, checkpoint=note))), digest)
        assert isinstance(signature, Refused)
        assert (signature.step, signature.why) == (Step.LOG, "the checkpoint's signature does not verify")


def test_checkpoint_may_name_the_key_otherwise_than_entries_name_the_log() -> None:
    """Entries by the hash of the key, notes by C2SP's hash of a name as well: `checkpointKeyId` of the root tells."""
    scene = Scene(stack=Sigstore("hinted.acme.example", rekor_algorithm=Algorithm.ED25519))
    stack, log, digest = scene.stack, scene.stack.rekor, Digest.parse(scene.digest)
    hint = note_key_id(log.origin, log.key)
    assert hint[:4] != log.id[:4]
    signed = stack.attest(scene.digest, scene.claimant, scene.at)
    other = bundle(
        with_proof(signed, checkpoint=signed_note(checkpoint(log.origin, log.tree), log.host, hint, log.key))
    )
    forged = signed_note(checkpoint(log.origin, log.tree), log.host, hint, stack.retired_rekor.key)
    for told, accepted in ((None, False), (hint, True), (hint[:4], True), (log.id, False)):
        document = stack.trusted_root()
        (named,) = (each for each in document["tlogs"] if base64.b64decode(each["logId"]["keyId"]) == log.id)
        named["checkpointKeyId"] = {"keyId": base64.b64encode(told).decode()} if told else None
        for second_opinion in (True, False):
            verifier = verifier_of(parse_root(json.dumps(document), "hinted"), second_opinion=second_opinion)
            assert isinstance(verifier.verify(as_material(other), digest), Signed) == accepted, told
            stranger = verifier.verify(as_material(bundle(with_proof(signed, checkpoint=forged))), digest)
            assert isinstance(stranger, Refused)
            assert stranger.step is Step.LOG


def test_index_without_a_promise_must_be_the_proofs() -> None:
    scene = Scene()
    signed = scene.stack.attest(scene.digest, scene.claimant, scene.at, REKOR_V2)
    assert signed.entry is not None
    moved = replace(signed, entry=replace(signed.entry, index=signed.entry.index + 1))
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(scene.stack), second_opinion=second_opinion)
        signature = verifier.verify(as_material(bundle(moved)), Digest.parse(scene.digest))
        assert isinstance(signature, Refused)
        assert signature.step is Step.LOG


def test_index_in_a_log_that_is_known_by_its_key_without_a_promise() -> None:
    scene = Scene()
    signed = scene.stack.attest(scene.digest, scene.claimant, scene.at, Ceremony(stamp=Stamp.SIGNATURE))
    assert signed.entry is not None
    place = signed.entry.proof.index
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(scene.stack), second_opinion=second_opinion)
        for index, accepted in ((place, True), (place + 1, False)):
            bare = bundle(with_entry(signed, index=index, promise=None, time=None))
            verdict = verifier.verify(as_material(bare), Digest.parse(scene.digest))
            assert isinstance(verdict, Signed) == accepted, verdict


def test_retired_log_cannot_promise_for_the_one_in_service() -> None:
    """As above, for the promise: the log is one whose id is not the hash of its key."""
    scene = Scene()
    stack, live, log_id = scene.stack, scene.stack.rekor, bytes(range(32))
    document = stack.trusted_root()
    (named,) = (log for log in document["tlogs"] if base64.b64decode(log["logId"]["keyId"]) == live.id)
    named["logId"] = {"keyId": base64.b64encode(log_id).decode()}
    signed = stack.attest(scene.digest, scene.claimant, scene.at)
    assert signed.entry is not None
    assert signed.entry.time is not None
    noted = with_proof(signed, checkpoint=signed_note(checkpoint(live.origin, live.tree), live.host, log_id, live.key))
    body = base64.b64encode(signed.entry.body).decode()
    fields = {"body": body, "integratedTime": signed.entry.time, "logID": log_id.hex(), "logIndex": signed.entry.index}
    for second_opinion in (True, False):
        verifier = verifier_of(parse_root(json.dumps(document), "named"), second_opinion=second_opinion)
        for key, accepted in ((live.key, True), (stack.retired_rekor.key, False)):
            stored = bundle(with_entry(noted, log_id=log_id, promise=sign(key, canonical(fields))))
            verdict = verifier.verify(as_material(stored), Digest.parse(scene.digest))
            assert isinstance(verdict, Signed) == accepted, verdict
            assert accepted or (isinstance(verdict, Refused) and verdict.step is Step.TIME)
