"""A transparency log may sign with a key of any kind that trusted roots name; another log's key never stands in for it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from auditor.model.evidence import Refused, Signed, Step
from auditor.model.reference import Digest
from auditor.signatures.root import parse_root
from fixtures.hostile.signatures.spoil import entry_of, with_entry, with_proof
from fixtures.sigstore import bundle, sig_layer
from fixtures.sigstore.keys import Algorithm, derive, sign
from fixtures.sigstore.material import as_material
from fixtures.sigstore.rekor import signed_note
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Signed as Sealed
from fixtures.sigstore.stack import REKOR_V1, REKOR_V2, Sigstore
from tests.support.signatures import made_root, verifier_of

KINDS = [Algorithm.ED25519, Algorithm.P256, Algorithm.P384, Algorithm.P521, Algorithm.RSA_2048]


@pytest.mark.parametrize("algorithm", KINDS)
def test_checkpoint_by_a_key_of_this_kind(algorithm: Algorithm) -> None:
    scene = Scene(stack=Sigstore("kinds.acme.example", rekor_v2_algorithm=algorithm))
    digest = Digest.parse(scene.digest)
    verifier = verifier_of(made_root(scene.stack))
    signed = scene.stack.attest(scene.digest, scene.claimant, scene.at, REKOR_V2)
    assert isinstance(verifier.verify(as_material(bundle(signed)), digest), Signed)

    text = entry_of(signed).proof.checkpoint.partition("\n\n")[0] + "\n"
    forged = signed_note(text, scene.stack.rekor2.host, scene.stack.rekor2.id, derive("another", "log", algorithm))
    verdict = verifier.verify(as_material(bundle(with_proof(signed, checkpoint=forged))), digest)
    assert isinstance(verdict, Refused)
    assert verdict.step is Step.LOG


@pytest.mark.parametrize("algorithm", KINDS)
def test_log_whose_key_was_changed_in_the_root(algorithm: Algorithm) -> None:
    """The same id, the same host, a key of the same kind: nothing that the log signed before holds any more."""
    scene = Scene(stack=Sigstore("kinds.acme.example", rekor_v2_algorithm=algorithm))
    signed = scene.stack.attest(scene.digest, scene.claimant, scene.at, REKOR_V2)
    root, other = (
        Sigstore(name, rekor_v2_algorithm=algorithm).trusted_root() for name in ("kinds.acme.example", "other.example")
    )
    root["tlogs"][2]["publicKey"]["rawBytes"] = other["tlogs"][2]["publicKey"]["rawBytes"]
    verifier = verifier_of(replace(parse_root(json.dumps(root), "made")))
    verdict = verifier.verify(as_material(bundle(signed)), Digest.parse(scene.digest))
    assert isinstance(verdict, Refused)
    assert verdict.step is Step.LOG


@pytest.mark.parametrize("second_opinion", [False, True])
@pytest.mark.parametrize("algorithm", KINDS)
def test_promise_and_checkpoint_of_the_older_log_by_a_key_of_this_kind(
    algorithm: Algorithm, *, second_opinion: bool
) -> None:
    """The signed entry timestamp alone (`.sig`), and with a proof (a bundle); another key's promise never holds."""
    scene = Scene(stack=Sigstore("kinds.acme.example", rekor_algorithm=algorithm))
    digest = Digest.parse(scene.digest)
    verifier = verifier_of(made_root(scene.stack), second_opinion=second_opinion)
    alone = scene.stack.sign(scene.digest, scene.claimant, scene.at, REKOR_V1)
    proven = scene.stack.attest(scene.digest, scene.claimant, scene.at, REKOR_V1)
    assert isinstance(verifier.verify(as_material(sig_layer(alone)), digest), Signed)
    assert isinstance(verifier.verify(as_material(bundle(proven)), digest), Signed)

    entry = entry_of(alone)
    promised = json.dumps(
        {
            "body": base64.b64encode(entry.body).decode(),
            "integratedTime": entry.time,
            "logID": entry.log_id.hex(),
            "logIndex": entry.index,
        },
        separators=(",", ":"),
    ).encode()
    assert isinstance(verifier.verify(as_material(sig_layer(_promised(alone, scene, promised))), digest), Signed)
    for forged in (
        with_entry(alone, promise=sign(derive("another", "log", algorithm), promised)),
        _promised(alone, scene, promised + b" "),
    ):
        verdict = verifier.verify(as_material(sig_layer(forged)), digest)
        assert isinstance(verdict, Refused)
        assert verdict.step is Step.TIME


def _promised(signed: Sealed, scene: Scene, text: bytes) -> Sealed:
    """The same with the log's own promise for another text."""
    return with_entry(signed, promise=sign(scene.stack.rekor.key, text))
