"""What our own reading of a kustomization says is marked: it may hold an image too many, and never one too few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree
from tests.support.renderers import renderers

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {0}}}\nspec: {{containers: [{{name: a, image: 'ghcr.io/acme/{0}:1'}}]}}\n"
FILES = {
    "loose/pod.yaml": POD.format("loose"),
    "app/kustomization.yaml": "resources: [web.yaml, job.yaml]\npatches:\n- patch: |-\n    $patch: delete\n"
    "    apiVersion: v1\n    kind: Pod\n    metadata: {name: job}\n",
    "app/web.yaml": POD.format("web"),
    "app/job.yaml": POD.format("job"),
}
TREE = MemoryTree({path: text.encode() for path, text in FILES.items()}, "tree")


def test_only_the_uses_of_a_kustomization_are_marked() -> None:
    uses = {use.reference: use.superset for use in inventory(TREE, ManifestSettings()).uses}
    assert uses.pop("ghcr.io/acme/loose:1") is False
    assert uses["ghcr.io/acme/web:1"] is True


@pytest.mark.interop
def test_what_kustomize_built_is_not_marked() -> None:
    found = inventory(TREE, ManifestSettings(), renderers=renderers("kustomize"))
    assert {use.reference: use.superset for use in found.uses} == {
        "ghcr.io/acme/loose:1": False,
        "ghcr.io/acme/web:1": False,
    }


def test_the_mark_makes_no_use_another_one() -> None:
    """Base may be built and head not: what both deploy is the same all the same."""
    use = inventory(TREE, ManifestSettings()).uses[0]
    assert replace(use, superset=not use.superset) == use
    assert len({use, replace(use, superset=not use.superset)}) == 1
