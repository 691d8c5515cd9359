"""The recipe's own refusals, one spoiled thing at a time, where no stored form can bring it about or a root has to change."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Refused, Signed, Step
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, SimpleSigning
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Message
from auditor.signatures.certificate import load_leaf
from auditor.signatures.chain import check_chain
from auditor.signatures.legacy import signing_candidate
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import Root, parse_root
from auditor.signatures.sct import check_sct, known_log
from fixtures.sigstore import REKOR_V1, REKOR_V2, Ceremony, Profile, Sigstore, Stamp, bundle, sig_layer
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
DIGEST = Digest.parse(SCENE.digest)
ROOT = made_root(SCENE.stack)
BOTH = Ceremony(stamp=Stamp.SIGNATURE)


def bundled(ceremony: Ceremony) -> BundleBytes:
    material = as_material(bundle(SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, ceremony)))
    assert isinstance(material, BundleBytes)
    return material


def layered(ceremony: Ceremony = REKOR_V1) -> SimpleSigning:
    material = as_material(sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at, ceremony)))
    assert isinstance(material, SimpleSigning)
    return material


def candidate_of(material: BundleBytes | SimpleSigning) -> Candidate:
    if isinstance(material, SimpleSigning):
        return signing_candidate(material)
    parsed = parse_bundle(material.content)
    assert parsed.envelope is not None
    assert parsed.leaf_der is not None
    return bundle_candidate(parsed, parsed.leaf_der, Message.of(parsed.envelope.pae))


def step_of(candidate: Candidate, root: Root = ROOT) -> Step:
    with pytest.raises(Refusal) as caught:
        Recipe(root).judge(candidate)
    return caught.value.step


def out_of_service(part: str, after: timedelta) -> Root:
    """The root whose logs or authorities were taken out of service so long after the certificate was issued."""
    document = SCENE.stack.trusted_root()
    for each in document[part]:
        each.get("publicKey", each)["validFor"]["end"] = (SCENE.at + after).isoformat()
    return parse_root(json.dumps(document), "made")


@pytest.mark.parametrize(
    ("part", "ceremony", "step"),
    [
        ("tlogs", REKOR_V1, Step.TIME),
        ("tlogs", REKOR_V2, Step.LOG),
        ("timestampAuthorities", REKOR_V2, Step.TIME),
        ("certificateAuthorities", REKOR_V1, Step.CHAIN),
        ("certificateAuthorities", REKOR_V2, Step.CHAIN),
        ("ctlogs", REKOR_V1, Step.CHAIN),
        ("ctlogs", REKOR_V2, Step.CHAIN),
    ],
)
def test_nobody_vouches_out_of_service(part: str, ceremony: Ceremony, step: Step) -> None:
    """Windows are closed: the second of signing itself is inside."""
    material = bundled(ceremony)
    for after, accepted in ((timedelta(seconds=2), True), (timedelta(seconds=-1), False)):
        root = out_of_service(part, after)
        for second_opinion in (True, False):
            verdict = verifier_of(root, second_opinion=second_opinion).verify(material, DIGEST)
            assert isinstance(verdict, Signed) is accepted, verdict
            assert isinstance(verdict, Signed) or (isinstance(verdict, Refused) and verdict.step is step), verdict


def test_time_stamp_under_a_root_without_stampers_is_refused() -> None:
    root = made_root(SCENE.stack, tsas=False)
    for material in (bundled(BOTH), layered(BOTH)):
        for second_opinion in (True, False):
            verdict = verifier_of(root, second_opinion=second_opinion).verify(material, DIGEST)
            assert isinstance(verdict, Refused)
            assert verdict.step is Step.TIME
            assert "no time stamping authority" in verdict.why


def test_entry_that_nobody_vouches_for_is_refused_even_with_a_time_stamp() -> None:
    candidate = candidate_of(bundled(BOTH))
    assert candidate.entry is not None
    assert Recipe(ROOT).judge(candidate) == candidate.entry.time
    assert step_of(replace(candidate, entry=replace(candidate.entry, promise=None, proof=None))) is Step.LOG
    assert step_of(replace(candidate, entry=replace(candidate.entry, time=None, proof=None))) is Step.LOG


@pytest.mark.parametrize("make", [layered, lambda: bundled(REKOR_V1), lambda: bundled(REKOR_V2)])
def test_no_part_can_be_another_signatures(make: Callable[[], BundleBytes | SimpleSigning]) -> None:
    """Two good signatures of the same people for the same image, and every mixture of them is refused."""
    one, two = candidate_of(make()), candidate_of(make())
    for name in ("message", "signature", "leaf", "entry", "timestamps"):
        mixed = replace(one, **{name: getattr(two, name)})
        if getattr(one, name) != getattr(two, name):
            step_of(mixed)


def test_time_stamp_of_another_signature_gives_no_time() -> None:
    one, two = candidate_of(bundled(REKOR_V2)), candidate_of(bundled(REKOR_V2))
    assert step_of(replace(one, timestamps=two.timestamps)) is Step.TIME
    both = replace(one, timestamps=(*two.timestamps, *one.timestamps))
    assert Recipe(ROOT).judge(both) == SCENE.at + timedelta(seconds=2)


def test_same_time_stamp_twice_is_refused() -> None:
    one = candidate_of(bundled(REKOR_V2))
    assert step_of(replace(one, timestamps=one.timestamps * 2)) is Step.TIME


def test_document_of_a_root_is_complete() -> None:
    document = json.loads(made_root(SCENE.stack, ctlogs=False).document)
    assert document["ctlogs"] == []
    assert all(log["baseUrl"] for log in document["tlogs"])


def test_verdicts_do_not_depend_on_who_is_asked() -> None:
    for material in (layered(), layered(BOTH), bundled(REKOR_V1), bundled(REKOR_V2), bundled(BOTH)):
        asked, alone = (verifier_of(ROOT, second_opinion=ask).verify(material, DIGEST) for ask in (True, False))
        assert asked == alone


def test_two_cts_logs_words_are_not_one() -> None:
    """Both are good; sigstore's clients read one, and so do we."""
    twice = Ceremony(profile=Profile(scts=lambda sct: (sct, sct)))
    for material in (bundled(twice), layered(twice)):
        for second_opinion in (True, False):
            verdict = verifier_of(ROOT, second_opinion=second_opinion).verify(material, DIGEST)
            assert isinstance(verdict, Refused)
            assert (verdict.step, verdict.why) == (Step.CHAIN, "the certificate has 2 CT log timestamps (SCT), not one")


def test_timestamp_of_a_ct_log_must_name_the_hash_that_is_checked() -> None:
    """The byte that names it is not signed (RFC 6962 section 3.2), and the precertificate holds no timestamp."""
    candidate = candidate_of(layered())
    leaf = candidate.leaf
    sct, _ = known_log(leaf, ROOT.ct_logs)
    issuer = check_chain(leaf, Recipe(ROOT).issuers, [SCENE.at])
    check_sct(leaf, issuer, ROOT.ct_logs)
    place = leaf.der.index(sct.log_id) + len(sct.log_id) + 8 + 2
    assert leaf.der[place] == 4  # SHA-256
    changed = load_leaf(leaf.der[:place] + b"\x06" + leaf.der[place + 1 :])
    with pytest.raises(Refusal, match="does not use SHA-256"):
        check_sct(changed, issuer, ROOT.ct_logs)


def test_key_of_one_ct_log_does_not_sign_for_another() -> None:
    """sigstore-python finds CT logs by the hash of their keys: a root in which an id is another key's is not for it."""
    document = SCENE.stack.trusted_root()
    sct, _ = known_log(candidate_of(bundled(REKOR_V1)).leaf, ROOT.ct_logs)
    (log,) = (each for each in document["ctlogs"] if base64.b64decode(each["logId"]["keyId"]) == sct.log_id)
    other = Sigstore("sigstore.other.example").trusted_root()["ctlogs"][0]
    retired = {**log, "logId": {"keyId": base64.b64encode(bytes(32)).decode()}}
    retired["publicKey"] = {
        **log["publicKey"],
        "validFor": {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"},
    }
    document["ctlogs"] = [
        {**log, "publicKey": {**log["publicKey"], "rawBytes": other["publicKey"]["rawBytes"]}},
        retired,
    ]
    root = parse_root(json.dumps(document), "two logs")
    for second_opinion in (True, False):
        verdict = verifier_of(root, second_opinion=second_opinion).verify(bundled(REKOR_V1), DIGEST)
        assert isinstance(verdict, Refused)
        assert (verdict.step, verdict.why) == (Step.CHAIN, "the certificate's CT log timestamp does not verify")


def test_time_of_a_stamp_that_nobody_trusted_made_is_not_told() -> None:
    """Two stamps, the first by a stranger: the bundle holds by the second, and so does its time."""
    good = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)
    foreign = SCENE.stranger.stamp(good, SCENE.at + timedelta(minutes=5))
    alone = verifier_of(ROOT).verify(as_material(bundle(good)), DIGEST)
    assert isinstance(alone, Signed)
    for second_opinion in (True, False):
        both = replace(good, stamps=(*foreign, *good.stamps))
        verdict = verifier_of(ROOT, second_opinion=second_opinion).verify(as_material(bundle(both)), DIGEST)
        assert isinstance(verdict, Signed)
        assert verdict.logged == alone.logged
