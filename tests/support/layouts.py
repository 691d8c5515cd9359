"""OCI layouts on disk, from what a registry holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixtures.registry import OciRegistry
from fixtures.registry.images import descriptor, encode
from fixtures.registry.store import OCI_INDEX


def save(registry: OciRegistry, name: str, folder: Path, *, called: str = "") -> None:
    """Write a repository as a layout: every tag and every referrer listed in `index.json`, as `oras cp -r` does."""
    repository = registry.store.open(name)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, content in {**repository.blobs, **{d: m.content for d, m in repository.manifests.items()}}.items():
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    names = {digest: tag for tag, digest in repository.tags.items()}
    top = {*names, *(digest for referrers in repository.referrers.values() for digest in referrers)}
    listed = []
    for digest in sorted(top):
        manifest = repository.manifests[digest]
        notes = {"org.opencontainers.image.ref.name": called + names[digest]} if digest in names else {}
        listed.append(descriptor(manifest.media_type, manifest.content, annotations=notes))
    write_index(folder, listed)


def write_index(folder: Path, listed: list[Any]) -> None:
    """The two files at the top of a layout."""
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_bytes(encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}))
