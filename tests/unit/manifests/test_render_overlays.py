"""What a deployer puts on top of a directory, built by the real kustomize from the kustomization that a controller writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.manifests.inventory import Inventory
from tests.support.renderers import placed, rendered

pytestmark = pytest.mark.interop

ADDED = {"name": "extra", "image": "ghcr.io/acme/extra:1"}


def pod(name: str, image: str) -> str:
    spec = {"containers": [{"name": "app", "image": image}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


FILES = {"apps/a.yaml": pod("a", "nginx:1"), "apps/b.yaml": pod("b", "redis:1")}
OWN = {"apps/kustomization.yaml": "resources: [a.yaml, b.yaml]\nimages:\n- {name: nginx, newTag: '2'}\n"}


def flux(**spec: Any) -> dict[str, str]:
    """A Flux Kustomization over `apps`, each key of its specification on a line of its own."""
    rows = {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "flux-system"}, **spec}
    body = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in rows.items())
    head = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec:\n"
    return {"clusters/apps.yaml": head + body}


def argo(kustomize: dict[str, Any]) -> dict[str, str]:
    source = {"repoURL": "https://git.acme.example/x", "path": "apps", "kustomize": kustomize}
    item = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "apps"}}
    return {"clusters/apps.yaml": json.dumps({**item, "spec": {"source": source}})}


def images(found: Inventory) -> set[str]:
    return {use.reference for use in found.uses if use.root == "apps"}


def built(files: dict[str, str]) -> set[str]:
    """The images of `apps`, which kustomize built."""
    found = rendered(files, "kustomize")
    assert found.exact == {"apps"}
    assert not [gap for gap in found.gaps if gap.rule == "unrendered"], found.gaps
    return images(found)


@pytest.mark.parametrize("own", [{}, OWN], ids=["files", "kustomization"])
def test_flux_puts_images_on_top(own: dict[str, str]) -> None:
    spec = flux(images=[{"name": "redis", "newName": "ghcr.io/acme/redis", "newTag": "9"}])
    files = {**FILES, **own, **spec}
    nginx = "nginx:2" if own else "nginx:1"
    assert built(files) == {nginx, "ghcr.io/acme/redis:9"}
    found = rendered(files, "kustomize")
    assert ("ghcr.io/acme/redis:9", "clusters/apps.yaml", 7) in placed(found)


def test_flux_patches_add_replace_and_delete() -> None:
    add = {"patch": json.dumps([{"op": "add", "path": "/spec/containers/-", "value": ADDED}]), "target": {"name": "a"}}
    delete = {"patch": json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "$patch": "delete"})}
    assert built({**FILES, **OWN, **flux(patches=[add, delete])}) == {"nginx:2", "ghcr.io/acme/extra:1"}


def test_flux_components_are_loaded() -> None:
    patch = json.dumps([{"op": "add", "path": "/spec/containers/-", "value": ADDED}])
    part = {"kind": "Component", "apiVersion": "kustomize.config.k8s.io/v1alpha1"}
    component = json.dumps({**part, "patches": [{"patch": patch, "target": {"kind": "Pod"}}]})
    files = {**FILES, **OWN, "part/kustomization.yaml": component, **flux(components=["../part"])}
    assert built(files) == {"nginx:2", "redis:1", "ghcr.io/acme/extra:1"}


def test_variables_are_filled_in_after_the_build() -> None:
    files = {**FILES, "apps/b.yaml": pod("b", "redis:${TAG}"), **OWN}
    spec = flux(postBuild={"substitute": {"TAG": "7"}}, images=[{"name": "nginx", "newTag": "3"}])
    assert built({**files, **spec}) == {"nginx:3", "redis:7"}


def test_argo_cd_puts_images_prefixes_and_patches_on_top() -> None:
    patch = {
        "patch": json.dumps([{"op": "add", "path": "/spec/containers/-", "value": ADDED}]),
        "target": {"name": "a"},
    }
    kustomize = {"images": ["redis=ghcr.io/acme/redis:8"], "namePrefix": "prod-", "patches": [patch]}
    found = built({**FILES, **OWN, **argo(kustomize)})
    assert found == {"nginx:2", "ghcr.io/acme/redis:8", "ghcr.io/acme/extra:1"}


def test_a_directory_in_two_ways_is_built_in_both_and_left_as_it_was() -> None:
    first = flux(images=[{"name": "nginx", "newTag": "3"}])["clusters/apps.yaml"]
    second = flux(images=[{"name": "nginx", "newTag": "4"}])["clusters/apps.yaml"].replace(
        "name: apps}", "name: other}"
    )
    top = "resources: [../apps]\n"
    files = {**FILES, **OWN, "clusters/apps.yaml": f"{first}---\n{second}", "plain/kustomization.yaml": top}
    found = rendered(files, "kustomize")
    assert images(found) == {"nginx:3", "nginx:4", "redis:1"}
    assert {use.reference for use in found.uses if use.root == "plain"} == {"nginx:2", "redis:1"}
    assert found.exact == {"apps", "plain"}


def test_what_kustomize_refuses_on_top_is_told_and_read_without_it() -> None:
    patch = {
        "patch": json.dumps([{"op": "replace", "path": "/spec/nothing/here", "value": "x"}]),
        "target": {"name": "a"},
    }
    found = rendered({**FILES, **OWN, **flux(patches=[patch])}, "kustomize")
    assert images(found) == {"nginx:2", "redis:1"}
    assert found.exact == frozenset()
    whys = [gap.why for gap in found.gaps if gap.rule == "unrendered"]
    assert any("apps as Flux Kustomization apps deploys it" in why for why in whys), whys


def test_aliases_that_unfold_without_end_are_not_written_for_kustomize() -> None:
    rows = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    rows += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 7)]
    bomb = {"apps/kustomization.yaml": "resources: [a.yaml, b.yaml]\n" + "\n".join(rows) + "\n"}
    found = rendered({**FILES, **bomb, **flux(images=[{"name": "nginx", "newTag": "3"}])}, "kustomize")
    assert found.gaps
    assert found.exact == frozenset()
