from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest, Reference
from auditor.registry.faults import Failed
from auditor.registry.forms import bundle_layers, is_bundle_type, simple_layers
from auditor.registry.manifest import OCI_INDEX, OCI_MANIFEST, parse
from auditor.registry.payload import rebuild

DIGEST = "sha256:" + "a" * 64


def read(document: Any, content_type: str = OCI_MANIFEST) -> Any:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse(content, content_type, "it")


def layer(**more: Any) -> dict[str, Any]:
    return {"mediaType": "x/y", "digest": DIGEST, "size": 3, **more}


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (b"", FaultKind.MALFORMED),
        (b"<html>", FaultKind.MALFORMED),
        (b"[" * 200_000, FaultKind.MALFORMED),
        (b"\xff\xfe{", FaultKind.MALFORMED),
        ([], FaultKind.MALFORMED),
        ({}, FaultKind.MALFORMED),
        ({"layers": None}, None),
        ({"mediaType": OCI_INDEX}, FaultKind.MALFORMED),
        ({"mediaType": OCI_INDEX, "manifests": None}, None),
        ({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": [layer()]}, None),
        ({"layers": {}}, FaultKind.MALFORMED),
        ({"layers": [1]}, FaultKind.MALFORMED),
        ({"layers": [{"digest": DIGEST}]}, FaultKind.MALFORMED),
        ({"layers": [layer(size=-1)]}, FaultKind.MALFORMED),
        ({"layers": [layer(size=True)]}, FaultKind.MALFORMED),
        ({"layers": [layer(digest="sha512:" + "a" * 128)]}, FaultKind.UNSUPPORTED),
        ({"layers": [layer(digest="sha256:" + "A" * 64)]}, FaultKind.UNSUPPORTED),
        ({"layers": [layer(data="***")]}, FaultKind.MALFORMED),
        ({"layers": [layer(annotations={"k": "\ud800"})]}, FaultKind.MALFORMED),
        ({"layers": [layer(annotations={"k": 1, "l": ["x"]})]}, None),
        ({"schemaVersion": 1, "fsLayers": []}, FaultKind.UNSUPPORTED),
        ({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, FaultKind.UNSUPPORTED),
        ({"mediaType": "text/html"}, FaultKind.MALFORMED),
    ],
)
def test_hostile_manifests(document: Any, kind: FaultKind | None) -> None:
    if kind is None:
        assert all(not one.annotations for one in read(document).layers)
        return
    with pytest.raises(Failed) as caught:
        read(document)
    assert caught.value.fault.kind is kind


def test_platforms_are_written_as_containerd_writes_them() -> None:
    platforms = [
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "li\x1b[31mnux", "architecture": "\ud800"},
        {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348"},
        None,
    ]
    index = read({"mediaType": OCI_INDEX, "manifests": [layer(platform=p) for p in platforms]})
    assert index.is_index
    assert [child.platform for child in index.children] == [
        "linux/arm64/v8",
        "li??31mnux/?",
        "windows(10.0.20348)/amd64",
        "",
    ]


def test_an_index_without_a_media_type_of_its_own() -> None:
    assert read({"manifests": [layer()]}, "application/json").is_index
    assert not read({"config": {"mediaType": "c/c"}, "layers": []}, "application/json").is_index


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/vnd.dev.sigstore.bundle.v0.3+json", True),
        ("application/vnd.dev.sigstore.bundle+json;version=0.1", True),
        ("application/vnd.dev.sigstore.bundle+json; version=0.2", True),
        ("application/vnd.dev.sigstore.bundle.v0.4+json", True),
        ("application/vnd.dev.sigstore.bundlefoo+json", False),
        ("application/vnd.oci.empty.v1+json", False),
        ("", False),
    ],
)
def test_bundle_types(media_type: str, expected: bool) -> None:
    assert is_bundle_type(media_type) is expected


def test_a_bundle_is_known_by_any_of_its_types() -> None:
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    for document in (
        {"artifactType": bundle, "layers": [layer()]},
        {"config": {"mediaType": bundle}, "layers": [layer()]},
        {"artifactType": "x/y", "layers": [layer(mediaType=bundle)]},
    ):
        assert len(bundle_layers(read(document))) == 1
    assert bundle_layers(read({"artifactType": "application/spdx+json", "layers": [layer()]})) == ()


def test_the_oci_1_1_form() -> None:
    simple = layer(mediaType="application/vnd.dev.cosign.simplesigning.v1+json")
    assert len(simple_layers(read({"layers": [simple, layer()]}))) == 1
    assert (
        len(
            simple_layers(
                read({"artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json", "layers": [layer()]})
            )
        )
        == 1
    )
    assert simple_layers(read({"artifactType": "application/vnd.cncf.notary.signature", "layers": [layer()]})) == ()


def payload(name: str, digest: str, optional: str) -> bytes:
    start = '{"critical":{"identity":{"docker-reference":"' + name + '"},"image":{"docker-manifest-digest":"' + digest
    return (start + '"},"type":"cosign container image signature"},"optional":' + optional + "}").encode()


@pytest.mark.parametrize(
    ("reference", "name", "optional", "known"),
    [
        ("ghcr.io/acme/api:1", "ghcr.io/acme/api", "null", True),
        ("ghcr.io/acme/api:1", "ghcr.io/acme/api:1", "null", True),
        ("nginx", "index.docker.io/library/nginx", "{}", True),
        ("ghcr.io/acme/api:1", "ghcr.io/acme/other", "null", False),
        ("ghcr.io/acme/api:1", "ghcr.io/acme/api", '{"k":"v"}', False),
    ],
)
def test_payloads_are_rebuilt_only_where_their_digest_says_so(
    reference: str, name: str, optional: str, known: bool
) -> None:
    content = payload(name, DIGEST, optional)
    rebuilt = rebuild(Reference.parse(reference), Digest.parse(DIGEST), Digest.of(content), len(content))
    assert rebuilt == (content if known else None)
    other = Digest("b" * 64)
    assert rebuild(Reference.parse(reference), other, Digest.of(content), len(content)) is None


def _index(*pairs: tuple[str, Any]) -> bytes:
    members = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in (("mediaType", OCI_INDEX), *pairs))
    return f"{{{', '.join(members)}}}".encode()


OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    "content",
    [
        _index(("manifests", [layer()]), ("Manifests", [layer(digest=OTHER)])),
        _index(("Manifests", [layer(digest=OTHER)]), ("manifests", [layer()])),
        _index(("manifests", [layer()]), ("manifests", [layer(digest=OTHER)])),
        _index(("manifests", [layer()]), ("manife\u017ft\u017f", [layer(digest=OTHER)])),
        _index(("manifests", [layer() | {"Digest": OTHER}])),
        _index(("manifests", [layer() | {"DIGEST": OTHER}])),
        _index(("manifests", [layer(platform={"os": "unknown", "OS": "linux"})])),
        _index(("manifests", [layer()]), ("MediaType", OCI_MANIFEST)),
    ],
)
def test_what_go_reads_in_another_way_is_refused(content: bytes) -> None:
    """`encoding/json` takes a field whatever its case, the last one wins: containerd would run other platforms than we judge."""
    with pytest.raises(Failed) as caught:
        read(content, OCI_INDEX)
    assert caught.value.fault.kind is FaultKind.MALFORMED


def test_annotations_may_have_keys_that_differ_in_case() -> None:
    notes = {"acme.example/Key": "1", "acme.example/key": "2"}
    assert read({"layers": [layer(annotations=notes)]}).layers[0].annotations == notes
