"""Bundles are read completely or not at all; stored bytes must be those that the manifest lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from auditor.limits import Limits
from auditor.model.evidence import Refused, Signed, Step
from auditor.model.reference import Digest
from auditor.registry.material import LegacyAttestation, SimpleSigning
from auditor.signatures.bundle import parse_bundle
from auditor.signatures.encoding import Malformed
from auditor.signatures.statement import read_statement
from fixtures.sigstore import BundleVersion, Ceremony, Stamp, att_layer, bundle, bundle_fields, sig_layer
from fixtures.sigstore.keys import derive
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Signed as Sealed
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
DIGEST = Digest.parse(SCENE.digest)
VERIFIER = verifier_of(made_root(SCENE.stack))
ATTESTED = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at)
BLOB = SCENE.stack.sign_blob(b"artifact", SCENE.claimant, SCENE.at)
CHAIN = {"certificates": [{"rawBytes": "AAAA"}]}
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit, version: BundleVersion = BundleVersion.V0_3, *, blob: bool = False) -> bytes:
    fields = bundle_fields(BLOB if blob else ATTESTED, version)
    edit(fields)
    return json.dumps(fields).encode()


def material(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = fields["verificationMaterial"]
    return found


def entry(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = material(fields)["tlogEntries"][0]
    return found


EDITS: list[tuple[str, Edit]] = [
    ("mediaType is missing", lambda f: f.pop("mediaType")),
    ("a version that is not understood", lambda f: f.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json")),
    ("unknown field 'more'", lambda f: f.update(more=1)),
    ("either an envelope or a message", lambda f: f.pop("dsseEnvelope")),
    ("either an envelope or a message", lambda f: f.update(messageSignature={"signature": "AAAA"})),
    ("verificationMaterial is missing", lambda f: f.pop("verificationMaterial")),
    ("either one certificate, a certificate chain", lambda f: material(f).pop("certificate")),
    ("either one certificate, a certificate chain", lambda f: material(f).update(publicKey={"hint": ""})),
    ("either one certificate, a certificate chain", lambda f: material(f).update(x509CertificateChain=CHAIN)),
    ("needs a certificate chain", lambda f: f.update(mediaType=BundleVersion.V0_2.value)),
    ("more than 1 elements", lambda f: material(f)["tlogEntries"].append(entry(f))),
    ("more than 32 elements", lambda f: material(f).update(timestampVerificationData={"rfc3161Timestamps": [{}] * 33})),
    ("needs an inclusion proof with its checkpoint", lambda f: entry(f).pop("inclusionProof")),
    ("needs an inclusion proof with its checkpoint", lambda f: entry(f)["inclusionProof"].pop("checkpoint")),
    ("more than 64 elements", lambda f: entry(f)["inclusionProof"].update(hashes=["AAAA"] * 65)),
    ("another length than SHA-256", lambda f: entry(f)["inclusionProof"].update(rootHash="AAAA")),
    ("promise is for no time", lambda f: entry(f).pop("integratedTime")),
    ("beyond the calendar", lambda f: entry(f).update(integratedTime=str(2**40))),
    ("kindVersion is missing", lambda f: entry(f).pop("kindVersion")),
    ("logId is missing", lambda f: entry(f).pop("logId")),
]


@pytest.mark.parametrize(("why", "edit"), EDITS)
def test_edited_bundle_is_malformed(why: str, edit: Edit) -> None:
    with pytest.raises(Malformed, match=why):
        parse_bundle(edited(edit))


def test_chain_is_for_versions_before_0_3() -> None:
    with pytest.raises(Malformed, match="needs one certificate, not a chain"):
        parse_bundle(edited(lambda f: f.update(mediaType=BundleVersion.V0_3.value), BundleVersion.V0_2))
    with pytest.raises(Malformed, match="chain is empty"):
        parse_bundle(edited(lambda f: material(f)["x509CertificateChain"].update(certificates=[]), BundleVersion.V0_2))


def test_version_0_1_needs_a_promise_and_later_ones_a_proof() -> None:
    with pytest.raises(Malformed, match="needs an inclusion promise"):
        parse_bundle(edited(lambda f: entry(f).pop("inclusionPromise"), BundleVersion.V0_1))
    promised = edited(lambda f: entry(f).pop("inclusionProof", None), BundleVersion.V0_1)
    assert isinstance(VERIFIER.verify_file(promised, DIGEST), Signed)
    for version in (BundleVersion.V0_2, BundleVersion.V0_3):
        bare = VERIFIER.verify_file(edited(lambda f: entry(f).pop("inclusionProof"), version), DIGEST)
        assert isinstance(bare, Refused)


@pytest.mark.parametrize(
    ("why", "edit"),
    [
        ("the signature is empty", lambda f: f["messageSignature"].update(signature="")),
        ("algorithm that is not understood", lambda f: f["messageSignature"]["messageDigest"].update(algorithm="SHA1")),
        ("messageDigest.digest is not base64", lambda f: f["messageSignature"]["messageDigest"].update(digest="*")),
    ],
)
def test_edited_message_signature_is_malformed(why: str, edit: Edit) -> None:
    with pytest.raises(Malformed, match=why):
        parse_bundle(edited(edit, blob=True))


def test_stated_digest_must_be_the_messages() -> None:
    other = edited(lambda f: f["messageSignature"]["messageDigest"].update(digest="A" * 43 + "="), blob=True)
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(SCENE.stack), second_opinion=second_opinion)
        assert isinstance(verifier.verify_file(edited(lambda _: None, blob=True), b"artifact"), Signed)
        assert isinstance(
            verifier.verify_file(edited(lambda f: f["messageSignature"].pop("messageDigest"), blob=True), b"artifact"),
            Signed,
        )
        verdict = verifier.verify_file(other, b"artifact")
        assert isinstance(verdict, Refused)
        assert verdict.step is Step.SUBJECT


def test_zero_fields_may_be_left_out_and_numbers_written_as_numbers() -> None:
    scene = Scene()
    first = bundle_fields(scene.stack.attest(scene.digest, scene.claimant, scene.at))
    assert entry(first)["logIndex"] == "0"
    entry(first).pop("logIndex")
    entry(first)["inclusionProof"].pop("logIndex")
    entry(first)["inclusionProof"].pop("hashes")
    entry(first)["integratedTime"] = int(entry(first)["integratedTime"])
    for second_opinion in (True, False):
        verifier = verifier_of(made_root(scene.stack), second_opinion=second_opinion)
        verdict = verifier.verify_file(json.dumps(first).encode(), Digest.parse(scene.digest))
        assert isinstance(verdict, Signed)
        assert verdict.log_index == 0


def test_large_bundles_are_not_read() -> None:
    content = bundle(ATTESTED).content
    with pytest.raises(Malformed, match="larger than 100 bytes"):
        parse_bundle(content, Limits(blob_bytes=100))
    with pytest.raises(Malformed, match="body is empty or too large"):
        parse_bundle(content, Limits(log_entry_bytes=100))


def test_stored_bytes_are_those_that_the_manifest_lists() -> None:
    other = Digest.of(b"something else")
    signed = as_material(sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at)))
    attested = as_material(att_layer(ATTESTED))
    assert isinstance(signed, SimpleSigning)
    assert isinstance(attested, LegacyAttestation)
    assert isinstance(VERIFIER.verify(signed, DIGEST), Signed)
    assert isinstance(VERIFIER.verify(attested, DIGEST), Signed)
    for each in (
        SimpleSigning(signed.payload, other, signed.annotations),
        LegacyAttestation(attested.envelope, other, attested.annotations),
    ):
        verdict = VERIFIER.verify(each, DIGEST)
        assert isinstance(verdict, Refused)
        assert verdict.step is Step.BYTES


@pytest.mark.parametrize(
    "change",
    [
        {"predicateType": "x" * 5000},
        {"predicateType": ""},
        {"predicateType": None},
        {"subject": {}},
        {"subject": [1]},
        {"subject": [{"digest": []}]},
        {"subject": [{}] * 20_000},
        {"_type": "https://in-toto.io/Statement/v2"},
    ],
)
def test_malformed_statement(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "x"}
    assert read_statement(good).attestation
    with pytest.raises(Malformed):
        read_statement(good | change)


@pytest.mark.parametrize(
    "digests", [{}, {"SHA256": DIGEST.hex}, {"sha256": DIGEST.hex.upper()}, {"sha256": 1}, {"sha512": DIGEST.hex}]
)
def test_subject_is_compared_exactly(digests: dict[str, Any]) -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": digests}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
    }
    signed = SCENE.stack.seal(json.dumps(statement).encode(), "application/vnd.in-toto+json", SCENE.claimant, SCENE.at)
    verdict = VERIFIER.verify(as_material(bundle(signed)), DIGEST)
    assert isinstance(verdict, Refused)
    assert verdict.step is Step.SUBJECT


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object within."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


BY_KEY = SCENE.stack.seal_with_key(derive("bundle", "long-lived"), b"artifact", at=SCENE.at)
STAMPED = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, Ceremony(stamp=Stamp.SIGNATURE))


@pytest.mark.parametrize("version", [BundleVersion.V0_3, BundleVersion.V0_2])
@pytest.mark.parametrize("signed", [STAMPED, BLOB, BY_KEY], ids=["stamped", "blob", "by key"])
def test_a_field_that_nobody_knows_makes_a_bundle_malformed_wherever_it_stands(
    signed: Sealed, version: BundleVersion
) -> None:
    """What is not understood could say anything: also that the signature does not count."""
    fields = bundle_fields(signed, version)
    parse_bundle(json.dumps(fields).encode())
    found = list(objects(fields))
    assert len(found) >= 10
    for each in found:
        each["unknown"] = {}
        with pytest.raises(Malformed, match="has an unknown field 'unknown'"):
            parse_bundle(json.dumps(fields).encode())
        del each["unknown"]
