"""What travels between machines reads back as what it was, and nothing else is read for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.fleet import wire
from auditor.fleet.trees import Read, ReadOutcome, Same
from auditor.fleet.work import Answered, Asked, AskOutcome
from auditor.judge.ask import Ask
from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    Form,
    KeySigned,
    Platform,
    Refused,
    Resolved,
    Signature,
    Signed,
    Step,
    Unreadable,
)
from auditor.model.identity import Identity
from auditor.model.reference import Digest, Reference

DIGEST = Digest("ab" * 32)
WHO = Identity("https://token.actions.githubusercontent.com", "https://github.com/acme/api", claims={"sha": "1"})
SIGNED = Signed(Form.SIG, WHO, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), ("public",), statement=b"\x00{}")
SIGNATURES: list[Signature] = [
    SIGNED,
    KeySigned(Form.ATT, ("release",), "https://slsa.dev/provenance/v1", attestation=True),
    Refused(Form.BUNDLE, Step.CHAIN, "of another root", WHO),
    Unreadable(Form.SIG, Fault(FaultKind.TIMEOUT, "registry.acme.example did not answer")),
]


def evidence(signatures: list[Signature]) -> Evidence:
    return Evidence(Resolved(DIGEST, tag_digest=DIGEST), tuple(signatures), (Platform("linux/amd64", DIGEST, None),))


@pytest.mark.parametrize(
    "value",
    [
        evidence(SIGNATURES),
        Evidence(Absent("no such tag")),
        Evidence(Fault(FaultKind.SERVER, "500"), platforms=Fault(FaultKind.DENIED, "no")),
        Evidence(Resolved(DIGEST), platforms=()),
    ],
)
def test_an_answer_reads_back_as_what_it_was(value: Evidence) -> None:
    outcome = Answered(Ask("acme/api:1", Reference.parse("ghcr.io/acme/api:1")), value)
    assert wire.read(wire.write(outcome), AskOutcome) == outcome


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_travels_even_where_it_is_no_unicode(text: str) -> None:
    assert wire.read(wire.write(Asked(notes=(text,))), AskOutcome) == Asked(notes=(text,))


def plain(value: object) -> Any:
    return json.loads(wire.write(value))


@pytest.mark.parametrize("name", [each.__struct_config__.tag for each in (KeySigned, Refused, Unreadable)])
def test_nothing_is_read_for_a_signature_by_the_name_of_another(name: str) -> None:
    told = plain(evidence([SIGNED]))
    told["signatures"][0]["_"] = name
    with pytest.raises(wire.Garbled):
        wire.read(json.dumps(told).encode(), Evidence)


@pytest.mark.parametrize(
    "change",
    [
        {"_": None},
        {"_": "Trusted"},
        {"verified": True},
        {"logged": "yesterday"},
        {"roots": "public"},
        {"log_index": "1"},
        {"statement": "no base64 !"},
        {"form": "cosign"},
        {"identity": None},
        {"identity": {"issuer": 1, "subject": "x"}},
    ],
    ids=str,
)
def test_what_no_signature_says_is_refused(change: dict[str, Any]) -> None:
    told = plain(evidence([SIGNED]))
    told["signatures"][0] |= change
    with pytest.raises(wire.Garbled):
        wire.read(json.dumps(told).encode(), Evidence)


def test_a_digest_that_is_none_is_refused() -> None:
    told = plain(evidence([]))
    told["resolution"]["digest"]["hex"] = "AB" * 32
    with pytest.raises(wire.Garbled):
        wire.read(json.dumps(told).encode(), Evidence)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"_":"Read"}', b"{}", b'"Same"', b"null"])
def test_bytes_of_nobody_are_refused(content: bytes) -> None:
    with pytest.raises(wire.Garbled, match="cannot be read"):
        wire.read(content, ReadOutcome)


def test_what_one_step_says_is_not_read_by_another() -> None:
    assert wire.read(wire.write(Same("abc")), ReadOutcome) == Same("abc")
    with pytest.raises(wire.Garbled):
        wire.read(wire.write(Same("abc")), AskOutcome)
    with pytest.raises(wire.Garbled):
        wire.read(wire.write(Same("abc")), Read)


@given(st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_the_quick_way_writes_what_the_other_does(text: str, claims: dict[str, str]) -> None:
    """Questions are told apart by these bytes, and a run that goes on meets those of another process."""
    fault = Fault(FaultKind.SERVER, text)
    signed = Signed(Form.SIG, Identity("i", text, claims=claims), datetime(2026, 1, 2, tzinfo=UTC), ("public",))
    for value in (Evidence(fault), evidence([signed]), (86400.0, text)):
        plain = msgspec.to_builtins(value, enc_hook=dict)
        assert wire.write(value) == json.dumps(plain, separators=(",", ":"), sort_keys=True).encode("ascii")
