"""OCI layouts on disk: the same signatures as in the registry that they were taken from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.evidence import Resolved
from auditor.model.reference import Digest
from auditor.registry.layout import open_layout
from auditor.registry.material import Listing
from fixtures.registry import OciRegistry, Quirks
from fixtures.registry.images import descriptor, encode
from fixtures.registry.store import OCI_INDEX, OCI_MANIFEST
from tests.registry.asking import BUNDLE, NOTES, PAYLOAD, ask, client
from tests.support.layouts import save, write_index


def listing(folder: Path) -> tuple[str, Listing]:
    """The one image of a layout: its reference, and its signatures."""
    opened, (reference,) = open_layout(folder)
    with opened:
        resolution = opened.resolve(reference)
        assert isinstance(resolution, Resolved)
        return str(reference), opened.signatures(reference, resolution.digest)


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(referrers=False)], ids=["referrers", "fallback"])
def test_a_layout_says_what_the_registry_says(tmp_path: Path, quirks: Quirks) -> None:
    with OciRegistry(quirks=quirks) as registry, client(registry) as opened:
        digest = registry.put_image("acme/api", "1")
        registry.put_sig("acme/api", digest, [(PAYLOAD, NOTES)])
        registry.put_bundle("acme/api", digest, BUNDLE)
        there = ask(opened, registry, registry.reference("acme/api", digest=digest))
        save(registry, "acme/api", tmp_path / "layout", called="ghcr.io/acme/api:")
    reference, found = listing(tmp_path / "layout")
    assert reference == f"ghcr.io/acme/api@{digest}"
    assert not found.faults
    assert sorted(map(str, found.materials)) == sorted(map(str, there.listing.materials))


def unlisted(registry: OciRegistry, name: str, folder: Path, digest: str) -> Path:
    """A layout as `cosign save` of version 3 writes it: `index.json` has only the image, bundles lie among the blobs."""
    save(registry, name, folder)
    manifest = registry.store.open(name).manifests[digest]
    kind = "imageIndex" if manifest.media_type == OCI_INDEX else "image"
    notes = {"kind": f"dev.cosignproject.cosign/{kind}"}
    write_index(folder, [descriptor(manifest.media_type, manifest.content, annotations=notes)])
    return folder / "blobs" / "sha256"


@pytest.mark.parametrize(
    "put", [OciRegistry.put_image, lambda *where: OciRegistry.put_index(*where)[0]], ids=["image", "index"]
)
def test_bundles_that_index_json_does_not_list(tmp_path: Path, put: Callable[[OciRegistry, str, str], str]) -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = put(registry, "acme/api", "1")
        registry.put_bundle("acme/api", digest, BUNDLE)
        registry.put_bundle("acme/api", registry.put_image("acme/other", "1"), b'{"of": "another"}')
        there = ask(opened, registry, registry.reference("acme/api", digest=digest))
        unlisted(registry, "acme/api", tmp_path / "layout", digest)
    reference, found = listing(tmp_path / "layout")
    assert reference == f"localhost/layout@{digest}"
    assert not found.faults
    assert found.materials == there.listing.materials != ()
    assert found.referrers == 1


def test_blobs_that_only_look_like_referrers(tmp_path: Path) -> None:
    """What lies about its digest, is no manifest, no file or too large to be one: none is a signature, none stops the audit."""
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        registry.put_bundle("acme/api", digest, BUNDLE)
        blobs = unlisted(registry, "acme/api", tmp_path / "layout", digest)
        (referrer,) = registry.store.open("acme/api").referrers[digest]
    genuine = (blobs / referrer.removeprefix("sha256:")).read_bytes()
    (blobs / referrer.removeprefix("sha256:")).write_bytes(genuine + b" ")
    large = genuine + b" " * DEFAULT.manifest_bytes
    half = encode({"subject": json.loads(genuine)["subject"]})
    for content in (large, half, half + b"}", b"[]", b'"subject"'):
        (blobs / Digest.of(content).hex).write_bytes(content)
    (blobs / "0123").write_bytes(genuine)
    (blobs / ("a" * 64)).mkdir()
    os.mkfifo(blobs / ("b" * 64))
    (tmp_path / "genuine").write_bytes(genuine + b"\n")
    (blobs / Digest.of(genuine + b"\n").hex).symlink_to(tmp_path / "genuine")
    assert listing(tmp_path / "layout") == (f"localhost/layout@{digest}", Listing())


def test_an_image_without_a_name_and_an_unsigned_one(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        save(registry, "acme/api", tmp_path / "Air gapped")
    assert listing(tmp_path / "Air gapped") == (f"localhost/air-gapped@{digest}", Listing())


def test_platforms_of_a_layout(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        index, children = registry.put_index("acme/multi", "1", attestations=True)
        save(registry, "acme/multi", tmp_path / "layout")
    opened, (reference,) = open_layout(tmp_path / "layout")
    platforms = opened.platforms(reference, Digest.parse(index))
    assert isinstance(platforms, tuple)
    assert {platform.platform: str(platform.digest) for platform in platforms} == children


def signed(folder: Path) -> Path:
    """A layout with one signed image; the file that holds its payload."""
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        registry.put_sig("acme/api", digest, [(PAYLOAD, NOTES)])
        save(registry, "acme/api", folder)
    return folder / "blobs" / "sha256" / Digest.of(PAYLOAD).hex


@pytest.mark.parametrize("damage", ["changed", "gone", "symlink", "fifo", "large"])
def test_a_damaged_blob_is_a_fault(tmp_path: Path, damage: str) -> None:
    payload = signed(tmp_path / "layout")
    match damage:
        case "changed":
            payload.write_bytes(b"other")
        case "large":
            payload.write_bytes(bytes(9 * 1024 * 1024))
        case _:
            payload.unlink()
    if damage == "symlink":
        payload.symlink_to("/etc/passwd")
    if damage == "fifo":
        os.mkfifo(payload)
    _, found = listing(tmp_path / "layout")
    assert found.materials == ()
    assert len(found.faults) == 1


def test_a_manifest_that_is_not_there_or_is_another(tmp_path: Path) -> None:
    signed(tmp_path / "layout")
    listed = json.loads((tmp_path / "layout" / "index.json").read_bytes())["manifests"]
    for one in listed:
        path = tmp_path / "layout" / "blobs" / "sha256" / one["digest"].removeprefix("sha256:")
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        with pytest.raises(UsageError, match="another digest"):
            open_layout(tmp_path / "layout")
        path.unlink()
        with pytest.raises(UsageError, match="not there"):
            open_layout(tmp_path / "layout")
        path.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"[" * 100_000, b'{"manifests": [{"digest": "x"}]}'])
def test_what_is_no_layout(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(UsageError, match="no OCI image layout"):
        open_layout(tmp_path)


def test_an_index_that_holds_itself_ends(tmp_path: Path) -> None:
    """Impossible with honest digests, but a chain of indexes is not."""
    blobs = tmp_path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    child: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    for _ in range(10):
        content = encode(child)
        (blobs / Digest.of(content).hex).write_bytes(content)
        child = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_INDEX, content)]}
    write_index(tmp_path, child["manifests"])
    with pytest.raises(UsageError, match="too much"):
        open_layout(tmp_path)


@pytest.mark.parametrize(
    ("refers", "notes"),
    [
        (True, {}),
        (False, {"kind": "dev.cosignproject.cosign/sigs"}),
        (False, {"org.opencontainers.image.ref.name": f"sha256-{'0' * 64}.sig"}),
    ],
    ids=["subject", "kind", "tag"],
)
def test_an_image_does_not_hide_behind_what_it_refers_to_or_is_called(
    tmp_path: Path, refers: bool, notes: dict[str, str]
) -> None:
    folder = tmp_path / "layout"
    signed(folder)
    listed = json.loads((folder / "index.json").read_bytes())["manifests"]
    _, (reference,) = open_layout(folder)
    image = json.loads((folder / "blobs" / "sha256" / (reference.digest or Digest("")).hex).read_bytes())
    stranger = encode({**image, "annotations": {"by": "a stranger"}, **({"subject": listed[0]} if refers else {})})
    (folder / "blobs" / "sha256" / Digest.of(stranger).hex).write_bytes(stranger)
    write_index(folder, [*listed, {**descriptor(image["mediaType"], stranger), "annotations": notes}])
    _, images = open_layout(folder)
    assert [each.digest for each in images] == [reference.digest, Digest.of(stranger)]


def test_what_is_attached_to_an_image_as_files_is_no_image(tmp_path: Path) -> None:
    """As ORAS attaches them: in layers of an image's type, without a configuration."""
    folder = tmp_path / "layout"
    signed(folder)
    listed = json.loads((folder / "index.json").read_bytes())["manifests"]
    _, images = open_layout(folder)
    layer = {**descriptor("application/vnd.oci.image.layer.v1.tar", b"a bill of materials")}
    config = descriptor("application/vnd.oci.empty.v1+json", b"{}")
    attached = encode(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer], "subject": listed[0]}
    )
    (folder / "blobs" / "sha256" / Digest.of(attached).hex).write_bytes(attached)
    write_index(folder, [*listed, descriptor(OCI_MANIFEST, attached)])
    assert open_layout(folder)[1] == images
