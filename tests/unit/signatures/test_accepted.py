"""Good signatures of every form, log, key and identity verify, and say who, when and in which log."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from auditor.errors import ConfigurationError
from auditor.model.evidence import Form, KeySigned, Refused, Signed, Step
from auditor.model.identity import SubjectType
from auditor.model.reference import Digest
from fixtures.sigstore import (
    REKOR_V2,
    TIMESTAMP_ONLY,
    Ceremony,
    Claimant,
    att_layer,
    bundle,
    email,
    github,
    sig_layer,
    username,
)
from fixtures.sigstore.keys import Algorithm, derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Sample, Scene
from fixtures.sigstore.signed import IN_TOTO
from fixtures.sigstore.statements import simple_signing, statement
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
SAMPLES = samples(SCENE)
DIGEST, OTHER = Digest.parse(SCENE.digest), Digest.parse(SCENE.other_digest)
ROOT = made_root(SCENE.stack)
UNLOGGED = made_root(SCENE.stack, tlogs=False)
NEEDS_LOG = "there is no transparency log entry, and this trusted root has a log"


def unlogged_bundle(name: str) -> bool:
    """Bundles without a log entry verify under roots without a log, as GitHub's is, and under no other."""
    return name in {"bundle, timestamp", "bundle with predicate, timestamp", "provenance bundle, timestamp only"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sample_verifies(sample: Sample) -> None:
    root = UNLOGGED if unlogged_bundle(sample.name) else ROOT
    signature = verifier_of(root).verify(as_material(sample.stored), DIGEST)
    assert isinstance(signature, Signed), signature
    assert signature.attestation == sample.attestation
    assert signature.roots == ("made",)
    assert SCENE.at <= signature.logged <= SCENE.at + timedelta(minutes=10)


@pytest.mark.parametrize("sample", [each for each in SAMPLES if unlogged_bundle(each.name)], ids=lambda each: each.name)
def test_bundle_needs_an_entry_where_the_root_has_a_log(sample: Sample) -> None:
    signature = verifier_of(ROOT).verify(as_material(sample.stored), DIGEST)
    assert isinstance(signature, Refused)
    assert (signature.step, signature.why) == (Step.LOG, NEEDS_LOG)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sample_is_refused_for_another_digest_and_under_another_root(sample: Sample) -> None:
    material = as_material(sample.stored)
    assert isinstance(verifier_of(ROOT).verify(material, Digest.parse(SCENE.other_digest)), Refused)
    assert isinstance(verifier_of(made_root(SCENE.stranger)).verify(material, DIGEST), Refused)


def test_no_root_at_all_refuses() -> None:
    signature = verifier_of().verify(as_material(SAMPLES[0].stored), DIGEST)
    assert isinstance(signature, Refused)
    assert "no trusted root" in signature.why


def test_every_root_that_holds_is_named_and_none_is_mixed() -> None:
    same = made_root(SCENE.stack, "the same")
    stranger = made_root(SCENE.stranger, "stranger")
    material = as_material(SAMPLES[0].stored)
    signature = verifier_of(stranger, ROOT, same).verify(material, DIGEST)
    assert isinstance(signature, Signed)
    assert signature.roots == ("made", "the same")
    halves = (
        dataclasses.replace(ROOT, name="no authority", authorities=stranger.authorities),
        dataclasses.replace(ROOT, name="no log", logs=stranger.logs),
        dataclasses.replace(ROOT, name="no ct log", ct_logs=stranger.ct_logs),
    )
    assert isinstance(verifier_of(*halves).verify(material, DIGEST), Refused)


def test_root_without_ct_log_asks_for_no_sct() -> None:
    bare = made_root(SCENE.stack, ctlogs=False)
    assert isinstance(verifier_of(bare).verify(as_material(SAMPLES[0].stored), DIGEST), Signed)


@pytest.mark.parametrize("ceremony", ["sig", "bundle"])
def test_evidence_says_who_when_and_where(ceremony: str) -> None:
    scene = Scene()
    at = datetime(2025, 5, 1, 8, 0, tzinfo=UTC)
    who = github("acme/shop")
    signed = scene.stack.sign(scene.digest, who, at) if ceremony == "sig" else scene.stack.attest(scene.digest, who, at)
    stored = sig_layer(signed) if ceremony == "sig" else bundle(signed)
    signature = verifier_of(made_root(scene.stack)).verify(as_material(stored), Digest.parse(scene.digest))
    assert isinstance(signature, Signed)
    assert (signature.identity.issuer, signature.identity.subject) == (who.issuer, who.subject)
    assert signature.logged == at + timedelta(seconds=2)
    assert signature.log_index == 0
    assert signature.form is (Form.SIG if ceremony == "sig" else Form.BUNDLE)
    assert (signature.statement is None) == (ceremony == "sig")


def test_rekor_v2_signature_is_dated_by_its_time_stamp() -> None:
    signed = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)
    signature = verifier_of(ROOT).verify(as_material(bundle(signed)), DIGEST)
    assert isinstance(signature, Signed)
    assert signature.logged == SCENE.at + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("who", "kind"),
    [(github("acme/shop"), SubjectType.URI), (email(), SubjectType.EMAIL), (username(), SubjectType.OTHER)],
)
def test_subject_types(who: Claimant, kind: SubjectType) -> None:
    signed = SCENE.stack.sign(SCENE.digest, who, SCENE.at)
    signature = verifier_of(ROOT).verify(as_material(sig_layer(signed)), DIGEST)
    assert isinstance(signature, Signed)
    assert (signature.identity.subject, signature.identity.subject_type) == (who.subject, kind)


def test_artifact_bundle_verifies_by_bytes_and_by_digest() -> None:
    for ceremony, root in ((REKOR_V2, ROOT), (TIMESTAMP_ONLY, UNLOGGED)):
        signed = SCENE.stack.sign_blob(b"artifact", SCENE.claimant, SCENE.at, ceremony)
        verifier, content = verifier_of(root), bundle(signed).content
        assert isinstance(verifier.verify_file(content, b"artifact"), Signed)
        assert isinstance(verifier.verify_file(content, Digest.of(b"artifact")), Signed)
        assert isinstance(verifier.verify_file(content, b"another"), Refused)
        assert isinstance(verifier.verify_file(content, Digest.of(b"another")), Refused)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_long_lived_key_counts_only_if_configured(algorithm: Algorithm) -> None:
    key = derive("acme", f"long-lived {algorithm}", algorithm)
    stored = sig_layer(SCENE.stack.seal_with_key(key, simple_signing(SCENE.digest, "registry.acme.example/acme/shop")))
    other = pem(derive("acme", "another").public_key())
    mine = pem(key.public_key())
    verifier = verifier_of(ROOT, keys={"other": other, "mine": mine})
    assert verifier.verify(as_material(stored), DIGEST) == KeySigned(Form.SIG, ("mine",))
    assert verifier_of(ROOT, keys={"other": other}).verify(as_material(stored), DIGEST) == KeySigned(Form.SIG)
    assert isinstance(verifier.verify(as_material(stored), Digest.parse(SCENE.other_digest)), Refused)


@pytest.mark.parametrize("logged", [False, True], ids=["bare", "logged"])
def test_long_lived_key_counts_beside_a_certificate_that_nobody_here_trusts(*, logged: bool) -> None:
    """A token's certificate, or one of a company's own authority, in a layer: `cosign sign --key pkcs11:…`, `--certificate`."""
    key, digest = derive("acme", "token"), SCENE.digest
    corporate = SCENE.stranger.fulcio.issue(key.public_key(), SCENE.claimant, SCENE.at).public_bytes(Encoding.DER)
    payload, at = simple_signing(digest, "registry.acme.example/acme/shop"), SCENE.at if logged else None
    signed, attested = (
        replace(SCENE.stack.seal_with_key(key, content, kind, at=at), certificate=corporate)
        for content, kind in ((payload, None), (statement(digest), IN_TOTO))
    )
    forged = replace(signed, payload=simple_signing(digest, "registry.acme.example/acme/other"))
    with_key, without = verifier_of(ROOT, keys={"token": pem(key.public_key())}), verifier_of(ROOT)
    for stored in (sig_layer(signed), att_layer(attested)):
        verdict = with_key.verify(as_material(stored), DIGEST)
        assert isinstance(verdict, KeySigned)
        assert verdict.keys == ("token",)
        refused = without.verify(as_material(stored), DIGEST)
        assert isinstance(refused, Refused)
        assert refused.step in {Step.TIME, Step.CHAIN}
        assert isinstance(with_key.verify(as_material(stored), OTHER), Refused)
    assert isinstance(with_key.verify(as_material(sig_layer(forged)), DIGEST), Refused)
    # A bundle says itself whether a key or a certificate signed it.
    assert isinstance(with_key.verify(as_material(bundle(attested)), DIGEST), Refused)


def test_certificate_that_holds_is_not_taken_for_its_key() -> None:
    key = derive("acme", "both")
    signed = SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(key=key))
    verifier = verifier_of(ROOT, keys={"both": pem(key.public_key())})
    assert isinstance(verifier.verify(as_material(sig_layer(signed)), DIGEST), Signed)


def test_bad_key_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        verifier_of(keys={"mine": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "yours": b""})
    problems = [(problem.file, problem.message) for problem in caught.value.problems]
    assert problems == [(name, f"the key {name} is not a public key in PEM") for name in ("mine", "yours")]


def test_many_threads_agree() -> None:
    verifier = verifier_of(ROOT)
    materials = [as_material(sample.stored) for sample in SAMPLES if not unlogged_bundle(sample.name)]
    verdicts: list[bool] = []

    def judge() -> None:
        verdicts.extend(isinstance(verifier.verify(material, DIGEST), Signed) for material in materials)

    threads = [threading.Thread(target=judge) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [True] * len(materials) * 8
