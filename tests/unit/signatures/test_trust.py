"""Trusted roots from every source, what is wrong with bad ones, and which copy is used when."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditor.config.rules import TrustSetting
from auditor.errors import ConfigurationError
from auditor.model.evidence import Refused, Signed
from auditor.model.reference import Digest
from auditor.signatures.encoding import Malformed
from auditor.signatures.root import parse_root
from auditor.signatures.trust import DEFAULT_TRUST, load_trust
from auditor.signatures.tuf import may_ask
from auditor.signatures.verify import Verifier
from auditor.signatures.well_known import GITHUB, PUBLIC_GOOD
from fixtures.sigstore import REKOR_V2, bundle, sig_layer
from fixtures.sigstore.keys import pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.signatures import needs_real_data, real_cases
from tests.support.tuf_mirror import Mirror

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCENE = Scene()
DIGEST = Digest.parse(SCENE.digest)
SIGNATURE = as_material(sig_layer(SCENE.stack.sign(SCENE.digest, SCENE.claimant, SCENE.at)))
BUNDLE = as_material(bundle(SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at)))
BUNDLE_V2 = as_material(bundle(SCENE.stack.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2)))


def made() -> dict[str, Any]:
    return SCENE.stack.trusted_root()


def setting(content: bytes, name: str = "private") -> TrustSetting:
    return TrustSetting(name, "file", {"file": content}, path="trust/root.json")


def verifies(*settings: TrustSetting, cache: Path | None = None, now: datetime = NOW, offline: bool = True) -> bool:
    verifier = Verifier(load_trust(settings, now=now, offline=offline, cache=cache), {})
    verdicts = {isinstance(verifier.verify(each, DIGEST), Signed) for each in (SIGNATURE, BUNDLE, BUNDLE_V2)}
    (verdict,) = verdicts
    return verdict


def test_file() -> None:
    trust = load_trust((setting(json.dumps(made()).encode()),), now=NOW, offline=True)
    assert [(used.name, used.source, used.age_days) for used in trust.used] == [("private", "trust/root.json", None)]
    assert verifies(setting(json.dumps(made()).encode()))


def test_json_lines_are_several_roots_of_one_name() -> None:
    stranger = json.dumps(SCENE.stranger.trusted_root())
    lines = f"{stranger}\n{json.dumps(made())}\n".encode()
    trust = load_trust((setting(lines),), now=NOW, offline=True)
    assert [root.name for root in trust.roots] == ["private", "private"]
    assert verifies(setting(lines))
    assert not verifies(setting(stranger.encode()))


def test_pretty_printed_file_is_one_root() -> None:
    assert verifies(setting(json.dumps(made(), indent=2).encode()))


def without(*names: str) -> Callable[[Any], Any]:
    """Take these fields away, wherever they are."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: strip(each) for name, each in value.items() if name not in names}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip


@pytest.mark.parametrize("fields", [("baseUrl",), ("subject",), ("commonName",), ("uri",), ("hashAlgorithm",)])
def test_fields_that_protobuf_json_leaves_out(fields: tuple[str, ...]) -> None:
    assert verifies(setting(json.dumps(without(*fields)(made())).encode()))


def test_log_without_an_id_is_known_by_the_hash_of_its_key() -> None:
    document = made()
    for log in document["ctlogs"] + document["tlogs"][:2]:
        del log["logId"]
    assert verifies(setting(json.dumps(document).encode()))


def test_log_may_say_by_what_its_checkpoints_name_it_and_nothing_else() -> None:
    """Trusted roots of a downstream distribution have `checkpointKeyId` alone; their logs are known by the hash of the key."""
    document = made()
    for log in document["ctlogs"] + document["tlogs"][:2]:
        log["checkpointKeyId"] = log.pop("logId")
    assert verifies(setting(json.dumps(document).encode()))


ED448 = Ed448PrivateKey.generate().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
NOT_YET = bytes.fromhex("3017300b060960864801650304037f030800") + b"unknown"
"""A key of an algorithm that has no name yet (2.16.840.1.101.3.4.3.127)."""


@pytest.mark.parametrize("part", ["tlogs", "ctlogs"])
@pytest.mark.parametrize("key", [ED448, NOT_YET], ids=["ed448", "no name yet"])
def test_a_log_whose_key_nobody_reads_vouches_for_nothing_and_breaks_nothing(part: str, key: bytes) -> None:
    """As when Sigstore's staging root got its first Ed25519 log (sigstore-python #1423)."""
    document = made()
    public = {
        "rawBytes": base64.b64encode(key).decode(),
        "keyDetails": "NOT_YET",
        "validFor": {"start": "2020-01-01T00:00:00Z"},
    }
    document[part].insert(0, {"baseUrl": "https://log", "publicKey": public, "logId": {"keyId": "bmV3IQ=="}})
    assert verifies(setting(json.dumps(document).encode()))
    document[part] = document[part][:1]
    with pytest.raises(Malformed, match="of a kind that is not supported"):  # else no log at all would be asked for
        parse_root(json.dumps(document), "private")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"mediaType": "application/json"}', "its mediaType is another"),
        (
            b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
            "neither a certificate authority nor",
        ),
        (json.dumps(SCENE.stack.trusted_root(tlogs=False, tsas=False)).encode(), "neither a transparency log nor"),
    ],
)
def test_bad_file_is_a_configuration_error(content: bytes, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_trust((setting(content),), now=NOW, offline=True)
    (problem,) = caught.value.problems
    assert problem.file == "trust/root.json"
    assert why in problem.message
    assert "trusted_root.json" in problem.help


def test_all_problems_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_trust((setting(b"{", "one"), setting(b"[", "two"), TrustSetting("three", "tuf")), now=NOW, offline=True)
    assert [problem.message.split(":")[0] for problem in caught.value.problems] == [
        "trust one",
        "trust two",
        "trust three",
    ]


def spoilt(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = made()
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["tlogs"][0]["publicKey"].update(rawBytes="AAAA"),
        lambda d: d["tlogs"][0]["publicKey"].update(rawBytes="====") or None,
        lambda d: d["tlogs"].append(d["tlogs"][0]),
        lambda d: d["tlogs"].extend([d["tlogs"][0]] * 100),
        lambda d: d["tlogs"][0].update(checkpointKeyId={"keyId": "AAAA"}),
        lambda d: d["tlogs"][0].update(checkpointKeyId={"keyId": "?"}),
        lambda d: d["tlogs"][0].update(checkpointKeyId="AAAAAA=="),
        lambda d: d["tlogs"][0].update(logId={"keyId": "AAAA"}),
        lambda d: d["certificateAuthorities"][0]["certChain"].update(certificates=[]),
        lambda d: d["certificateAuthorities"][0]["certChain"]["certificates"][0].update(rawBytes="AAAA"),
        lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(start="yesterday"),
        lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(start="2026-13-01T00:00:00Z"),
    ],
)
def test_spoilt_root_is_malformed(change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(Malformed):
        parse_root(spoilt(change), "spoilt")


def pem_setting(**content: bytes) -> TrustSetting:
    return TrustSetting("private", "pem", content)


def certificates(chain: Any) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def test_pem_files_say_the_same_as_a_trusted_root() -> None:
    stack = SCENE.stack
    for order in (stack.fulcio.chain, reversed(stack.fulcio.chain)):
        files = pem_setting(
            fulcio=certificates(order),
            rekor=pem(stack.rekor.key.public_key()),
            ctlog=pem(stack.ct.key.public_key()),
            tsa=certificates(stack.tsa.chain),
        )
        verifier = Verifier(load_trust((files,), now=NOW, offline=True), {})
        assert isinstance(verifier.verify(SIGNATURE, DIGEST), Signed)
        assert isinstance(verifier.verify(BUNDLE, DIGEST), Signed)


def test_pem_files_of_others_verify_nothing() -> None:
    ours, theirs = SCENE.stack, SCENE.stranger
    good = {
        "fulcio": certificates(ours.fulcio.chain),
        "rekor": pem(ours.rekor.key.public_key()),
        "ctlog": pem(ours.ct.key.public_key()),
    }
    bad = {
        "fulcio": certificates(theirs.fulcio.chain),
        "rekor": pem(theirs.rekor.key.public_key()),
        "ctlog": pem(theirs.ct.key.public_key()),
    }
    for name, content in bad.items():
        verifier = Verifier(load_trust((pem_setting(**{**good, name: content}),), now=NOW, offline=True), {})
        assert isinstance(verifier.verify(SIGNATURE, DIGEST), Refused), name
        assert isinstance(verifier.verify(BUNDLE, DIGEST), Refused), name


@pytest.mark.parametrize("field", ["fulcio", "rekor", "ctlog", "tsa"])
@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN X-----\nAAAA\n-----END X-----\n"])
def test_pem_that_is_none(field: str, content: bytes) -> None:
    """An empty file above all: taken for an absent one, it would switch a check off."""
    stack = SCENE.stack
    files = {"fulcio": certificates(stack.fulcio.chain), "rekor": pem(stack.rekor.key.public_key()), field: content}
    with pytest.raises(ConfigurationError):
        load_trust((pem_setting(**files),), now=NOW, offline=True)


def test_keys_and_certificates_are_not_taken_for_each_other() -> None:
    stack = SCENE.stack
    chain, key = certificates(stack.fulcio.chain), pem(stack.rekor.key.public_key())
    for files in ({"fulcio": key, "rekor": key}, {"fulcio": chain, "rekor": chain}):
        with pytest.raises(ConfigurationError):
            load_trust((pem_setting(**files),), now=NOW, offline=True)


# ── the well-known ones ──────────────────────────────────────────────────────────────────────────────────────────────


def test_default_is_public_good_and_github_from_the_installation(tmp_path: Path) -> None:
    trust = load_trust((), now=NOW, offline=True, cache=tmp_path)
    assert [(used.name, used.source) for used in trust.used] == [("public-good", "embedded"), ("github", "embedded")]
    assert [root.name for root in trust.roots] == [each.name for each in DEFAULT_TRUST]
    public_good, github = trust.roots
    assert public_good.logs
    assert public_good.ct_logs
    assert not github.logs
    assert not github.ct_logs
    assert github.stampers


@pytest.mark.parametrize("known", [PUBLIC_GOOD, GITHUB], ids=lambda known: known.name)
def test_age_is_told_and_warned_about(known: Any, tmp_path: Path) -> None:
    settings = (TrustSetting(known.name, known.name),)
    young = load_trust(settings, now=known.dated() + timedelta(days=90), offline=True, cache=tmp_path)
    assert (young.used[0].age_days, young.notes) == (90, ())
    old = load_trust(settings, now=known.dated() + timedelta(days=91), offline=True, cache=tmp_path)
    assert old.used[0].age_days == 91
    assert "91 days old" in old.notes[0]


@needs_real_data
@pytest.mark.real
def test_embedded_roots_verify_real_signatures(tmp_path: Path) -> None:
    verifier = Verifier(load_trust((), now=NOW, offline=True, cache=tmp_path), {})
    roots = {"public-good.json": ("public-good",), "github.json": ("github",)}
    for case in real_cases():
        if case.root in roots and case.outcome in {"verified", "attestation-only"}:
            for material in case.materials():
                signature = verifier.verify(material, case.digest)
                assert isinstance(signature, Signed), case.id
                assert signature.roots == roots[case.root]


# ── TUF repositories ─────────────────────────────────────────────────────────────────────────────────────────────────


def tuf(url: str, root: bytes) -> TrustSetting:
    return TrustSetting("private", "tuf", {"root": root}, url=url)


def now() -> datetime:
    """Metadata expires by the real clock, which python-tuf reads itself."""
    return datetime.now(UTC)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror(json.dumps(made()).encode())


def test_private_repository_is_followed_through_a_rotation(mirror: Mirror, tmp_path: Path) -> None:
    with mirror.serve() as url:
        trusted = tuf(url, mirror.first_root)
        mirror.rotate()
        assert verifies(trusted, cache=tmp_path, now=now(), offline=False)
        mirror.publish(json.dumps(SCENE.stranger.trusted_root()).encode())
        assert verifies(trusted, cache=tmp_path, now=now(), offline=False), "a fresh copy is not asked for again"
        later = now() + timedelta(days=2)
        assert not verifies(trusted, cache=tmp_path, now=later, offline=False), "the new target counts"


def test_copy_serves_offline_and_when_the_repository_is_gone(mirror: Mirror, tmp_path: Path) -> None:
    with mirror.serve() as url:
        trusted = tuf(url, mirror.first_root)
        with pytest.raises(ConfigurationError, match="1 problem"):
            load_trust((trusted,), now=now(), offline=True, cache=tmp_path)
        assert verifies(trusted, cache=tmp_path, now=now(), offline=False)
    later = now() + timedelta(days=100)
    trust = load_trust((trusted,), now=later, offline=False, cache=tmp_path)
    assert trust.used[0].age_days == 100
    assert ["the copy of" in note or "100 days old" in note for note in trust.notes] == [True, True]
    assert verifies(trusted, cache=tmp_path, now=later, offline=True)


def test_repository_that_lies_is_not_believed(mirror: Mirror, tmp_path: Path) -> None:
    other = Mirror(json.dumps(made()).encode())
    with mirror.serve() as url, pytest.raises(ConfigurationError) as caught:
        load_trust((tuf(url, other.first_root),), now=now(), offline=False, cache=tmp_path)
    assert url in caught.value.problems[0].message


def test_expired_spoilt_and_rolled_back_metadata_are_not_believed(mirror: Mirror, tmp_path: Path) -> None:
    first = dict(mirror.files)
    stranger = json.dumps(SCENE.stranger.trusted_root()).encode()
    with mirror.serve() as url:
        trusted = tuf(url, mirror.first_root)
        mirror.publish(json.dumps(made()).encode())
        assert verifies(trusted, cache=tmp_path, now=now(), offline=False)
        later = now() + timedelta(days=2)
        mirror.files = first
        assert "the copy of" in load_trust((trusted,), now=later, offline=False, cache=tmp_path).notes[0]
        mirror.publish(stranger, expires=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))
        assert "the copy of" in load_trust((trusted,), now=later, offline=False, cache=tmp_path).notes[0]
        mirror.publish(stranger)
        mirror.files = {path: content if "targets/" not in path else b"{}" for path, content in mirror.files.items()}
        assert "the copy of" in load_trust((trusted,), now=later, offline=False, cache=tmp_path).notes[0]
        assert verifies(trusted, cache=tmp_path, now=later, offline=True), "what was verified once stays"


def test_copies_belong_to_the_root_that_they_were_verified_from(mirror: Mirror, tmp_path: Path) -> None:
    with mirror.serve() as url:
        assert verifies(tuf(url, mirror.first_root), cache=tmp_path, now=now(), offline=False)
    other = Mirror(b"{}")
    with pytest.raises(ConfigurationError):
        load_trust((tuf(url, other.first_root),), now=now(), offline=True, cache=tmp_path)


def test_unwritable_cache_is_no_reason_to_trust_or_to_crash(mirror: Mirror, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with mirror.serve() as url, pytest.raises(ConfigurationError):
        load_trust((tuf(url, mirror.first_root),), now=now(), offline=False, cache=blocked)


def test_embedded_copy_is_used_where_the_kept_one_is_older(tmp_path: Path) -> None:
    from auditor.signatures.tuf import Repository

    folder = Repository(PUBLIC_GOOD.url, PUBLIC_GOOD.root, tmp_path)._folder / "targets"
    folder.mkdir(parents=True)
    kept = folder / "trusted_root.json"
    kept.write_bytes(json.dumps(made()).encode())
    old = (PUBLIC_GOOD.dated() - timedelta(days=1)).timestamp()
    os.utime(kept, (old, old))
    trust = load_trust((TrustSetting("public-good", "public-good"),), now=NOW, offline=True, cache=tmp_path)
    assert trust.used[0].source == "embedded"
    new = (PUBLIC_GOOD.dated() + timedelta(days=1)).timestamp()
    os.utime(kept, (new, new))
    trust = load_trust((TrustSetting("public-good", "public-good"),), now=NOW, offline=True, cache=tmp_path)
    assert trust.used[0].source == "tuf"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://tuf.acme.example", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost/tuf", True),
        ("http://tuf.acme.example", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.acme.example", False),
        ("file:///etc/passwd", False),
        ("https://", False),
    ],
)
def test_only_https_and_loopback_are_asked(url: str, asked: bool) -> None:
    assert may_ask(url) is asked
