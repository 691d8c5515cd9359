"""Random kustomizations, built by the real program and read by us: the same images, never fewer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "25"))


def kustomize() -> str:
    cached = ROOT / ".cache" / "tools" / "kustomize"
    found = shutil.which("kustomize") or (str(cached) if cached.is_file() else None)
    if found is None:
        pytest.skip("kustomize is not installed")
    return found


NAMES = st.sampled_from(["app", "sidecar", "proxy", "init"])
IMAGES = st.sampled_from(
    [
        "nginx",
        "nginx:1.25",
        "ghcr.io/acme/api:1.0",
        "ghcr.io/acme/api@sha256:" + "a" * 64,
        "ghcr.io/acme/api:1.0@sha256:" + "b" * 64,
        "localhost:5000/web",
        "localhost:5000/web:2",
        "${IMAGE}",
        "api-server",
    ]
)
KINDS = st.sampled_from(
    [("apps/v1", "Deployment"), ("batch/v1", "CronJob"), ("v1", "Pod"), ("argoproj.io/v1alpha1", "Rollout")]
)


@st.composite
def containers(draw: st.DrawFn, *, least: int = 1) -> list[dict[str, str]]:
    names = draw(st.lists(NAMES, min_size=least, max_size=3, unique=True))
    return [{"name": name, "image": draw(IMAGES)} for name in names]


@st.composite
def pods(draw: st.DrawFn, *, least: int = 1) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": draw(containers(least=least))}
    if draw(st.booleans()):
        spec["initContainers"] = draw(containers(least=least))
    if draw(st.integers(0, 4)) == 0:
        spec["volumes"] = [{"name": "data", "image": {"reference": draw(IMAGES)}}]
    return spec


def wrap(kind: str, pod: Any) -> dict[str, Any]:
    if kind == "Pod":
        return {"spec": pod}
    if kind == "CronJob":
        return {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    return {"spec": {"template": {"spec": pod}}}


def prefix(kind: str) -> str:
    return {"Pod": "/spec", "CronJob": "/spec/jobTemplate/spec/template/spec"}.get(kind, "/spec/template/spec")


@st.composite
def objects(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for name in draw(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=2, unique=True)):
        version, kind = draw(KINDS)
        made.append({"apiVersion": version, "kind": kind, "metadata": {"name": name}, **wrap(kind, draw(pods()))})
    return made


@st.composite
def entries(draw: st.DrawFn) -> dict[str, str]:
    name = draw(
        st.sampled_from(["nginx", "ghcr.io/acme/api", "localhost:5000/web", "api-server", "ghcr.io/acme/.*", "ng"])
    )
    entry = {"name": name}
    if draw(st.booleans()):
        entry["newName"] = draw(st.sampled_from(["ghcr.io/acme/other", "registry.acme.example:5000/x", "nginx"]))
    if draw(st.booleans()):
        entry["newTag"] = draw(st.sampled_from(["2.0", "v3", "2.0@sha256:" + "c" * 64]))
    if draw(st.integers(0, 3)) == 0:
        entry["digest"] = "sha256:" + "d" * 64
    return entry


@st.composite
def patches(draw: st.DrawFn, base: list[dict[str, Any]]) -> dict[str, Any]:
    target = draw(st.sampled_from(base))
    kind, name = target["kind"], target["metadata"]["name"]
    where = {"kind": kind, "name": name}
    if draw(st.booleans()):
        operation = draw(st.sampled_from(["replace", "add", "append", "remove"]))
        at = f"{prefix(kind)}/containers"
        operations: dict[str, dict[str, Any]] = {
            "replace": {"op": "replace", "path": f"{at}/0/image", "value": draw(IMAGES)},
            "add": {"op": "add", "path": f"{at}/0", "value": {"name": "added", "image": draw(IMAGES)}},
            "append": {"op": "add", "path": f"{at}/-", "value": {"name": "last", "image": draw(IMAGES)}},
            "remove": {"op": "remove", "path": f"{at}/0"},
        }
        return {"target": where, "patch": json.dumps([operations[operation]])}
    pod = draw(pods(least=0))
    for listed in pod.get("containers", []):
        if draw(st.integers(0, 4)) == 0:
            listed.pop("image")
            listed["$patch"] = "delete"
    document = {"apiVersion": target["apiVersion"], "kind": kind, "metadata": {"name": name}, **wrap(kind, pod)}
    if draw(st.integers(0, 12)) == 0:
        document = {**document, "$patch": "delete"}
    return {"patch": json.dumps(document), **({"target": where} if draw(st.booleans()) else {})}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    base = draw(objects())
    files = {"base/all.yaml": "\n---\n".join(json.dumps(item, indent=1) for item in base)}
    layers = ["base", "overlay", *(["top"] if draw(st.booleans()) else [])]
    for index, layer in enumerate(layers):
        body: dict[str, Any] = {"resources": [f"../{layers[index - 1]}" if index else "all.yaml"]}
        body["images"] = draw(st.lists(entries(), max_size=2))
        if index:
            body["patches"] = draw(st.lists(patches(base), max_size=2))
            for number, patch in enumerate(body["patches"]):
                # No pod has two containers of one name; kustomize drops one of them where it merges lists, and ours keeps both.
                patch["patch"] = re.sub('"(added|last)"', rf'"\1-{index}-{number}"', patch["patch"])
            if draw(st.booleans()):
                body["namePrefix"] = "p-"
        files[f"{layer}/kustomization.yaml"] = json.dumps(body, indent=1)
    return {path: text.encode() for path, text in files.items()}


def rendered(program: str, folder: Path, root: str) -> set[str] | None:
    run = subprocess.run([program, "build", root], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    if run.returncode:
        return None
    tree = MemoryTree({"out.yaml": run.stdout.encode()}, "rendered")
    return {use.reference for use in inventory(tree, ManifestSettings()).uses}


@pytest.mark.interop
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(files=trees())
def test_the_same_images_as_kustomize(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    program = kustomize()
    folder = tmp_path_factory.mktemp("tree")
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    root = "top" if "top/kustomization.yaml" in files else "overlay"
    truth = rendered(program, folder, root)
    if truth is None:
        return  # kustomize refuses it: nothing is deployed
    ours = {use.reference for use in inventory(MemoryTree(files, "tree"), ManifestSettings()).uses if use.root == root}
    assert ours == truth
