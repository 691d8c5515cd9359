"""Small repositories, and exactly what is found in each. `AUDITOR_UPDATE_GOLDEN=1` writes the expectation anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.use import Use
from auditor.source.folder import FolderTree

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
CASES = (
    "argo-applications",
    "config-map",
    "cronjob",
    "custom-resources",
    "digest-dropped",
    "digest-pin",
    "flux-cluster",
    "image-volume",
    "json",
    "kustomize-overlay",
    "list-and-documents",
    "numeric-tag",
    "override-nothing",
    "plain",
)


def written(use: Use) -> dict[str, Any]:
    rare = {"overrides": use.overrides} if use.overrides else {}
    rare |= {"bare_number": "yes"} if use.bare_number else {}
    return rare | {
        "reference": use.reference,
        "place": str(use.place),
        "column": use.place.column,
        "key_path": use.place.key_path,
        "workload": str(use.workload) if use.workload else None,
        "container": use.container,
        "root": use.root,
        "via": use.via.value,
        "base": str(use.base) if use.base else None,
        "confidence": use.confidence.value,
    }


@pytest.mark.parametrize("case", CASES)
def test_images_of_a_repository(case: str) -> None:
    found = inventory(FolderTree(FIXTURES / "repos" / case), ManifestSettings())
    result = {
        "uses": [written(use) for use in found.uses],
        "gaps": [{"place": str(gap.place), "what": gap.what, "rule": gap.rule} for gap in found.gaps],
    }
    expected = FIXTURES / "expected" / f"{case}.images.json"
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(json.dumps(result, indent=1) + "\n")
    assert json.loads(expected.read_text()) == result
