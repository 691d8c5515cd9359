"""Every form of signature, over real sockets, and what each image costs in requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.model.evidence import Absent, Platform, Resolved
from auditor.model.reference import Digest, Reference
from auditor.registry.material import BundleBytes, LegacyAttestation, SimpleSigning
from fixtures.registry import Headers, Html, OciRegistry, Quirks
from fixtures.registry.images import SIMPLE_SIGNING, descriptor, tag_of
from tests.registry.asking import BUNDLE, NOTES, PAYLOAD, SHORT, ask, client, put_bundled, put_legacy

API = [Quirks(), Quirks(referrers=False)]


@pytest.fixture(params=API, ids=["api", "fallback"])
def registry(request: pytest.FixtureRequest) -> Any:
    with OciRegistry(quirks=request.param) as made:
        yield made


def payload_of(reference: str, digest: str) -> bytes:
    name = Reference.parse(reference).name
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("kind", "by_tag", "pinned"),
    [("legacy", 4, 3), ("rebuilt", 3, 2), ("bundle", 5, 4), ("unsigned", 4, 4)],
)
def test_requests_per_image(registry: OciRegistry, kind: str, by_tag: int, pinned: int) -> None:
    digest = str(
        put_bundled(registry, "acme/x") if kind == "bundle" else Digest.parse(registry.put_image("acme/x", "1"))
    )
    if kind in ("legacy", "rebuilt"):
        payload = PAYLOAD if kind == "legacy" else payload_of(registry.reference("acme/x"), digest)
        registry.put_sig("acme/x", digest, [(payload, NOTES)])
    registry.put_image("acme/first", "1")
    with client(registry) as opened:
        ask(opened, registry, registry.reference("acme/first", "1"))  # tells whether the host has the API
        tagged = ask(opened, registry, registry.reference("acme/x", "1"))
        assert len(tagged.requests) == by_tag, tagged.requests
        assert tagged.requests[0].startswith("HEAD ")
        assert not any(request.startswith("GET /v2/acme/x/manifests/1") for request in tagged.requests)
        direct = ask(opened, registry, registry.reference("acme/x", digest=digest))
        assert len(direct.requests) == pinned, direct.requests
        assert direct.listing == tagged.listing
        assert not tagged.kinds
        assert len(tagged.found) == (kind != "unsigned")


def test_all_forms_at_once(registry: OciRegistry) -> None:
    digest = registry.put_image("acme/all", "1")
    registry.put_sig("acme/all", digest, [(PAYLOAD, NOTES), (b"second", NOTES), (b"third", {})])
    registry.put_bundle("acme/all", digest, BUNDLE)
    registry.put_bundle(
        "acme/all", digest, b"old", artifact_type="application/vnd.dev.sigstore.bundle+json;version=0.1"
    )
    registry.put_bundle("acme/all", digest, b"inline", inline=True)
    registry.put_bundle("acme/all", digest, b"sbom", artifact_type="application/spdx+json")
    registry.put_att("acme/all", digest, [(b"envelope", {"predicateType": "x"})])
    with client(registry) as opened:
        asked = ask(opened, registry, registry.reference("acme/all", "1"))
        every = ask(opened, registry, registry.reference("acme/all", "1"), every=True)
    assert not asked.kinds
    contents = [material.content for material in asked.listing.materials if isinstance(material, BundleBytes)]
    payloads = [material.payload for material in asked.listing.materials if isinstance(material, SimpleSigning)]
    assert sorted(contents) == sorted([BUNDLE, b"old", b"inline"])
    assert payloads == [PAYLOAD, b"second", b"third"]
    assert not any("att" in request[-4:] for request in asked.requests)
    assert isinstance(every.listing.materials[-1], LegacyAttestation)
    assert every.listing.materials[:-1] == asked.listing.materials
    assert not any(b"inline" in request.encode() for request in asked.requests)


def test_attestations_are_asked_for_where_nothing_else_is_there(registry: OciRegistry) -> None:
    digest = registry.put_image("acme/att", "1")
    registry.put_att("acme/att", digest, [(b"envelope", {"predicateType": "x"})])
    with client(registry) as opened:
        assert ask(opened, registry, registry.reference("acme/att", "1")).found == ["LegacyAttestation"]


def test_the_oci_1_1_form() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/eleven", "1")
        registry.put_oci11_signature("acme/eleven", digest, [(PAYLOAD, NOTES)])
        asked = ask(opened, registry, registry.reference("acme/eleven", "1"))
        (material,) = asked.listing.materials
        assert isinstance(material, SimpleSigning)
        assert (material.payload, material.annotations) == (PAYLOAD, NOTES)


def test_descriptors_that_show_the_type_of_the_config() -> None:
    """As go-containerregistry's registry lists them: the manifest decides, not the descriptor."""
    with OciRegistry(quirks=Quirks(artifact_type_from_config=True)) as registry, client(registry) as opened:
        put_bundled(registry, "acme/api")
        assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["BundleBytes"]


def test_pages_of_referrers() -> None:
    with OciRegistry(quirks=Quirks(referrers_page=2)) as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        for number in range(5):
            registry.put_bundle("acme/api", digest, b"%d" % number)
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert len(asked.found) == 5
        assert sum("/referrers/" in request for request in asked.requests) == 3


@pytest.mark.parametrize("count", [DEFAULT.signatures, DEFAULT.signatures + 1])
def test_more_signatures_than_are_judged(count: int) -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/many", "1")
        registry.put_sig("acme/many", digest, [(PAYLOAD, {**NOTES, "n": str(n)}) for n in range(count)])
        asked = ask(opened, registry, registry.reference("acme/many", "1"))
        assert len(asked.found) == DEFAULT.signatures
        assert asked.kinds == ({"too-many"} if count > DEFAULT.signatures else set())


def test_inline_bytes_are_hashed_too() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        other = base64.b64encode(b"other").decode()
        layer = descriptor("application/vnd.dev.sigstore.bundle.v0.3+json", BUNDLE, data=other)
        subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
        registry.push_manifest("acme/api", {"config": {}, "layers": [layer], "subject": subject})
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert (asked.found, asked.kinds) == ([], {"digest-mismatch"})


def test_a_head_that_answers_for_another_digest() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        other = registry.put_image("acme/api", "2")
        registry.faults.on(f"/manifests/{digest}", Headers({"Docker-Content-Digest": other}), method="HEAD")
        assert ask(opened, registry, registry.reference("acme/api", digest=digest)).kinds == {"digest-mismatch"}


def test_more_bytes_than_are_read() -> None:
    limits = replace(SHORT, material_bytes=1000)
    with OciRegistry() as registry, client(registry, limits=limits) as opened:
        digest = registry.put_image("acme/many", "1")
        registry.put_sig("acme/many", digest, [(bytes([n]) * 400, NOTES) for n in range(3)])
        asked = ask(opened, registry, registry.reference("acme/many", "1"))
        assert (len(asked.found), asked.kinds) == (2, {"too-many"})


def test_what_is_too_large_to_be_read_hides_nothing_behind_it() -> None:
    """A list of contents of a hundred megabytes, attested before the image was signed."""
    limits = replace(SHORT, material_bytes=1000, blob_bytes=500)
    with OciRegistry() as registry, client(registry, limits=limits) as opened:
        digest = registry.put_image("acme/api", "1")
        registry.put_bundle("acme/api", digest, BUNDLE + b" " * 2000)
        registry.put_sig("acme/api", digest, [(b" " * 501, NOTES), (PAYLOAD, NOTES)])
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert [type(each) for each in asked.listing.materials] == [SimpleSigning]
        assert asked.kinds == {"too-large"}


def test_layers_that_are_not_there_are_not_asked_for_without_end() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        layers = [descriptor(SIMPLE_SIGNING, b"%d" % number, annotations=NOTES) for number in range(1000)]
        registry.push_manifest("acme/api", {"config": {}, "layers": layers}, tag_of(digest, ".sig"))
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert (asked.found, "too-many" in asked.kinds) == ([], True)
        assert sum("/blobs/" in request for request in asked.requests) == DEFAULT.signatures


def test_a_size_that_is_a_lie_is_not_believed() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        registry.put_blob("acme/api", PAYLOAD)
        layer = {**descriptor(SIMPLE_SIGNING, PAYLOAD, annotations=NOTES), "size": 1}
        registry.push_manifest("acme/api", {"config": {}, "layers": [layer]}, tag_of(digest, ".sig"))
        assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"digest-mismatch"}


def test_more_referrers_than_are_read(registry: OciRegistry) -> None:
    digest = registry.put_image("acme/many", "1")
    for number in range(DEFAULT.referrers + 1):
        registry.put_bundle("acme/many", digest, b"%d" % number)
    with client(registry) as opened:
        asked = ask(opened, registry, registry.reference("acme/many", "1"))
    assert asked.kinds == {"too-many"}
    assert asked.found == []
    assert len(asked.requests) < 10


def test_an_image_under_the_fallback_tag_is_no_list_of_referrers() -> None:
    with OciRegistry(quirks=Quirks(referrers=False)) as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        registry.put_image("acme/api", digest.replace(":", "-"))
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert (asked.found, asked.kinds) == ([], set())


def test_an_index_that_is_shown_under_its_own_fallback_tag_has_no_referrers() -> None:
    """Its platforms are not asked for as if they were signatures; one that was left out is no signature that is missing."""
    with OciRegistry(quirks=Quirks(referrers=False, tag_is_digest=True)) as registry, client(registry) as opened:
        digest, children = registry.put_index("acme/api", "1")
        first = next(iter(children.values()))
        del registry.store.open("acme/api").manifests[first]
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert (asked.found, asked.kinds) == ([], set())
        assert not any(first in request for request in asked.requests)
        registry.put_bundle("acme/api", digest, BUNDLE)
        assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["BundleBytes"]


def test_a_missing_repository_does_not_make_a_host_forget_its_api() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        put_bundled(registry, "acme/api")
        gone = Digest.of(b"nothing")
        assert isinstance(ask(opened, registry, registry.reference("acme/none", digest=str(gone))).resolution, Absent)
        assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["BundleBytes"]


def test_a_web_application_where_the_api_should_be() -> None:
    """The fallback tag is read; where it has nothing, nothing was told."""
    with OciRegistry(quirks=Quirks(referrers=False)) as registry, client(registry) as opened:
        put_bundled(registry, "acme/api")
        registry.put_image("acme/unsigned", "1")
        registry.faults.on("/referrers/", Html())
        signed = ask(opened, registry, registry.reference("acme/api", "1"))
        unsigned = ask(opened, registry, registry.reference("acme/unsigned", "1"))
        assert (signed.found, signed.kinds) == (["BundleBytes"], set())
        assert (unsigned.found, unsigned.kinds) == ([], {"malformed-answer"})


def test_a_host_without_the_api_is_asked_for_it_once() -> None:
    with OciRegistry(quirks=Quirks(referrers=False)) as registry, client(registry) as opened:
        for name in ("acme/a", "acme/b"):
            put_legacy(registry, name)
        first = ask(opened, registry, registry.reference("acme/a", "1"))
        second = ask(opened, registry, registry.reference("acme/b", "1"))
        assert sum("/referrers/" in request for request in first.requests) == 1
        assert sum("/referrers/" in request for request in second.requests) == 0


def test_a_registry_that_filters_nothing_and_one_without_digests_on_head() -> None:
    with OciRegistry(quirks=Quirks(filter_referrers=False, head_digest=False)) as registry, client(registry) as opened:
        digest = put_bundled(registry, "acme/api")
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert isinstance(asked.resolution, Resolved)
        assert asked.resolution.digest == digest
        assert asked.found == ["BundleBytes"]


def test_what_does_not_exist() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        unsigned = registry.put_image("acme/api", "2")
        gone = str(Digest.of(b"nothing"))
        for reference in (
            registry.reference("acme/api", "9"),
            registry.reference("acme/none", "1"),
            registry.reference("acme/api", digest=gone),
            registry.reference("acme/api", "1", gone),
        ):
            assert isinstance(ask(opened, registry, reference).resolution, Absent), reference
        assert isinstance(ask(opened, registry, registry.reference("acme/api", digest=unsigned)).resolution, Resolved)


def test_a_tag_beside_a_digest() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = put_legacy(registry, "acme/api")
        other = Digest.parse(registry.put_image("acme/api", "2"))
        agrees = ask(opened, registry, registry.reference("acme/api", "1", str(digest)))
        moved = ask(opened, registry, registry.reference("acme/api", "2", str(digest)))
        gone = ask(opened, registry, registry.reference("acme/api", "3", str(digest)))
        assert isinstance(agrees.resolution, Resolved)
        assert agrees.resolution.tag_digest == agrees.resolution.digest == digest
        assert isinstance(moved.resolution, Resolved)
        assert (moved.resolution.digest, moved.resolution.tag_digest) == (digest, other)
        assert isinstance(gone.resolution, Resolved)
        assert gone.resolution.tag_missing
        assert agrees.found == moved.found == gone.found == ["SimpleSigning"]


def test_platforms_without_attestation_manifests() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        index, children = registry.put_index("acme/multi", "1", attestations=True)
        single = registry.put_image("acme/single", "1")
        read = Reference.parse(registry.reference("acme/multi", "1"))
        expected = tuple(Platform(platform, Digest.parse(digest)) for platform, digest in children.items())
        assert opened.platforms(read, Digest.parse(index)) == expected
        assert opened.platforms(Reference.parse(registry.reference("acme/single", "1")), Digest.parse(single)) == ()


def test_an_attestation_mark_does_not_hide_a_platform_that_runs() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        child = registry.put_image("acme/multi", "child")
        listed = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": child,
            "size": 1,
            "platform": {"os": "linux", "architecture": "amd64"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
        media_type = "application/vnd.oci.image.index.v1+json"
        index = registry.push_manifest("acme/multi", {"mediaType": media_type, "manifests": [listed]}, "1", media_type)
        found = opened.platforms(Reference.parse(registry.reference("acme/multi", "1")), Digest.parse(index))
        assert found == (Platform("linux/amd64", Digest.parse(child)),)
