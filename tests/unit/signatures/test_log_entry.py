"""A log entry is about one signature: whatever part of it is another signature's, it is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Signed, Step
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, SimpleSigning
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, LogEntry, Message
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.legacy import attestation_candidate, signing_candidate
from auditor.signatures.log_entry import check_about
from auditor.signatures.refusal import Refusal
from fixtures.sigstore import Ceremony, EntryKind, Log, Stamp, Stored, att_layer, bundle, sig_layer
from fixtures.sigstore.keys import Algorithm
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()


def unbound(path: tuple[Any, ...], kind: EntryKind) -> bool:
    """What cannot be compared: the hash of an envelope as it was uploaded, and how a log names the kind of the certificate's key.

    An `intoto` 0.0.1 entry is bound to the signature by that very hash: bundles and layers must have the uploaded bytes.
    """
    if "keyDetails" in path or "envelopeHash" in path:
        return True
    return kind is not EntryKind.INTOTO_1 and path[1:3] == ("content", "hash")


def candidate_of(stored: Stored) -> Candidate:
    material = as_material(stored)
    match material:
        case SimpleSigning():
            return signing_candidate(material)
        case LegacyAttestation():
            return attestation_candidate(material, parse_envelope(material.envelope))
        case BundleBytes():
            parsed = parse_bundle(material.content)
            assert parsed.leaf_der is not None
            message = Message.of(parsed.envelope.pae if parsed.envelope else b"artifact")
            return bundle_candidate(parsed, parsed.leaf_der, message)


def made(kind: EntryKind, algorithm: Algorithm = Algorithm.P256, number: int = 0) -> Candidate:
    """A good signature whose log entry is of this kind. Another number is about something else."""
    version_2 = kind in {EntryKind.HASHEDREKORD_2, EntryKind.DSSE_2}
    ceremony = Ceremony(
        algorithm,
        kind=kind,
        log=Log.V2 if version_2 else Log.V1,
        stamp=Stamp.SIGNATURE if version_2 else Stamp.NONE,
    )
    if kind is EntryKind.HASHEDREKORD_1:
        optional = {"number": number}
        return candidate_of(
            sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at, ceremony, optional=optional))
        )
    signed = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, ceremony, name=f"number {number}")
    return candidate_of(att_layer(signed) if kind is EntryKind.INTOTO_1 else bundle(signed))


def entry_of(candidate: Candidate) -> LogEntry:
    assert candidate.entry is not None
    return candidate.entry


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, (*path, number))
    else:
        yield path


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def with_body(entry: LogEntry, body: Any) -> LogEntry:
    return replace(entry, body=json.dumps(body).encode())


def refused(candidate: Candidate, entry: LogEntry) -> bool:
    try:
        check_about(candidate, entry)
    except Refusal as refusal:
        return refusal.step is Step.LOG
    return False


@pytest.mark.parametrize("kind", list(EntryKind))
def test_entry_is_about_its_own_signature_and_no_other(kind: EntryKind) -> None:
    one, two = made(kind, number=1), made(kind, number=2)
    check_about(one, entry_of(one))
    assert refused(one, entry_of(two))
    assert refused(two, entry_of(one))


@pytest.mark.parametrize("kind", list(EntryKind))
def test_no_part_of_an_entry_may_be_anothers(kind: EntryKind) -> None:
    one, two = made(kind, number=1), made(kind, number=2)
    body, other = json.loads(entry_of(one).body), json.loads(entry_of(two).body)
    bound = 0
    for path in leaves(body):
        for value in (at(other, path), "", None, "AAAA"):
            if value == at(body, path):
                continue
            changed = json.loads(json.dumps(body))
            at(changed, path[:-1])[path[-1]] = value
            assert refused(one, with_body(entry_of(one), changed)) != unbound(path, kind), (path, value)
            bound += not unbound(path, kind)
    assert bound >= 12


def test_certificate_that_is_no_text() -> None:
    candidate = made(EntryKind.HASHEDREKORD_1)
    body = json.loads(entry_of(candidate).body)
    body["spec"]["signature"]["publicKey"]["content"] = "/w=="
    assert refused(candidate, with_body(entry_of(candidate), body))


def test_certificate_of_the_entry_is_compared_as_it_is_spelt_and_as_it_is_meant() -> None:
    """Line breaks and blanks around PEM say nothing; what is not ASCII is no PEM, though it be the annotation's very text."""
    good = made(EntryKind.HASHEDREKORD_1)
    assert good.pem is not None

    def logged(pem: str) -> LogEntry:
        body = json.loads(entry_of(good).body)
        body["spec"]["signature"]["publicKey"]["content"] = b64encode(pem.encode()).decode()
        return with_body(entry_of(good), body)

    check_about(good, logged(good.pem))
    check_about(good, logged(f"{good.pem}\n"))
    check_about(replace(good, pem=None), logged(good.pem))
    spaced = f"\u2003{good.pem}"
    assert refused(good, logged(spaced))
    assert refused(replace(good, pem=spaced), logged(spaced))


@pytest.mark.parametrize("kind", list(EntryKind))
def test_no_part_of_an_entry_may_be_missing_or_doubled(kind: EntryKind) -> None:
    candidate = made(kind)
    body = json.loads(entry_of(candidate).body)
    for path in leaves(body):
        for depth in range(1, len(path) + 1):
            changed = json.loads(json.dumps(body))
            parent = at(changed, path[: depth - 1])
            if isinstance(parent, list):
                parent.append(parent[0])
            else:
                del parent[path[depth - 1]]
            optional = unbound(path[:depth], kind) or (kind is EntryKind.INTOTO_1 and path[depth - 1] == "payloadHash")
            assert refused(candidate, with_body(entry_of(candidate), changed)) != optional, path[:depth]


@pytest.mark.parametrize("kind", list(EntryKind))
def test_entry_must_be_of_the_kind_that_is_said(kind: EntryKind) -> None:
    candidate = made(kind)
    for other in EntryKind:
        if other is not kind:
            assert refused(candidate, replace(entry_of(candidate), kind=other.name_and_version))
    body = json.loads(entry_of(candidate).body)
    changes: list[dict[str, Any]] = [{"kind": "rekord"}, {"apiVersion": "0.0.3"}, {"spec": []}]
    for change in changes:
        assert refused(candidate, replace(with_body(entry_of(candidate), body | change), kind=None))


@pytest.mark.parametrize("kind", [EntryKind.DSSE_1, EntryKind.DSSE_2, EntryKind.INTOTO_1, EntryKind.INTOTO_2])
def test_entry_of_an_envelope_is_not_about_a_bare_signature(kind: EntryKind) -> None:
    candidate = made(kind)
    assert refused(replace(candidate, envelope=None), entry_of(candidate))


def test_entry_of_a_bare_signature_is_not_about_an_envelope() -> None:
    enveloped = made(EntryKind.DSSE_1)
    assert enveloped.envelope is not None
    payload = Message.of(enveloped.envelope.payload)
    logged = made(EntryKind.HASHEDREKORD_1)
    assert refused(replace(logged, envelope=enveloped.envelope, message=enveloped.message), entry_of(logged))
    assert refused(replace(logged, envelope=enveloped.envelope, message=payload), entry_of(logged))


def test_hash_of_the_entry_need_not_be_the_keys_own() -> None:
    for kind in (EntryKind.HASHEDREKORD_1, EntryKind.HASHEDREKORD_2):
        for algorithm in (Algorithm.P384, Algorithm.P521):
            candidate = made(kind, algorithm)
            check_about(candidate, entry_of(candidate))
            unknown = replace(candidate, message=Message(candidate.message.sha256, None))
            assert refused(unknown, entry_of(candidate)), "a digest that cannot be told is no match"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kind": 1}', b'{"kind": "dsse", "kind": "dsse"}', b"\xff"])
def test_body_that_is_none_is_refused(body: bytes) -> None:
    candidate = made(EntryKind.DSSE_1)
    assert refused(candidate, replace(entry_of(candidate), body=body))


@pytest.mark.parametrize("second_opinion", [True, False])
def test_logged_body_that_two_readers_could_read_in_two_ways(*, second_opinion: bool) -> None:
    """The log holds what it was given; what says something twice is refused, whoever vouches for it."""
    signed = SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at)
    assert signed.entry is not None
    verifier = verifier_of(made_root(SCENE.stack), second_opinion=second_opinion)
    for body, accepted in (
        (signed.entry.body, True),
        (signed.entry.body.replace(b'"kind":"dsse"', b'"kind":"rekord","kind":"dsse"'), False),
    ):
        entry = SCENE.stack.rekor.add(signed.entry.kind, body, SCENE.at)
        verdict = verifier.verify(as_material(bundle(replace(signed, entry=entry))), Digest.parse(SCENE.digest))
        assert isinstance(verdict, Signed) == accepted, verdict
