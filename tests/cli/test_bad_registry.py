"""Registries that refuse, hang, lie or lead astray: `unjudged` with the reason, and every other image is still judged."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from auditor.registry import client
from fixtures.registry import (
    BasicAccess,
    Body,
    Hang,
    Headers,
    Html,
    OciRegistry,
    Oversize,
    Quirks,
    Redirect,
    Reset,
    Status,
    Truncate,
)
from fixtures.registry.faults import Fault
from tests.cli.house import House, Images, Ran
from tests.registry.asking import SHORT

MANIFESTS = r"/acme/api/(manifests|blobs|referrers)/"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own patience is a minute for each answer: these registries would use it up."""
    defaults = {**(client.open_registry.__kwdefaults__ or {}), "limits": SHORT}
    monkeypatch.setattr(client.open_registry, "__kwdefaults__", defaults)


@pytest.fixture
def own() -> Iterator[Images]:
    """A registry to be broken."""
    with OciRegistry() as registry:
        yield Images(registry)


def judged(house: House, images: Images, *more: str) -> Ran:
    """A change that brings three images of this registry."""
    house.commit_base({"auditor.yaml": images.rules()})
    house.commit({"new.yaml": images.pod("api", "web", *more)})
    images.registry.forget()
    return house.check()


def log_in(house: House, registry: OciRegistry, secret: str) -> None:
    """As `docker login` leaves it."""
    folder = house.home / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": secret}}}))


FAULTS: dict[str, tuple[Fault, str]] = {
    "401": (Status(401, {"WWW-Authenticate": 'Basic realm="x"'}), "401"),
    "401 without a challenge": (Status(401), "401"),
    "403": (Status(403, code="DENIED"), "403"),
    "429": (Status(429, {"Retry-After": "1"}), "429"),
    "500": (Status(500), "500"),
    "503": (Status(503), "503"),
    "hangs": (Hang(3600), "did not answer in time"),
    "resets": (Reset(), "closed the connection"),
    "html with 200": (Html(), ""),
    "endless redirects": (Redirect("{path}"), "redirects again and again"),
    "redirect to a link-local host": (Redirect("http://169.254.169.254/latest/meta-data"), "169.254.169.254"),
    "redirect to a file": (Redirect("file:///etc/passwd"), "redirects to"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_answer_that_is_none_leaves_the_image_unjudged(house: House, own: Images, name: str) -> None:
    fault, word = FAULTS[name]
    own.registry.faults.on(MANIFESTS, fault)
    ran = judged(house, own)
    assert (ran.status, ran.verdicts["api"]) == (3, "unjudged")
    assert ran.verdicts["web"] == "verified"
    found = ran.finding("unjudged-image")
    assert (found["file"], found["line"]) == ("new.yaml", 7)
    assert word in found["message"]
    assert found["help"]
    assert "not signed" not in found["message"]


def test_a_registry_that_is_to_be_left_alone_for_hours_is_asked_for_nothing_more(house: House, own: Images) -> None:
    own.registry.faults.on(MANIFESTS, Status(429, {"Retry-After": "99999"}))
    house.commit_base({"auditor.yaml": own.rules()})
    house.commit({"new.yaml": own.pod("api", "web")})
    ran = house.check("--jobs", "1")  # one after the other: the second is asked for when the first was refused
    assert (ran.status, ran.verdicts) == (3, {"api": "unjudged", "web": "unjudged"})
    assert all("429" in found["message"] for found in ran.report["findings"] if found["rule"] == "unjudged-image")


SIG = r"/acme/api/manifests/sha256-.*\.sig$"
TAG = r"/acme/api/manifests/1\.0$"
OTHER = "sha256:" + "0" * 64
PARTS: dict[str, tuple[str, Fault, str]] = {
    "an empty list of signatures": (SIG, Body(b"{}"), "unjudged"),
    "a page for a list": (SIG, Html(), "unjudged"),
    "no list": (SIG, Status(500), "unjudged"),
    "ten megabytes of list": (SIG, Oversize(10 * 1024 * 1024), "unjudged"),
    "half a list": (SIG, Truncate(20), "unjudged"),
    "no referrers, and a good signature under the tag": (r"/acme/api/referrers/", Status(503), "verified"),
    "another digest than it has": (TAG, Headers({"Docker-Content-Digest": OTHER}), "unsigned"),
    "a digest that is none": (TAG, Headers({"Docker-Content-Digest": "nonsense"}), "unjudged"),
    "no digest": (TAG, Headers({"Docker-Content-Digest": None}), "verified"),
}
"""Where no digest is said, the manifest is fetched and hashed."""


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_wrong_never_counts_as_what_it_does_not_show(house: House, own: Images, part: str) -> None:
    pattern, fault, verdict = PARTS[part]
    own.registry.faults.on(pattern, fault)
    ran = judged(house, own)
    assert ran.verdicts == {"api": verdict, "web": "verified"}
    assert ran.status == {"verified": 0, "unsigned": 1, "unjudged": 3}[verdict]


def test_a_manifest_of_ten_megabytes(house: House, own: Images) -> None:
    """The tag's manifest must be read to be hashed, and is larger than any."""
    own.registry.faults.on(TAG, Headers({"Docker-Content-Digest": None}), method="HEAD")
    own.registry.faults.on(TAG, Oversize(10 * 1024 * 1024))
    ran = judged(house, own)
    assert (ran.status, ran.verdicts) == (3, {"api": "unjudged", "web": "verified"})


def test_what_is_fetched_by_digest_is_hashed(house: House, own: Images) -> None:
    """The bundle's manifest has other bytes than its name says."""
    own.registry.faults.on(r"/acme/wrong/(blobs|manifests)/sha256:", Body(b'{"critical": {}}'), method="GET")
    ran = judged(house, own, "wrong")
    assert (ran.status, ran.verdicts) == (3, {"api": "verified", "web": "verified", "wrong": "unjudged"})


@pytest.mark.parametrize(
    "realm",
    ["http://169.254.169.254/token", "https://tokens.evil.example/token", "http://127.0.0.1:9/token", "file:///x", ""],
)
def test_a_realm_elsewhere_gets_no_password(house: House, own: Images, realm: str) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry"'}
    own.registry.faults.on(MANIFESTS, Status(401, challenge))
    log_in(house, own.registry, "dXNlcjpzZWNyZXQ=")
    ran = judged(house, own)
    assert (ran.status, ran.verdicts) == (3, {"api": "unjudged", "web": "verified"})
    assert "secret" not in ran.out + ran.err


def test_nobody_is_there(house: House, own: Images) -> None:
    """The registry of one image refuses connections; that of the other answers."""
    with OciRegistry() as gone:
        host = gone.host
    rules = own.rules(images=f"  - {{match: '{host}/**', signed-by: release, pinned: ignore}}\n")
    house.commit_base({"auditor.yaml": rules})
    house.commit({"new.yaml": own.pod("web") + "---\n" + own.pod("api").replace(own.registry.host, host)})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (3, {"api": "unjudged", "web": "verified"})
    assert "refused the connection" in ran.finding("unjudged-image")["message"]


def test_access_is_asked_for_and_given(house: House) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        registry.access = BasicAccess({"ci": "secret"})
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit({"new.yaml": images.pod("web", "unsigned")})
        without = house.check()
        assert (without.status, set(without.verdicts.values())) == (3, {"unjudged"})
        log_in(house, registry, "Y2k6c2VjcmV0")
        ran = house.check()
        assert (ran.status, ran.verdicts) == (1, {"web": "verified", "unsigned": "unsigned"})
        assert "secret" not in ran.out


def test_a_registry_without_referrers(house: House) -> None:
    with OciRegistry(quirks=Quirks(referrers=False)) as registry:
        images = Images(registry)
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit({"new.yaml": images.pod("web", "api", "wrong", "unsigned")})
        ran = house.check()
        assert ran.verdicts == {"web": "verified", "api": "verified", "wrong": "wrong-signer", "unsigned": "unsigned"}


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "127.0.0.1:1", "10.0.0.1", "[::1]:5000", "0x7f.1", "localhost:1", "metadata.google.internal"],
)
def test_an_image_line_is_no_reason_to_ask_a_host(house: House, host: str) -> None:
    """Nobody's rules name it: the image is judged without a request."""
    house.commit_base({"auditor.yaml": house.images.rules("otherwise: warn\n")})
    house.commit({"new.yaml": house.images.pod("web").replace(house.images.ref("web"), f"'{host}/x/y:1'")})
    ran = house.check()
    assert ran.status in (0, 3)
    assert set(ran.verdicts.values()) <= {"uncovered", "unjudged"}
