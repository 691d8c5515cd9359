"""`auditor verify --bundle`: a file instead of an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from fixtures.sigstore import REKOR_V2, SLSA_PROVENANCE, Sigstore, bundle, github
from fixtures.sigstore.keys import derive, pem
from tests.cli.house import AT, House, Ran

ARTIFACT = b"a release of acme/shop\n"
DIGEST = f"sha256:{hashlib.sha256(ARTIFACT).hexdigest()}"
SHOP = github("acme/shop")
IDENTITY = ("--certificate-identity", SHOP.subject, "--certificate-oidc-issuer", SHOP.issuer)

Verify = Callable[..., Ran]


@pytest.fixture
def stack() -> Sigstore:
    return Sigstore()


@pytest.fixture
def verify(house: House, stack: Sigstore, tmp_path: Path) -> Verify:
    """Verifies a bundle for an artifact under the root of the stack."""
    (tmp_path / "artifact").write_bytes(ARTIFACT)
    (tmp_path / "root.json").write_text(json.dumps(stack.trusted_root()))

    def run(content: bytes, *more: str, artifact: str | None = None) -> Ran:
        (tmp_path / "bundle.json").write_bytes(content)
        words = ["--bundle", str(tmp_path / "bundle.json"), "--artifact", artifact or str(tmp_path / "artifact")]
        return house.run("verify", *words, "--trusted-root", str(tmp_path / "root.json"), *more).clean_of_tracebacks()

    return run


def signed(stack: Sigstore) -> bytes:
    return bundle(stack.sign_blob(ARTIFACT, SHOP, AT, REKOR_V2)).content


def test_file_and_digest_verify_for_the_identity(verify: Verify, stack: Sigstore) -> None:
    content = signed(stack)
    for artifact in (None, DIGEST):
        ran = verify(content, *IDENTITY, "-f", "json", artifact=artifact)
        assert (ran.status, list(ran.verdicts.values())) == (0, ["verified"])
        assert ran.report["images"][0]["digest"] == DIGEST


def test_a_second_opinion_must_agree(verify: Verify, stack: Sigstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked only where that is wanted, and then its refusal is final."""
    content = signed(stack)
    agreed = verify(content, *IDENTITY, "--second-opinion", "-f", "json")
    assert (agreed.status, list(agreed.verdicts.values())) == (0, ["verified"])
    monkeypatch.setattr("sigstore.verify.Verifier.verify_artifact", _refuse)
    assert verify(content, *IDENTITY).status == 0
    refused = verify(content, *IDENTITY, "--second-opinion", "-f", "json")
    assert (refused.status, list(refused.verdicts.values())) == (1, ["invalid"])
    assert "sigstore-python refuses it" in json.dumps(refused.report)


def _refuse(*_arguments: object) -> None:
    raise ValueError("no")


def test_attestation_counts_and_is_named(verify: Verify, stack: Sigstore) -> None:
    content = bundle(stack.attest(DIGEST, SHOP, AT, REKOR_V2, predicate_type=SLSA_PROVENANCE, predicate={})).content
    ran = verify(content, *IDENTITY)
    assert ran.status == 0
    assert SLSA_PROVENANCE in ran.out
    assert verify(content, *IDENTITY, artifact=f"sha256:{'0' * 64}").status == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--certificate-identity", SHOP.subject + "x", "--certificate-oidc-issuer", SHOP.issuer),
        ("--certificate-identity", SHOP.subject, "--certificate-oidc-issuer", "https://gitlab.com"),
        (*IDENTITY, "--certificate-github-workflow-repository", "acme/other"),
    ],
)
def test_wrong_identity_is_a_finding(verify: Verify, stack: Sigstore, wrong: tuple[str, ...]) -> None:
    ran = verify(signed(stack), *wrong, "-f", "json")
    assert (ran.status, ran.rules) == (1, ["wrong-signer"])


def test_without_identity_it_is_described_only(verify: Verify, stack: Sigstore) -> None:
    ran = verify(signed(stack))
    assert ran.status == 3
    assert SHOP.subject in ran.out


def test_what_does_not_verify_is_a_finding_with_or_without_identity(verify: Verify, stack: Sigstore) -> None:
    blob = stack.sign_blob(ARTIFACT, SHOP, AT, REKOR_V2)
    broken = bundle(replace(blob, signature=blob.signature[:-1] + bytes([blob.signature[-1] ^ 1]))).content
    stranger = bundle(Sigstore("stranger").sign_blob(ARTIFACT, SHOP, AT, REKOR_V2)).content
    for content in (broken, stranger, b"", b"{", b"\xff" * 9, b"[]", json.dumps({"mediaType": "x"}).encode()):
        for flags in (IDENTITY, ()):
            ran = verify(content, *flags, "-f", "json")
            assert (ran.status, ran.rules) == (1, ["invalid-signature"])


def test_several_bundles_one_a_line(verify: Verify, stack: Sigstore) -> None:
    """As `gh attestation download` writes them: one that verifies is enough, every one is shown."""
    ours, stranger = signed(stack), bundle(Sigstore("stranger").sign_blob(ARTIFACT, SHOP, AT, REKOR_V2)).content
    theirs = bundle(stack.sign_blob(ARTIFACT, github("acme/other"), AT, REKOR_V2)).content
    statement = bundle(stack.attest(DIGEST, SHOP, AT, REKOR_V2, predicate_type=SLSA_PROVENANCE, predicate={})).content
    for lines in ((stranger, ours), (theirs, ours, stranger), (b"{}", statement), (statement, b"{not JSON}", b"")):
        for end in (b"\n", b"\r\n"):
            ran = verify(end.join(lines) + end, *IDENTITY, "-f", "json")
            assert (ran.status, list(ran.verdicts.values())) == (0, ["verified"])
            assert len(ran.report["images"][0]["signatures"]) == len([line for line in lines if line])
    assert verify(b"\n".join((stranger, theirs)), *IDENTITY, "-f", "json").rules == ["wrong-signer"]
    assert verify(b"\n".join((stranger, b"{}")), *IDENTITY, "-f", "json").rules == ["invalid-signature"]
    described = verify(b"\n".join((stranger, ours)))
    assert described.status == 3
    assert SHOP.subject in described.out
    assert verify(ours + b"\n\n", *IDENTITY).status == 0
    assert verify(json.dumps(json.loads(ours), indent=2).encode() + b"\n", *IDENTITY).status == 0
    assert verify(b"\n".join([ours] * 64), *IDENTITY).status == 0
    assert verify(b"\n".join([ours] * 65), *IDENTITY).status == 2


def test_key_stands_in_place_of_an_identity(verify: Verify, stack: Sigstore, tmp_path: Path) -> None:
    key, other = derive("acme", "release"), derive("acme", "another")
    content = bundle(stack.seal_with_key(key, ARTIFACT, at=AT, ceremony=REKOR_V2)).content
    (tmp_path / "key.pub").write_bytes(pem(key.public_key()))
    (tmp_path / "other.pub").write_bytes(pem(other.public_key()))
    (tmp_path / "none.pub").write_bytes(b"none")
    assert verify(content, "--key", str(tmp_path / "key.pub")).status == 0
    assert verify(content, "--key", str(tmp_path / "other.pub"), "-f", "json").rules == ["key-signed-image"]
    assert verify(content, *IDENTITY, "-f", "json").rules == ["key-signed-image"]
    assert verify(content, "--key", str(tmp_path / "none.pub")).status == 2
    assert verify(content, *IDENTITY, "--key", str(tmp_path / "key.pub")).status == 2
    # A certificate's signature is not the key's, whoever's it is.
    assert verify(signed(stack), "--key", str(tmp_path / "key.pub"), "-f", "json").rules == ["wrong-signer"]


def test_key_needs_nothing_of_the_trusted_root_but_that_it_is_one(
    verify: Verify, stack: Sigstore, tmp_path: Path
) -> None:
    """The suite's `managed-key-and-trusted-root`."""
    key = derive("acme", "release")
    content = bundle(stack.seal_with_key(key, ARTIFACT)).content
    (tmp_path / "key.pub").write_bytes(pem(key.public_key()))
    by_key, root = ("--key", str(tmp_path / "key.pub")), tmp_path / "root.json"
    empty = {"mediaType": stack.trusted_root()["mediaType"]}
    root.write_text(json.dumps(empty))
    assert verify(content, *by_key).status == 0
    assert verify(signed(stack), *IDENTITY).status == 2
    for malformed in ({}, {**empty, "tlogs": [{"publicKey": {}}]}):
        root.write_text(json.dumps(malformed))
        assert verify(content, *by_key).status == 2


def test_mistakes_on_the_command_line_are_usage_errors(
    house: House, verify: Verify, stack: Sigstore, tmp_path: Path
) -> None:
    content = signed(stack)
    empty = ("--certificate-identity", SHOP.subject, "--certificate-oidc-issuer", "")
    assert verify(content, *empty).status == 2
    assert verify(content, *IDENTITY, artifact=str(tmp_path / "missing")).status == 2
    assert verify(content, *IDENTITY, artifact=str(tmp_path)).status == 2
    assert verify(content, *IDENTITY, artifact=DIGEST.upper()).status == 2
    assert verify(content, *IDENTITY, "registry.acme.example/acme/shop:1").status == 2
    path = str(tmp_path / "bundle.json")
    for words in (
        ["--bundle", path],
        ["--artifact", DIGEST],
        ["--key", path],
        [],
        ["--bundle", "/none", "--artifact", path],
    ):
        ran = house.run("verify", *words).clean_of_tracebacks()
        assert (ran.status, ran.out) == (2, ""), words


def test_digest_is_a_file_where_there_is_one(house: House, verify: Verify, stack: Sigstore) -> None:
    name = f"sha256:{'0' * 64}"
    (house.repo / name).write_bytes(ARTIFACT)
    assert verify(signed(stack), *IDENTITY, artifact=name).status == 0
