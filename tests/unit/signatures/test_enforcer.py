"""Another program's terms: strict ones are the recipe itself, each switch opens what it says and nothing else."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from auditor.model.evidence import Signed
from auditor.model.reference import Digest
from auditor.registry.material import SimpleSigning
from auditor.signatures.enforcer import Accepted, Rejected, Stamps, Terms, Undecided, examine
from auditor.signatures.keys import load_pem_key
from auditor.signatures.recipe import Recipe
from auditor.signatures.root import parse_root
from fixtures.hostile.signatures import Attack, attacks
from fixtures.hostile.signatures.spoil import with_entry, with_proof
from fixtures.sigstore import att_layer, bundle, sig_layer
from fixtures.sigstore.entries import EntryKind
from fixtures.sigstore.keys import Algorithm, HashName, derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Sample, Scene
from fixtures.sigstore.signed import IN_TOTO, Stored
from fixtures.sigstore.stack import REKOR_V1, REKOR_V2, TIMESTAMP_ONLY, Ceremony, Log, Stamp
from fixtures.sigstore.statements import simple_signing, statement
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
STACK = SCENE.stack
DIGEST = Digest.parse(SCENE.digest)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
STRICT = Terms(Recipe(made_root(STACK)), NOW, stamps=Stamps.TAKEN)


@pytest.mark.parametrize("sample", samples(SCENE), ids=lambda sample: sample.name)
def test_strict_terms_take_what_the_recipe_takes(sample: Sample) -> None:
    root = made_root(STACK, tlogs=not sample.no_log)
    material = as_material(sample.stored)
    terms = dataclasses.replace(STRICT, recipe=Recipe(root))
    ours, theirs = verifier_of(root, second_opinion=False).verify(material, DIGEST), examine(material, DIGEST, terms)
    if isinstance(theirs, Accepted):
        assert isinstance(ours, Signed)
        assert theirs.identity == ours.identity
        assert theirs.predicate == ours.predicate
    elif isinstance(ours, Signed):
        # Without a log entry our recipe goes by a time stamp; these engines want the entry, or ask for it. And there are
        # hashes and kinds of entries that their library does not read.
        assert "log" in theirs.why or "hash" in theirs.why


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_no_attack_is_taken_on_strict_terms(attack: Attack) -> None:
    scene = Scene()
    terms = dataclasses.replace(STRICT, recipe=Recipe(made_root(scene.stack)))
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
    assert outcome(sig(), stamps=Stamps.DEMANDED) is Rejected
    assert (
        outcome(bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)), stamps=Stamps.DEMANDED)
        is Accepted
    )


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


def test_a_certificate_beside_the_signature_of_a_key() -> None:
    """Cosign's library holds it against the time of the log or its own clock; in a bundle it takes none for a key's."""
    key = derive("enforcer", "token")
    ours = load_pem_key(pem(key.public_key()), "key")
    stranger = SCENE.stranger.fulcio.issue(key.public_key(), SCENE.claimant, SCENE.at).public_bytes(Encoding.DER)
    payload = simple_signing(SCENE.digest, "ghcr.io/acme/shop")

    def beside(at: datetime | None) -> Stored:
        return sig_layer(replace(STACK.seal_with_key(key, payload, at=at), certificate=stranger))

    assert outcome(beside(SCENE.at), key=ours) is Accepted
    assert outcome(beside(SCENE.at + timedelta(hours=1)), key=ours) is Rejected
    assert outcome(beside(None), key=ours, unsafe_without_log=True) is Rejected
    assert outcome(beside(None), key=ours, unsafe_without_log=True, now=SCENE.at) is Undecided
    attested = replace(STACK.seal_with_key(key, statement(SCENE.digest), IN_TOTO), certificate=stranger)
    assert outcome(bundle(attested), key=ours, unsafe_without_log=True, now=SCENE.at) is Rejected
    assert outcome(bundle(replace(attested, certificate=None)), key=ours, unsafe_without_log=True) is Accepted


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


def test_time_stamps_count_for_what_the_terms_say() -> None:
    promised = STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V1)
    stamped = STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(stamp=Stamp.SIGNATURE))
    alone = with_entry(stamped, promise=None)  # the log's time without the log's word
    assert [outcome(bundle(promised), stamps=each) for each in Stamps] == [Accepted, Accepted, Rejected]
    assert [outcome(bundle(stamped), stamps=each) for each in Stamps] == [Accepted, Accepted, Accepted]
    assert [outcome(bundle(alone), stamps=each) for each in Stamps] == [Rejected, Accepted, Accepted]


def test_a_bundle_whose_log_tells_no_time_needs_a_stamp_whatever_the_terms_say() -> None:
    stamped = STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)
    assert [outcome(bundle(stamped), stamps=each) for each in Stamps] == [Accepted, Accepted, Accepted]
    bare = bundle(replace(stamped, stamps=()))
    assert [outcome(bare, stamps=each) for each in Stamps] == [Rejected, Rejected, Rejected]


def test_without_log_and_stamps_a_bundle_holds_while_its_certificate_is_young() -> None:
    stored = bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY))
    loose = {"unsafe_without_log": True, "stamps": Stamps.IGNORED}
    assert outcome(stored, **loose) is Rejected
    assert outcome(stored, **loose, now=SCENE.at.replace(minute=5)) is Undecided
    assert outcome(stored, unsafe_without_log=True, now=SCENE.at.replace(minute=5)) is Accepted


def test_a_stamp_that_is_passed_over_does_not_spoil_what_a_log_would_tell() -> None:
    stored = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY))
    assert outcome(stored, stamps=Stamps.IGNORED) is Undecided
    assert outcome(stored, stamps=Stamps.IGNORED, offline=True) is Rejected
    without = parse_root(json.dumps({**STACK.trusted_root(), "timestampAuthorities": []}), "no stamps")
    assert (
        outcome(stored, stamps=Stamps.IGNORED, recipe=Recipe(without)) is Rejected
    )  # nothing says when, and it is over


@pytest.mark.parametrize("algorithm", [Algorithm.P384, Algorithm.P521])
def test_classic_signatures_are_read_over_sha_256_alone(algorithm: Algorithm) -> None:
    assert outcome(sig(algorithm=algorithm)) is Rejected
    assert outcome(sig(algorithm=algorithm, digest=HashName.SHA256)) is Accepted
    assert outcome(bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(algorithm)))) is Accepted
    unlogged = sig(algorithm=algorithm, log=Log.NONE, stamp=Stamp.SIGNATURE)
    assert outcome(unlogged, unsafe_without_log=True) is Rejected


def test_keys_are_read_over_sha_256_alone() -> None:
    payload = simple_signing(SCENE.digest, "ghcr.io/acme/shop")
    for algorithm in (Algorithm.P384, Algorithm.P521, Algorithm.ED25519, Algorithm.RSA_2048):
        key = derive("enforcer", "long", algorithm)
        terms = {"key": load_pem_key(pem(key.public_key()), "key"), "unsafe_without_log": True}
        longer = algorithm in {Algorithm.P384, Algorithm.P521}
        assert outcome(sig_layer(STACK.seal_with_key(key, payload)), **terms) is (Rejected if longer else Accepted)
        if longer:
            short = STACK.seal_with_key(key, payload, ceremony=Ceremony(digest=HashName.SHA256))
            assert outcome(sig_layer(short), **terms) is Accepted


def test_a_key_and_a_time_stamp() -> None:
    key = derive("enforcer", "key")
    signed = STACK.seal_with_key(key, simple_signing(SCENE.digest, "ghcr.io/acme/shop"))
    stamped = replace(signed, stamps=(STACK.tsa.stamp(b"something else", SCENE.at),))
    terms = {"key": load_pem_key(pem(key.public_key()), "key"), "unsafe_without_log": True}
    assert [outcome(sig_layer(signed), **terms, stamps=each) for each in Stamps] == [Accepted, Accepted, Undecided]
    assert [outcome(sig_layer(stamped), **terms, stamps=each) for each in Stamps] == [Accepted, Undecided, Undecided]


@pytest.mark.parametrize("form", ["sig", "att", "bundle"])
def test_in_classic_forms_the_issuer_is_read_from_the_older_extension_alone(form: str) -> None:
    encoded = replace(SCENE.claimant, issuer_v1=False)
    attested = STACK.attest(SCENE.digest, encoded, SCENE.at)
    stored: dict[str, Stored] = {
        "sig": sig_layer(STACK.sign(SCENE.digest, encoded, SCENE.at)),
        "att": att_layer(attested),
        "bundle": bundle(attested),
    }
    found = examine(as_material(stored[form]), DIGEST, STRICT)
    assert isinstance(found, Accepted)
    assert found.identity is not None
    assert found.identity.issuer == (SCENE.claimant.issuer if form == "bundle" else None)


@pytest.mark.parametrize("kind", [EntryKind.DSSE_1, EntryKind.INTOTO_1, EntryKind.INTOTO_2, EntryKind.HASHEDREKORD_1])
def test_the_entry_of_an_attestation_has_the_hash_of_the_whole_envelope(kind: EntryKind) -> None:
    stored = att_layer(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(kind=kind)))
    assert outcome(stored) is (Rejected if kind is EntryKind.HASHEDREKORD_1 else Accepted)
    assert isinstance(verifier_of(made_root(STACK), second_opinion=False).verify(as_material(stored), DIGEST), Signed)


def test_the_same_statement_in_another_envelope_is_another_layer() -> None:
    """The log recorded one spelling of the envelope, the registry holds another: its signature is the same."""
    signed = STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(kind=EntryKind.DSSE_1))
    stored = att_layer(signed)
    spaced = json.dumps(json.loads(stored.content), indent=1).encode()
    assert outcome(replace(stored, content=spaced)) is Rejected


@pytest.mark.parametrize(
    ("ceremony", "expected"),
    [
        (Ceremony(kind=EntryKind.HASHEDREKORD_1), Undecided),
        (Ceremony(log=Log.V2, kind=EntryKind.DSSE_2, stamp=Stamp.SIGNATURE), Undecided),
        (Ceremony(log=Log.V2, kind=EntryKind.HASHEDREKORD_2, stamp=Stamp.SIGNATURE), Accepted),
        (Ceremony(kind=EntryKind.INTOTO_2), Accepted),
        (Ceremony(kind=EntryKind.DSSE_1), Accepted),
    ],
)
def test_kinds_of_entries_that_not_every_release_takes_in_a_bundle(ceremony: Ceremony, expected: type) -> None:
    assert outcome(bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, ceremony))) is expected


def test_a_checkpoint_that_is_no_note_by_the_letter() -> None:
    signed = STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at)
    assert signed.entry is not None
    loose = bundle(with_proof(signed, checkpoint=f"{signed.entry.proof.checkpoint}\n"))
    assert isinstance(verifier_of(made_root(STACK)).verify(as_material(loose), DIGEST), Signed)
    assert outcome(bundle(signed)) is Accepted
    assert outcome(loose) is Rejected
