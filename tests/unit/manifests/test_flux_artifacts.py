"""What Flux deploys as an artifact is in the inventory, though no key of it says image."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.use import Sort
from auditor.source.memory import MemoryTree

_TEXT = """apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: app}
spec:
  url: oci://ghcr.io/acme/manifests/app
  ref: {%s}
"""


@pytest.mark.parametrize(
    ("ref", "reference"),
    [
        ("tag: 1.2.3", "ghcr.io/acme/manifests/app:1.2.3"),
        ("digest: 'sha256:" + "a" * 64 + "'", "ghcr.io/acme/manifests/app@sha256:" + "a" * 64),
        ("", "ghcr.io/acme/manifests/app"),
    ],
)
def test_an_oci_repository_is_an_artifact(ref: str, reference: str) -> None:
    found = inventory(MemoryTree({"app.yaml": (_TEXT % ref).encode()}, "test"), ManifestSettings())
    (use,) = found.uses
    assert (use.reference, use.sort, use.place.line) == (reference, Sort.ARTIFACT, 6 if ref else 5)
