"""What a deployer puts on top of a directory, against the real kustomize on the kustomization that the controller writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed"),
]
ADDED = {"name": "extra", "image": "ghcr.io/acme/extra:1"}
PATCH = json.dumps([{"op": "add", "path": "/spec/containers/-", "value": ADDED}])
OVERLAYS: tuple[dict[str, Any], ...] = (
    {},
    {"images": [{"name": "nginx", "newTag": "9"}]},
    {"images": [{"name": "redis", "newName": "ghcr.io/acme/redis"}, {"name": "nginx", "digest": f"sha256:{'1' * 64}"}]},
    {"patches": [{"patch": PATCH, "target": {"kind": "Pod", "name": "a"}}]},
    {"components": ["../part"], "images": [{"name": "ghcr.io/acme/side", "newTag": "7"}]},
    {
        "patches": [
            {"patch": json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "$patch": "delete"})}
        ]
    },
)
OWN: tuple[dict[str, Any] | None, ...] = (
    None,
    {"resources": ["a.yaml", "b.yaml"]},
    {"resources": ["a.yaml", "b.yaml"], "images": [{"name": "nginx", "newName": "ghcr.io/acme/nginx", "newTag": "2"}]},
)


def pod(name: str, image: str) -> str:
    spec = {"containers": [{"name": "app", "image": image}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def files(own: dict[str, Any] | None) -> dict[str, str]:
    found = {"apps/a.yaml": pod("a", "nginx:1"), "apps/b.yaml": pod("b", "redis:1")}
    side = [{"op": "add", "path": "/spec/containers/-", "value": {"name": "side", "image": "ghcr.io/acme/side:1"}}]
    component = {"kind": "Component", "apiVersion": "kustomize.config.k8s.io/v1alpha1"}
    part = {**component, "patches": [{"patch": json.dumps(side), "target": {"kind": "Pod"}}]}
    found["part/kustomization.yaml"] = json.dumps(part)
    if own is not None:
        found["apps/kustomization.yaml"] = json.dumps(own)
    return found


def written(own: dict[str, Any] | None, overlay: dict[str, Any]) -> dict[str, Any]:
    """The kustomization as the controller leaves it: lists grow, an images entry of the same name is replaced."""
    made = dict(own or {"resources": ["a.yaml", "b.yaml"]})
    fresh = {entry["name"] for entry in overlay.get("images", ())}
    kept = [entry for entry in made.get("images", ()) if entry["name"] not in fresh]
    for key, value in overlay.items():
        made[key] = [*(kept if key == "images" else made.get(key, ())), *value]
    return made


@pytest.mark.parametrize("own", OWN, ids=["none", "plain", "images"])
@pytest.mark.parametrize("overlay", OVERLAYS, ids=["nothing", "tag", "name", "patch", "component", "delete"])
def test_the_same_images(tmp_path: Path, own: dict[str, Any] | None, overlay: dict[str, Any]) -> None:
    for path, text in {**files(own), "apps/kustomization.yaml": json.dumps(written(own, overlay))}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    built = subprocess.run(
        ["kubectl", "kustomize", "apps"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    real = set(re.findall(r"^ *(?:- )?image: (\S+)$", built, re.MULTILINE))
    spec = {"path": "apps", "sourceRef": {"kind": "GitRepository", "name": "flux-system"}, **overlay}
    deployer = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "k"}}
    tree = {**files(own), "k.yaml": json.dumps({**deployer, "spec": spec})}
    found = inventory(MemoryTree({path: text.encode() for path, text in tree.items()}, "tree"), ManifestSettings())
    assert {use.reference for use in found.uses if use.root == "apps"} == real
    assert real
