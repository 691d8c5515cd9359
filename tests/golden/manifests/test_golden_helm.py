"""Small repositories that deploy charts: exactly what is found, with the real helm and without any.

`AUDITOR_UPDATE_GOLDEN=1` writes the expectation anew. What the cluster gets is written here by hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.folder import FolderTree
from tests.support.renderers import renderers

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
DEPLOYED = {
    "helm-local": {"ghcr.io/acme/api:v2.1.0", "ghcr.io/acme/migrate:v9", "docker.io/library/busybox:1.36"},
    "helm-flux": {"ghcr.io/acme/api:v2.2.0", "ghcr.io/acme/proxy:v4"},
    "helm-argo": {"ghcr.io/acme/api:v2.3.0", "ghcr.io/acme/proxy:v5"},
    "helm-kustomize": {"ghcr.io/acme/api:v2.4.0", "ghcr.io/acme/proxy:v6", "ghcr.io/acme/worker:v1"},
    "helm-umbrella": {"ghcr.io/acme/api:v2.0.0", "ghcr.io/acme/billing:v1.0.0", "ghcr.io/acme/cache:7"},
    "helm-helmfile": {"ghcr.io/acme/api-eu:v2.5.0", "ghcr.io/acme/proxy:v7"},
}
"""What the controllers apply of each, as their documentation says."""


def written(found: Inventory) -> dict[str, Any]:
    return {
        "uses": [
            {
                "reference": use.reference,
                "place": str(use.place),
                "via": use.via.value,
                "root": use.root,
                "base": str(use.base) if use.base else None,
            }
            for use in found.uses
        ],
        "gaps": [{"place": str(gap.place), "what": gap.what, "rule": gap.rule, "why": gap.why} for gap in found.gaps],
    }


def compared(case: str, found: Inventory, how: str) -> None:
    expected = FIXTURES / "expected" / f"{case}.{how}.json"
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        expected.write_text(json.dumps(written(found), indent=1) + "\n")
    assert written(found) == json.loads(expected.read_text())


@pytest.mark.interop
@pytest.mark.parametrize("case", sorted(DEPLOYED))
def test_with_helm(case: str) -> None:
    found = inventory(
        FolderTree(FIXTURES / "repos" / case), ManifestSettings(), renderers=renderers("helm", "kustomize")
    )
    assert {use.reference for use in found.uses} == DEPLOYED[case]
    compared(case, found, "rendered")


@pytest.mark.parametrize("case", sorted(DEPLOYED))
def test_without_helm_every_chart_is_told(case: str) -> None:
    found = inventory(FolderTree(FIXTURES / "repos" / case), ManifestSettings())
    assert [gap for gap in found.gaps if gap.rule == "unrendered" and gap.what == "helm chart"]
    compared(case, found, "read")
