"""Whatever bytes come in: a verdict comes out, and never one that accepts them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditor.model.evidence import Refused
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.bundle import parse_bundle
from auditor.signatures.certificate import _der_text
from auditor.signatures.encoding import Malformed, decode_base64, parse_object
from auditor.signatures.pem import root_from_pem
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import parse_root
from auditor.signatures.statement import read_statement
from auditor.signatures.timestamp import read_stamps
from fixtures.sigstore import bundle_fields, sig_layer
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.stack import REKOR_V2
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
DIGEST = Digest.parse(SCENE.digest)
VERIFIER = verifier_of(made_root(SCENE.stack), keys={})
# The third entry of its log: a proof of the first has no hashes, and none is as good as null.
_, _, THIRD = (SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at) for _ in range(3))
BUNDLE = bundle_fields(THIRD)
ANNOTATIONS = dict(sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at)).annotations)
PAYLOAD = sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at)).content

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
EXAMPLES = max(150, settings().max_examples)
quick = settings(max_examples=EXAMPLES, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])


def judged(material: Material) -> None:
    verdict = VERIFIER.verify(material, DIGEST)
    assert isinstance(verdict, Refused)
    assert len(verdict.why) <= 400
    assert "cannot be judged" not in verdict.why, verdict.why


@quick
@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"mediaType":' * 50_000)
def test_any_bytes_are_judged(content: bytes) -> None:
    layer = Digest.of(content)
    judged(BundleBytes(content, layer))
    judged(LegacyAttestation(content, layer, ANNOTATIONS))
    judged(SimpleSigning(content, layer, ANNOTATIONS))


@quick
@given(st.dictionaries(st.sampled_from(sorted(ANNOTATIONS)), st.text(max_size=60) | JSON.map(json.dumps), min_size=1))
def test_any_annotations_are_judged(changes: dict[str, str]) -> None:
    kept = {**ANNOTATIONS, **changes}
    if kept["dev.sigstore.cosign/certificate"]:
        judged(SimpleSigning(PAYLOAD, Digest.of(PAYLOAD), {**kept, "dev.cosignproject.cosign/signature": "AAAA"}))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, inner ones as well."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in places(each, (*path, key)))]


READ = [place for place in places(BUNDLE) if place and place[-1] not in {"hint", "logIndex", "integratedTime"}]


@quick
@given(st.sampled_from(READ), JSON)
def test_any_json_at_any_place_of_a_bundle_is_judged(place: tuple[Any, ...], value: Any) -> None:
    document = json.loads(json.dumps(BUNDLE))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    if parent[place[-1]] == value:
        return
    parent[place[-1]] = value
    content = json.dumps(document).encode()
    judged(BundleBytes(content, Digest.of(content)))


@quick
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parsers_raise_malformed_and_nothing_else(content: bytes) -> None:
    for parse in (parse_bundle, lambda given: parse_root(given, "x"), lambda given: root_from_pem({"ctlog": given})):
        with pytest.raises(Malformed):
            parse(content)


@given(st.text(max_size=300))
def test_der_text_is_read_back(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    if len(content) < 128:
        head = bytes([0x0C, len(content)])
    else:
        size = (len(content).bit_length() + 7) // 8
        head = bytes([0x0C, 0x80 + size]) + len(content).to_bytes(size, "big")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        with pytest.raises(Refusal):
            _der_text(head + content, "it")
    else:
        assert _der_text(head + content, "it") == text


@given(st.binary(max_size=400))
@example(b"\x0c\x80")
@example(b"\x0c\x80" + b"a" * 128)
@example(b"\x0c\x81\x01a")
@example(b"\x0c\x82\x00\x80" + b"a" * 128)
@example(b"\x0c\x01ab")
@example(b"\x13\x01a")
def test_der_text_has_one_spelling(encoded: bytes) -> None:
    try:
        text = _der_text(encoded, "it")
    except Refusal:
        return
    content = text.encode()
    size = b"" if len(content) < 128 else len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    length = bytes([len(content)]) if not size else bytes([0x80 + len(size)]) + size
    assert encoded == b"\x0c" + length + content


@given(st.binary(max_size=100))
def test_base64_is_read_back(content: bytes) -> None:
    assert decode_base64(base64.b64encode(content).decode(), "it") == content


@given(st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=10)))
def test_json_is_read_back(value: dict[str, Any]) -> None:
    assert parse_object(json.dumps(value), "it") == value


@pytest.mark.parametrize("odd", [[], {}, [{}], 1, None, True])
def test_types_that_are_no_text(odd: Any) -> None:
    with pytest.raises(Malformed):
        parse_root(json.dumps({"mediaType": odd}), "x")
    with pytest.raises(Malformed):
        read_statement({"_type": odd, "subject": [], "predicateType": "x"})


def test_time_stamp_whose_inside_is_malformed() -> None:
    """A good response around a token that says no time: it is refused where it is read, not where it is used."""
    (good,) = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2).stamps
    at = good.index(b"\x18\x0f2026")
    spoilt = good[: at + 2] + b"2026" + b"23" + good[at + 8 :]
    with pytest.raises(Refusal):
        read_stamps([spoilt])
    assert read_stamps([good])


def test_time_stamp_by_a_signer_whose_name_is_malformed() -> None:
    (good,) = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2).stamps
    (signer,) = read_stamps([good])[0].signed_data.signer_infos
    name = signer.issuer.public_bytes()
    at = good.rindex(name)
    spoilt = bytearray(good)
    spoilt[at + 2] = 0x0C  # a set of attributes that is none
    with pytest.raises(Refusal, match="malformed"):
        read_stamps([bytes(spoilt)])
