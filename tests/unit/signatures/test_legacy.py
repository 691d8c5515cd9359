"""The annotations of `.sig` and `.att` layers are read completely or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.model.evidence import KeySigned, Refused, Signed
from auditor.model.reference import Digest
from auditor.registry.material import SimpleSigning
from auditor.signatures.encoding import Malformed
from auditor.signatures.legacy import BUNDLE, CERTIFICATE, SIGNATURE, TIMESTAMP, signing_candidate
from fixtures.sigstore import sig_layer
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
DIGEST = Digest.parse(SCENE.digest)
VERIFIER = verifier_of(made_root(SCENE.stack))
GOOD = as_material(sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at)))
assert isinstance(GOOD, SimpleSigning)


def annotated(changes: dict[str, str]) -> SimpleSigning:
    assert isinstance(GOOD, SimpleSigning)
    return replace(GOOD, annotations={**GOOD.annotations, **changes})


def logged(edit: Callable[[dict[str, Any]], object]) -> SimpleSigning:
    assert isinstance(GOOD, SimpleSigning)
    annotation = json.loads(GOOD.annotations[BUNDLE])
    edit(annotation)
    return annotated({BUNDLE: json.dumps(annotation)})


def test_good_one_verifies_however_its_json_is_spaced() -> None:
    assert isinstance(VERIFIER.verify(logged(lambda _: None), DIGEST), Signed)


def test_signature_may_be_broken_into_lines() -> None:
    """As `cosign attach signature` stores what `openssl base64` or `base64` printed."""
    text = annotated({}).annotations[SIGNATURE]
    for broken in (f"{text}\n", f"{text[:64]}\n{text[64:]}\n", f"{text[:64]}\r\n{text[64:]}"):
        assert isinstance(VERIFIER.verify(annotated({SIGNATURE: broken}), DIGEST), Signed)
    for spoilt in (f"{text[:64]} {text[64:]}", f"{text} ", f"{text}\t", f"{text}\nAAAA", "\n", f"\\n{text}"):
        assert isinstance(VERIFIER.verify(annotated({SIGNATURE: spoilt}), DIGEST), Refused)


@pytest.mark.parametrize(
    ("why", "edit"),
    [
        ("Payload is missing", lambda a: a.pop("Payload")),
        ("entry timestamp is not a string", lambda a: a.pop("SignedEntryTimestamp")),
        ("logID is missing", lambda a: a["Payload"].pop("logID")),
        ("not a SHA-256 hash", lambda a: a["Payload"].update(logID="00")),
        ("not a SHA-256 hash", lambda a: a["Payload"].update(logID=a["Payload"]["logID"].upper())),
        ("logIndex is missing", lambda a: a["Payload"].pop("logIndex")),
        ("logIndex is missing or not a number", lambda a: a["Payload"].update(logIndex="0")),
        ("integratedTime is missing", lambda a: a["Payload"].pop("integratedTime")),
        ("beyond the calendar", lambda a: a["Payload"].update(integratedTime=2**40)),
        ("body is missing", lambda a: a["Payload"].pop("body")),
        ("body is missing", lambda a: a["Payload"].update(body="")),
        ("body is not base64", lambda a: a["Payload"].update(body="*")),
    ],
)
def test_spoilt_log_entry_is_malformed(why: str, edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Malformed, match=why):
        signing_candidate(logged(edit))
    assert isinstance(VERIFIER.verify(logged(edit), DIGEST), Refused)


@pytest.mark.parametrize(
    "changes",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "*"},
        {CERTIFICATE: "-----BEGIN CERTIFICATE-----"},
        {BUNDLE: "null"},
        {BUNDLE: "{"},
        {TIMESTAMP: "{}"},
        {TIMESTAMP: '{"SignedRFC3161Timestamp": "AAAA"}'},
        {BUNDLE: ""},
    ],
)
def test_spoilt_annotations_are_refused(changes: dict[str, str]) -> None:
    assert isinstance(VERIFIER.verify(annotated(changes), DIGEST), Refused)


def test_without_its_certificate_it_is_nobodys() -> None:
    """A certificate taken away leaves the claim of a key, which no key bears out."""
    verdict = VERIFIER.verify(annotated({CERTIFICATE: ""}), DIGEST)
    assert verdict == KeySigned(verdict.form)
