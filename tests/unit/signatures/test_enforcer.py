"""Another program's terms: strict ones are the recipe itself, each switch opens what it says and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Signed
from auditor.model.reference import Digest
from auditor.registry.material import SimpleSigning
from auditor.signatures.enforcer import Accepted, Rejected, Terms, Undecided, examine
from auditor.signatures.keys import load_pem_key
from auditor.signatures.recipe import Recipe
from fixtures.hostile.signatures import Attack, attacks
from fixtures.sigstore import bundle, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Sample, Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.stack import REKOR_V1, REKOR_V2, TIMESTAMP_ONLY
from fixtures.sigstore.statements import simple_signing
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
STACK = SCENE.stack
DIGEST = Digest.parse(SCENE.digest)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
STRICT = Terms(Recipe(made_root(STACK)), NOW)


@pytest.mark.parametrize("sample", samples(SCENE), ids=lambda sample: sample.name)
def test_strict_terms_take_what_the_recipe_takes(sample: Sample) -> None:
    root = made_root(STACK, tlogs=not sample.no_log)
    material = as_material(sample.stored)
    terms = Terms(Recipe(root), NOW)
    ours, theirs = verifier_of(root, second_opinion=False).verify(material, DIGEST), examine(material, DIGEST, terms)
    if isinstance(theirs, Accepted):
        assert isinstance(ours, Signed)
        assert theirs.identity == ours.identity
        assert theirs.predicate == ours.predicate
    elif isinstance(ours, Signed):
        # Without a log entry our recipe goes by a time stamp; these engines want the entry, or ask for it.
        assert "log" in theirs.why


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_no_attack_is_taken_on_strict_terms(attack: Attack) -> None:
    scene = Scene()
    terms = Terms(Recipe(made_root(scene.stack)), NOW)
    assert not isinstance(examine(as_material(attack.make(scene)), DIGEST, terms), Accepted)


def sig(**ceremony: object) -> Stored:
    return sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, replace(REKOR_V1, **ceremony)))


def outcome(stored: Stored, **switches: object) -> type:
    return type(examine(as_material(stored), DIGEST, dataclasses.replace(STRICT, **switches)))  # type: ignore[arg-type]


def test_without_the_log_its_time_counts_for_nothing() -> None:
    assert outcome(sig()) is Accepted
    assert outcome(sig(), unsafe_without_log=True) is Rejected  # the certificate has expired by now
    young = SCENE.at.replace(minute=5)
    assert outcome(sig(), unsafe_without_log=True, now=young) is Undecided  # until it expires
    stamped = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY))
    assert outcome(stored=stamped, unsafe_without_log=True) is Accepted


def test_an_entry_that_is_not_carried_is_asked_for_or_lacks() -> None:
    stamped = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY))
    assert outcome(stamped) is Undecided
    assert outcome(stamped, offline=True) is Rejected
    bundled = bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY))
    assert outcome(bundled) is Rejected
    assert outcome(bundled, unsafe_without_log=True) is Accepted


def test_a_demanded_time_stamp() -> None:
    assert outcome(sig(), stamped=True) is Rejected
    assert outcome(bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)), stamped=True) is Accepted


def test_without_ct_logs_certificates_pass_only_where_the_terms_say_so() -> None:
    blind = Recipe(made_root(STACK, ctlogs=False))
    assert outcome(sig(), recipe=blind) is Rejected  # the recipe passes over it; an engine demands the stamp
    assert outcome(sig(), recipe=blind, unsafe_without_sct=True) is Accepted
    assert outcome(sig(), recipe=Recipe(made_root(SCENE.stranger)), unsafe_without_sct=True) is Rejected


def test_keys() -> None:
    key = derive("enforcer", "key")
    payload = simple_signing(SCENE.digest, "ghcr.io/acme/shop")
    other = simple_signing(SCENE.other_digest, "ghcr.io/acme/shop")
    ours, theirs = (load_pem_key(pem(derive("enforcer", name).public_key()), "key") for name in ("key", "other"))
    bare = sig_layer(STACK.seal_with_key(key, payload))
    logged = sig_layer(STACK.seal_with_key(key, payload, at=SCENE.at))
    assert outcome(bare, key=ours, unsafe_without_log=True) is Accepted
    assert outcome(bare, key=theirs, unsafe_without_log=True) is Rejected
    assert outcome(bare, key=ours) is Undecided
    assert outcome(logged, key=ours) is Accepted
    assert outcome(logged, key=ours, recipe=Recipe(made_root(SCENE.stranger))) is Rejected
    assert outcome(sig_layer(STACK.seal_with_key(key, other)), key=ours, unsafe_without_log=True) is Rejected
    assert outcome(bare) is Rejected  # no certificate


def test_a_key_and_the_log_entry_of_another_signature() -> None:
    key = derive("enforcer", "key")
    payload = simple_signing(SCENE.digest, "ghcr.io/acme/shop")
    signed = STACK.seal_with_key(key, payload, at=SCENE.at)
    stolen = STACK.seal_with_key(derive("enforcer", "other"), payload, at=SCENE.at).entry
    ours = load_pem_key(pem(key.public_key()), "key")
    assert outcome(sig_layer(replace(signed, entry=stolen)), key=ours) is Rejected
    assert outcome(sig_layer(replace(signed, signature=b"nothing")), key=ours) is Rejected


def test_annotations_and_the_signed_part_are_kept_apart() -> None:
    stored = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, optional={"stage": "prod"}))
    material = as_material(stored)
    assert isinstance(material, SimpleSigning)
    found = examine(replace(material, annotations={**material.annotations, "stage": "forged"}), DIGEST, STRICT)
    assert isinstance(found, Accepted)
    assert found.optional == {"stage": "prod"}
    assert found.annotations["stage"] == "forged"
