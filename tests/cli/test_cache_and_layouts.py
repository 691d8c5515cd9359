"""What is kept between runs and what is not; the cache by itself; layouts on disk; platforms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.registry import OciRegistry
from fixtures.sigstore import github, sig_layer
from fixtures.sigstore.push import push_signatures
from tests.cli.house import AT, House, Images, Ran
from tests.support.layouts import save


@pytest.fixture
def registry() -> Iterator[OciRegistry]:
    with OciRegistry() as registry:
        yield registry


def with_images(house: House, registry: OciRegistry) -> Images:
    """A registry of its own for this test, and rules for it."""
    images = Images(registry)
    house.commit_base({"auditor.yaml": images.rules()})
    house.commit({"new.yaml": images.pod("api", "web", "wrong", "unsigned")})
    return images


TRUE = {"api": "verified", "web": "verified", "wrong": "wrong-signer", "unsigned": "unsigned"}
UNKNOWN = dict.fromkeys(TRUE, "unjudged")


def requests(registry: OciRegistry) -> list[str]:
    asked = registry.asked()
    registry.forget()
    return asked


def kept(house: House) -> int:
    """Entries of the cache, by `auditor cache info`."""
    ran = house.run("cache", "info")
    assert (ran.status, ran.err) == (0, "")
    return int(ran.out.split()[0])


def test_a_second_run_asks_heads_and_listings_only(house: House, registry: OciRegistry) -> None:
    with_images(house, registry)
    registry.forget()
    assert house.check().verdicts == TRUE
    assert any("/blobs/" in request for request in requests(registry))
    assert kept(house) > 0
    assert house.check().verdicts == TRUE
    warm = requests(registry)
    assert warm
    assert not any("/blobs/" in request or "/manifests/sha256:" in request for request in warm)
    assert house.check("--refresh").verdicts == TRUE
    assert any("/blobs/" in request for request in requests(registry))


def test_offline_judges_from_what_was_allowed_to_be_kept(house: House, registry: OciRegistry) -> None:
    with_images(house, registry)
    ages = ("--tag-ttl", "1h", "--listing-ttl", "1h")
    assert house.check("--offline", *ages).verdicts == UNKNOWN
    assert house.check(*ages).verdicts == TRUE
    registry.forget()
    assert house.check(*ages).verdicts == TRUE
    assert house.check("--offline", *ages).verdicts == TRUE
    assert requests(registry) == []
    # Without leave to be old nothing is believed, though it is there.
    offline = house.check("--offline")
    assert (offline.status, offline.verdicts) == (3, UNKNOWN)
    assert "believed only under --tag-ttl" in offline.out
    cleared = house.run("cache", "clear")
    assert (cleared.status, kept(house)) == (0, 0)
    assert house.check("--offline", *ages).verdicts == UNKNOWN


def test_rules_and_roots_of_another_run_find_nothing_decided(house: House, registry: OciRegistry) -> None:
    """The cache was filled by a run that trusted these signers: one that does not is not swayed, online or offline."""
    images = with_images(house, registry)
    ages = ("--tag-ttl", "1h", "--listing-ttl", "1h")
    assert house.check(*ages).verdicts["api"] == "verified"
    other = house.repo.parent / "other"
    (other / "trust").mkdir(parents=True)
    for root, rules, verdict in (
        (images.trusted_root("sigstore.other.example"), images.rules(), "invalid"),
        (images.trusted_root(), images.rules(owner="other"), "wrong-signer"),
        (images.trusted_root(), images.rules(), "verified"),
    ):
        (other / "trust" / "root.json").write_text(root)
        (other / "auditor.yaml").write_text(rules)
        for more in ((), ("--offline",)):
            config = str(other / "auditor.yaml")
            ran = house.run("check", "--image", images.ref("api"), "--config", config, "-f", "json", *ages, *more)
            assert ran.verdicts == {"api": verdict}, (root[:40], more)


@pytest.mark.parametrize("age", ["1", "h", "+1s", "1.5h", "1w", "9999999s", "\u0661s", ""])
def test_ages_that_are_none(house: House, age: str) -> None:
    ran = house.run("check", ".", "--tag-ttl", age)
    assert ran.status == 2
    assert "is not an age such as" in ran.err


def test_refresh_and_offline_exclude_each_other(house: House) -> None:
    house.commit_base()
    assert house.run("check", ".", "--refresh", "--offline").status == 2


def layout(house: House, images: Images, name: str, *, called: str = "") -> Path:
    folder = house.repo.parent / f"{name}-layout"
    save(images.registry, f"acme/{name}", folder, called=called)
    return folder


def told(ran: Ran) -> list[tuple[str, str]]:
    return [(image["name"], image["verdict"]) for image in ran.report["images"]]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("api", "verified"), ("web", "verified"), ("wrong", "wrong-signer"), ("unsigned", "unsigned"), ("attested", "attestation-only")],
)  # fmt: skip
def test_a_layout_is_judged_without_a_network(house: House, images: Images, name: str, verdict: str) -> None:
    house.commit_base({"auditor.yaml": images.rules().replace(f"{images.registry.host}/acme/**", "ghcr.io/acme/**")})
    folder = layout(house, images, name, called=f"ghcr.io/acme/{name}:")
    images.registry.forget()
    status = 0 if verdict == "verified" else 1
    for command in (("check", "--image", f"oci:{folder}", "--offline"), ("verify", f"oci:{folder}")):
        ran = house.run(*command, "-f", "json").clean_of_tracebacks()
        assert (ran.status, told(ran)) == (status, [(f"ghcr.io/acme/{name}", verdict)])
    assert requests(images.registry) == []


def test_a_layout_without_a_name_and_by_flags(house: House, images: Images) -> None:
    folder = layout(house, images, "web")
    root = house.repo.parent / "root.json"
    root.write_text(images.trusted_root())
    flags = ("--certificate-oidc-issuer", "https://token.actions.githubusercontent.com", "--trusted-root", str(root))
    for owner, verdict in (("acme", "verified"), ("evil", "wrong-signer")):
        pattern = f"https://github.com/{owner}/web/.*"
        ran = house.run("verify", f"oci:{folder}", *flags, "--certificate-identity-regexp", pattern, "-f", "json")
        assert told(ran) == [("localhost/web-layout", verdict)]


def test_a_folder_that_is_no_layout(house: House) -> None:
    ran = house.run("verify", "oci:.")
    assert ran.status == 2
    assert "is no OCI image layout" in ran.err


PLATFORMS = {
    # which manifests are signed → the verdict under index, each, either
    "index": ("verified", "unsigned", "verified"),
    "children": ("unsigned", "unsigned", "verified"),
    "both": ("verified", "verified", "verified"),
    "one child": ("unsigned", "unsigned", "unsigned"),
    "index and one child": ("verified", "unsigned", "verified"),
    "children by another": ("unsigned", "unsigned", "unsigned"),
}


@pytest.mark.parametrize("pinned", [False, True])
def test_a_denied_platform_is_found_in_the_index_that_is_deployed(
    house: House, registry: OciRegistry, *, pinned: bool
) -> None:
    """By name or by digest, signed or exempt: what would run on some node is revoked."""
    images = Images(registry)
    index, children = registry.put_index("acme/shop", "1.0")
    layer = sig_layer(images.sigstore.sign(index, github("acme/shop"), AT))
    push_signatures(registry, "acme/shop", index, layer)
    denied, other = list(children.values())[-1], f"sha256:{'0' * 64}"
    reference = f"{images.ref('shop').rpartition(':')[0]}@{index}" if pinned else images.ref("shop")
    (house.repo.parent / "root.json").write_text(json.dumps(images.sigstore.trusted_root()))
    for name, digest, verdict in (("denied", denied, "wrong-signer"), ("other", other, "verified")):
        rules = house.repo.parent / f"{name}.yaml"
        text = images.rules().replace("trust/root.json", "root.json")
        rules.write_text(f'{text}\ndeny: [{{digest: "{digest}", reason: leaked}}]\n')
        ran = house.run("check", "--image", reference, "--config", str(rules), "-f", "json")
        assert list(ran.verdicts.values()) == [verdict], ran.err


def test_platforms(house: House, registry: OciRegistry) -> None:
    images = Images(registry)
    names = {signed: signed.replace(" ", "-") for signed in PLATFORMS}
    for signed, name in names.items():
        index, children = registry.put_index(f"acme/{name}", "1.0", attestations=True)
        owner = "evil" if "another" in signed else "acme"
        child = list(children.values())
        chosen = {
            "index": [index],
            "both": [index, *child],
            "one child": child[:1],
            "index and one child": [index, child[0]],
        }.get(signed, child)
        for digest in chosen:
            layer = sig_layer(images.sigstore.sign(digest, github(f"{owner}/{name}"), AT))
            push_signatures(registry, f"acme/{name}", digest, layer)
    house.commit_base({"auditor.yaml": images.rules()})
    for number, mode in enumerate(("index", "each", "either")):
        rules = house.repo.parent / f"{mode}.yaml"
        text = images.rules().replace("pinned: ignore", f"pinned: ignore, platforms: {mode}")
        rules.write_text(text.replace("trust/root.json", "root.json"))
        (house.repo.parent / "root.json").write_text(json.dumps(images.sigstore.trusted_root()))
        asked = [argument for name in names.values() for argument in ("--image", images.ref(name))]
        ran = house.run("check", *asked, "--config", str(rules), "-f", "json")
        assert ran.verdicts == {names[signed]: verdicts[number] for signed, verdicts in PLATFORMS.items()}, mode
