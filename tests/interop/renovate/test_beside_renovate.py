"""The real Renovate over a tree with one of each form that it knows: what it extracts, we find."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.folder import FolderTree
from benchmarks import renovate
from benchmarks.peers import spelled

pytestmark = pytest.mark.interop

FILES = {
    "web.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
        "      initContainers:\n        - name: wait\n          image: docker.io/library/busybox:1.36.1\n"
        "      containers:\n        - name: web\n          image: ghcr.io/acme/web:2.1.0\n"
    ),
    "task.yaml": (
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build}\nspec:\n  steps:\n"
        "    - name: build\n      image: ghcr.io/acme/builder:3.0.0\n"
    ),
    "overlay/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [api.yaml]\n"
        "images:\n  - name: ghcr.io/acme/api\n    newTag: 1.4.0\n"
        "  - name: ghcr.io/acme/absent\n    newTag: 9.9.9\n"
    ),
    "overlay/api.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n"
        "    - name: api\n      image: ghcr.io/acme/api:1.0.0\n"
    ),
    "release.yaml": (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: shop}\nspec:\n"
        "  chart: {spec: {chart: shop, version: 1.0.0, sourceRef: {kind: HelmRepository, name: acme}}}\n"
        "  values:\n    image:\n      repository: ghcr.io/acme/shop\n      tag: 5.2.0\n"
    ),
    "app.yaml": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: site}\nspec:\n  source:\n"
        "    repoURL: https://git.acme.example/deploy\n    path: site\n    targetRevision: main\n"
        "    kustomize:\n      images:\n        - ghcr.io/acme/site:7.0.0\n"
    ),
    "site/kustomization.yaml": "kind: Kustomization\nresources: [site.yaml]\n",
    "site/site.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: site}\nspec:\n  containers:\n"
        "    - name: site\n      image: ghcr.io/acme/site:6.0.0\n"
    ),
}
NOT_DEPLOYED = {
    "ghcr.io/acme/absent:9.9.9": "an images entry that matches nothing",
    "ghcr.io/acme/api:1.0.0": "the overlay replaces its tag",
    "ghcr.io/acme/site:6.0.0": "the Application replaces its tag",
}
"""What Renovate reads where it is written although nothing deploys it so."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    return tmp_path / "tree"


def test_what_renovate_extracts_we_find_or_nothing_deploys(tree: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node on this machine, which Renovate needs")
    if not renovate.is_built():
        pytest.skip("renovate is not built: .ci/run does it")
    theirs = {spelled(found.reference) for found in renovate.extract(tree)[0]}
    ours = {spelled(use.reference) for use in inventory(FolderTree(tree), ManifestSettings()).uses}
    assert {"ghcr.io/acme/web:2.1.0", "ghcr.io/acme/shop:5.2.0", "ghcr.io/acme/builder:3.0.0"} <= theirs
    assert theirs - ours <= set(NOT_DEPLOYED)
    assert {"ghcr.io/acme/api:1.4.0", "ghcr.io/acme/site:7.0.0"} <= ours
    assert not ours & set(NOT_DEPLOYED)
