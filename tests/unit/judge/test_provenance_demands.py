"""`attested-by` with `source` and `builder`: the right signer is not enough."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from auditor.config.names import TextPattern
from auditor.config.rules import AttestedBy, ImageRule
from auditor.judge.verdict import Decision, decide
from auditor.model.evidence import KeySigned, Signature, Signed
from auditor.model.verdict import Verdict
from tests.support.judging import (
    SBOM,
    SLSA,
    STRANGER,
    attested,
    attesting,
    evidence,
    keyed,
    parsed,
    rules,
    signed,
    unreadable,
)

BUILDER = "https://github.com/acme/ci/.github/workflows/build.yaml@refs/tags/v3"


def statement(repository: str = "acme/api", builder: str = BUILDER, kind: str = SLSA) -> bytes:
    """What a build says of itself."""
    address = f"https://github.com/{repository}"
    predicate = {
        "buildDefinition": {
            "externalParameters": {"workflow": {"repository": address}},
            "resolvedDependencies": [{"uri": f"git+{address}@refs/tags/v2.1.0"}],
        },
        "runDetails": {"builder": {"id": builder}},
    }
    return json.dumps({"predicateType": kind, "predicate": predicate}).encode()


def says(content: bytes | None, subject: str | None = None) -> Signed:
    return replace(attested(subject) if subject else attested(), statement=content)


def asking(source: str | None = None, builder: str | None = None, signer: str = "release") -> ImageRule:
    glob = TextPattern.glob
    wanted = AttestedBy(SLSA, signer, glob(source) if source else None, glob(builder) if builder else None)
    return replace(attesting(), attested_by=(wanted,))


def judge(entry: ImageRule, *signatures: Signature) -> Decision:
    return decide(parsed(), entry, evidence(*signatures), rules(entry))


@pytest.mark.parametrize("source", [None, "https://github.com/acme/api", "https://github.com/acme/*"])
@pytest.mark.parametrize(
    "builder", [None, BUILDER, "https://github.com/acme/ci/.github/workflows/build.yaml@refs/tags/*"]
)
def test_what_is_asked_for_is_verified(source: str | None, builder: str | None) -> None:
    decision = judge(asking(source, builder), says(statement()))
    assert (decision.verdict, decision.signatures[0].allowed) == (Verdict.VERIFIED, True)


REFUSED: dict[str, tuple[bytes | None, str]] = {
    "another repository": (statement("mallory/api"), "the source is https://github.com/mallory/api, allowed is"),
    "a repository whose name begins alike": (
        statement("acme/api-evil"),
        "the source is https://github.com/acme/api-evil",
    ),
    "another builder": (
        statement(builder="https://evil.example/build.yaml@refs/tags/v3"),
        "the builder is https://evil",
    ),
    "a branch of the builder": (statement(builder=BUILDER.replace("tags", "heads")), "the builder is"),
    "another type that is called provenance": (statement(kind=SBOM), "no SLSA provenance"),
    "no JSON": (b"{", "not JSON"),
    "nothing that is known": (None, "not known"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_right_signer_who_says_something_else_is_a_wrong_signer(name: str) -> None:
    content, why = REFUSED[name]
    entry = asking("https://github.com/acme/api", "https://github.com/acme/ci/.github/workflows/build.yaml@refs/tags/*")
    decision = judge(entry, says(content))
    assert decision.verdict is Verdict.WRONG_SIGNER
    assert why in decision.judgement.reason
    (shown,) = decision.signatures
    assert (shown.allowed, why in (shown.why or "")) == (False, True)


def test_a_stranger_who_says_what_is_asked_for_is_a_wrong_signer() -> None:
    assert judge(asking("https://github.com/acme/api"), says(statement(), STRANGER)).verdict is Verdict.WRONG_SIGNER


def test_signer_and_source_must_be_those_of_one_attestation() -> None:
    both = judge(asking("https://github.com/acme/api"), says(statement(), STRANGER), says(statement("mallory/api")))
    assert both.verdict is Verdict.WRONG_SIGNER


def test_one_that_says_it_is_enough_beside_others() -> None:
    several = judge(asking("https://github.com/acme/api"), says(statement("mallory/api")), says(statement()))
    assert several.verdict is Verdict.VERIFIED
    assert [each.allowed for each in several.signatures] == [False, True]


def test_of_two_demands_each_has_its_own_source() -> None:
    one, other = (asking(f"https://github.com/acme/{name}").attested_by for name in ("api", "web"))
    entry = replace(attesting(), attested_by=(*one, *other))
    assert judge(entry, says(statement("acme/api"))).verdict is Verdict.WRONG_SIGNER
    assert judge(entry, says(statement("acme/api")), says(statement("acme/web"))).verdict is Verdict.VERIFIED


def test_what_could_not_be_read_may_say_it() -> None:
    decision = judge(asking("https://github.com/acme/api"), says(statement("mallory/api")), unreadable())
    assert decision.verdict is Verdict.UNJUDGED


def test_a_signature_says_nothing_of_sources() -> None:
    assert judge(asking("https://github.com/acme/api"), signed()).verdict is Verdict.UNSIGNED


def test_a_key_is_asked_the_same() -> None:
    def by_key(content: bytes) -> KeySigned:
        return replace(keyed("keys/cosign.pub"), predicate=SLSA, attestation=True, statement=content)

    entry = asking("https://github.com/acme/api", signer="old-key")
    assert judge(entry, by_key(statement())).verdict is Verdict.VERIFIED
    assert judge(entry, by_key(statement("mallory/api"))).verdict is Verdict.WRONG_SIGNER
