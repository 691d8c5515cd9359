"""Forged, damaged and borrowed signatures are refused, each at the step that means to refuse it."""

from __future__ import annotations

import pytest

from auditor.model.evidence import KeySigned, Refused, Signed, Step
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Message
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal
from fixtures.hostile.signatures import Attack, attacks, lookalikes
from fixtures.hostile.signatures.lookalikes import Taken
from fixtures.sigstore.keys import pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.signatures import made_root, verifier_of

ATTACKS = attacks()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused_at_its_step(attack: Attack) -> None:
    scene = Scene()
    stored = attack.make(scene)
    signature = verifier_of(made_root(scene.stack)).verify(as_material(stored), Digest.parse(scene.digest))
    assert isinstance(signature, Refused), signature
    assert signature.step in attack.steps, signature.why
    vouched = signature.step > Step.CHAIN
    assert signature.identity is None or vouched, "names are shown only of certificates that the root vouches for"


DECIDED = frozenset({Step.TIME, Step.CHAIN, Step.SIGNATURE, Step.LOG})
"""The steps that sigstore-python decides where it can."""


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if DECIDED.issuperset(attack.steps)], ids=lambda attack: attack.name
)
def test_attack_on_a_bundle_is_refused_by_our_recipe_alone(attack: Attack) -> None:
    """What sigstore-python decides in production is decided the same without it."""
    scene = Scene()
    material = as_material(attack.make(scene))
    if not isinstance(material, BundleBytes):
        return  # sigstore-python is never asked about the legacy forms
    bundle = parse_bundle(material.content)
    assert bundle.leaf_der is not None
    message = Message.of(bundle.envelope.pae) if bundle.envelope else Message(bytes.fromhex(scene.digest[7:]), None)
    with pytest.raises(Refusal):
        Recipe(made_root(scene.stack)).judge(bundle_candidate(bundle, bundle.leaf_der, message))


def test_lookalikes_come_out_as_what_they_are() -> None:
    scene = Scene()
    for lookalike in lookalikes(scene):
        keys = {"acme": pem(lookalike.key.public_key())} if lookalike.key else {}
        verifier = verifier_of(made_root(scene.stack), keys=keys)
        signature = verifier.verify(as_material(lookalike.stored), Digest.parse(scene.digest))
        match lookalike.taken:
            case Taken.ATTESTATION:
                assert isinstance(signature, Signed), lookalike.name
                assert signature.attestation, lookalike.name
            case Taken.KEY:
                assert isinstance(signature, KeySigned), lookalike.name
                assert signature.keys == ("acme",), lookalike.name
            case Taken.NO_ISSUER:
                assert isinstance(signature, Signed)
                assert signature.identity.issuer is None
            case Taken.PULL_REQUEST:
                assert isinstance(signature, Signed)
                assert signature.identity.claims["buildTrigger"].startswith("pull_request")
            case Taken.STRANGER:
                assert isinstance(signature, Signed)
                stranger = signature.identity
                assert (stranger.issuer, stranger.subject) != (scene.claimant.issuer, scene.claimant.subject)
