"""Files that Argo CD lays over a directory for Applications of other repositories."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT
from auditor.manifests.files import Shared
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.reach.reach import reach
from auditor.source.memory import MemoryTree

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: ghcr.io/acme/web:1}]}\n"
APP = {"apps/web/kustomization.yaml": "resources: [pod.yaml]\n", "apps/web/pod.yaml": POD}
WRITTEN = "kustomize:\n  images:\n  - ghcr.io/acme/web:2\n"
OVERRIDE = "apps/web/.argocd-source-web.yaml"


def tree(files: dict[str, str]) -> MemoryTree:
    return MemoryTree({path: text.encode() for path, text in files.items()}, "tree")


def read(files: dict[str, str], before: Inventory | None = None) -> Inventory:
    return inventory(tree(files), ManifestSettings(), before=before)


def images(found: Inventory) -> set[str]:
    return {use.reference for use in found.uses}


@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-web.yaml", ".argocd-source-argocd_web.yaml"])
def test_what_an_updater_writes_is_judged_besides_what_is_written_there(name: str) -> None:
    found = read({**APP, f"apps/web/{name}": WRITTEN})
    assert images(found) == {"ghcr.io/acme/web:1", "ghcr.io/acme/web:2"}
    (use,) = [use for use in found.uses if use.reference.endswith(":2")]
    assert (use.place.file, use.place.line, use.root) == (f"apps/web/{name}", 3, "apps/web")


def test_so_it_is_where_another_kustomization_loads_the_directory() -> None:
    found = read({**APP, OVERRIDE: WRITTEN, "kustomization.yaml": "resources: [apps/web]\n"})
    assert images(found) == {"ghcr.io/acme/web:1", "ghcr.io/acme/web:2"}


def test_where_an_application_of_this_tree_deploys_it_that_alone_counts() -> None:
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n"
        "spec: {source: {repoURL: 'https://git.acme.example/fleet', path: apps/web}}\n"
    )
    assert images(read({**APP, OVERRIDE: WRITTEN, "app.yaml": application})) == {"ghcr.io/acme/web:2"}
    other = application.replace("name: web", "name: other")
    assert images(read({**APP, OVERRIDE: WRITTEN, "app.yaml": other})) == {"ghcr.io/acme/web:1"}


def test_a_chart_is_deployed_with_parameters_that_are_not_followed() -> None:
    files = {"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"}
    (gap,) = [
        gap
        for gap in read(
            {**files, "web/.argocd-source-web.yaml": "helm: {parameters: [{name: tag, value: '2'}]}\n"}
        ).gaps
        if gap.what == "overrides of a source"
    ]
    assert (gap.rule, gap.place.file) == ("unrendered", "web/.argocd-source-web.yaml")


def test_a_file_that_cannot_be_read_is_told() -> None:
    (gap,) = read({**APP, OVERRIDE: "kustomize: [\n"}).gaps
    assert (gap.rule, gap.place.file) == ("unrendered", OVERRIDE)


@pytest.mark.parametrize("text", ["", "helm: {}\n", "kustomize: {images: []}\n"])
def test_a_file_that_says_nothing_changes_nothing(text: str) -> None:
    found = read({**APP, OVERRIDE: text})
    assert images(found) == {"ghcr.io/acme/web:1"}
    assert not found.gaps


def test_so_many_files_are_read_and_the_next_is_told() -> None:
    files = {**APP, **{f"apps/web/.argocd-source-{name}.yaml": WRITTEN.replace(":2", f":{name}") for name in "abc"}}
    found = inventory(tree(files), ManifestSettings(), limits=replace(DEFAULT, deployments=2))
    assert images(found) == {"ghcr.io/acme/web:1", "ghcr.io/acme/web:a", "ghcr.io/acme/web:b"}
    assert [(gap.rule, gap.place.file) for gap in found.gaps] == [("unrendered", "apps/web/.argocd-source-c.yaml")]


def test_a_change_of_such_a_file_is_read_whole() -> None:
    base, head = tree({**APP, OVERRIDE: WRITTEN}), tree({**APP, OVERRIDE: WRITTEN.replace(":2", ":3")})
    found = reach((base, head), ManifestSettings(), Shared(), frozenset({OVERRIDE}))
    assert isinstance(found, str)
    assert OVERRIDE in found


def test_a_change_beside_such_a_file_finds_what_it_lays_over() -> None:
    base, head = (
        tree({**APP, OVERRIDE: WRITTEN}),
        tree({**APP, "apps/web/pod.yaml": POD.replace("name: p}", "name: q}"), OVERRIDE: WRITTEN}),
    )
    within = reach((base, head), ManifestSettings(), Shared(), frozenset({"apps/web/pod.yaml"}))
    assert not isinstance(within, str)
    before = inventory(base, ManifestSettings(), within=within)
    after = inventory(head, ManifestSettings(), before=before, within=within)
    assert images(after) == {"ghcr.io/acme/web:1", "ghcr.io/acme/web:2"} == images(before)
