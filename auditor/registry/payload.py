"""Simple signing payloads that need not be fetched: their bytes are known beforehand. Pure.

cosign writes the payload as compact JSON of the repository's name and the digest. Where one of the usual spellings has
exactly the layer's digest, its bytes are the layer's bytes, and a request is saved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from auditor.model.reference import DOCKER_HUB, Digest, Reference


def rebuild(reference: Reference, digest: Digest, layer: Digest, size: int) -> bytes | None:
    """The payload whose digest is `layer`, None where it is written in another way and must be fetched."""
    for candidate in _candidates(reference, digest):
        if len(candidate) == size and Digest.of(candidate) == layer:
            return candidate
    return None


def _candidates(reference: Reference, digest: Digest) -> Iterator[bytes]:
    host = f"index.{DOCKER_HUB}" if reference.host == DOCKER_HUB else reference.host
    name = f"{host}/{reference.path}"
    tags = (f":{reference.tag}",) if reference.tag else ()
    for suffix in ("", *tags, f"@{digest}"):
        for optional in ("null", "{}"):
            yield _payload(name + suffix, digest, optional)


def _payload(docker_reference: str, digest: Digest, optional: str) -> bytes:
    """The members in the order that Go's encoder writes them."""
    return (
        f'{{"critical":{{"identity":{{"docker-reference":{json.dumps(docker_reference)}}},'
        f'"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},'
        f'"optional":{optional}}}'
    ).encode()
