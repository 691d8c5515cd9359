"""Reading only what a change can reach says the same about the change as reading everything."""

from __future__ import annotations

import json
import posixpath
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.support.changes import gating

DIRECTORIES = ("a", "b", "c/d", "c", ".")
IMAGES = st.sampled_from(["nginx:1", "nginx:2", "ghcr.io/acme/api:1", "api", "web"])

FLUX = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "f"}}
RELEASE = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "r"}}


@st.composite
def pods(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["Pod", "ConfigMap"]))
    spec = {"containers": [{"name": "app", "image": draw(IMAGES)}]} if kind == "Pod" else {}
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": draw(st.sampled_from(["x", "y"]))}, "spec": spec}
    return json.dumps({**made, "data": {"tag": draw(IMAGES)}})


def charts() -> st.SearchStrategy[str]:
    return st.sampled_from(["name: c\nversion: '1'\n", "name: c\ntype: library\n"])


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """A pod or a configuration; seldom something that deploys by rules of its own, or that does not parse."""
    match draw(st.integers(0, 19)):
        case 0:
            spec = {"path": draw(st.sampled_from(["./a", "./b"])), "sourceRef": {"kind": "GitRepository", "name": "x"}}
            return json.dumps({**FLUX, "spec": spec})
        case 1:
            values = {"values": {"image": draw(IMAGES)}, "valuesFrom": [{"kind": "ConfigMap", "name": "x"}]}
            return json.dumps({**RELEASE, "spec": {"chart": {"spec": {"chart": "c"}}, **values}})
        case 2:
            return "kind: [\n"
        case _:
            return draw(pods())


@st.composite
def kustomizations(draw: st.DrawFn, directory: str) -> str:
    others = [posixpath.relpath(other, directory) for other in DIRECTORIES if other != directory]
    names = ["p.yaml", "q.yaml", "gone.yaml", "d/p.yaml", *others]
    body: dict[str, Any] = {"resources": draw(st.lists(st.sampled_from(names), max_size=3))}
    if draw(st.booleans()):
        body["images"] = [{"name": draw(st.sampled_from(["nginx", "api"])), "newTag": draw(st.sampled_from("78"))}]
    if draw(st.integers(0, 3)) == 0:
        body["components"] = [draw(st.sampled_from(others))]
    if draw(st.integers(0, 2)) == 0:
        body["patches"] = [{"path": draw(st.sampled_from(["p.yaml", "q.yaml"]))}]
    if draw(st.integers(0, 4)) == 0:
        source = {"kind": "ConfigMap", "fieldPath": "data.tag"}
        target = {"select": {"kind": "Pod"}, "fieldPaths": ["spec.containers.0.image"]}
        body["replacements"] = [{"source": source, "targets": [target]}]
    if draw(st.integers(0, 4)) == 0:
        body["configMapGenerator"] = [{"name": "made", "files": [draw(st.sampled_from(["p.yaml", "k=q.yaml"]))]}]
    if draw(st.integers(0, 9)) == 0:
        body["helmCharts"] = [{"name": "chart", "valuesFile": "../values.yaml"}]
    return json.dumps(body)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    files = {}
    for directory in DIRECTORIES:
        for name in ("p.yaml", "q.yaml"):
            if draw(st.integers(0, 2)):
                files[posixpath.normpath(f"{directory}/{name}")] = draw(manifests())
        if draw(st.integers(0, 3)):
            files[posixpath.normpath(f"{directory}/kustomization.yaml")] = draw(kustomizations(directory))
    if draw(st.integers(0, 9)) == 0:
        files["c/Chart.yaml"] = draw(charts())
    return files


@st.composite
def changes(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    base = draw(trees())
    head = dict(base)
    for _ in range(draw(st.integers(1, 2))):
        directory = draw(st.sampled_from(DIRECTORIES))
        name = draw(st.sampled_from(["p.yaml", "q.yaml", "kustomization.yaml"]))
        path = posixpath.normpath(f"{directory}/{name}")
        match draw(st.sampled_from(["write", "write", "remove", "rename", "chart"])):
            case "write":
                head[path] = draw(kustomizations(directory) if name.startswith("k") else manifests())
            case "rename" if path in head:
                head[posixpath.normpath(f"{draw(st.sampled_from(DIRECTORIES))}/r.yaml")] = head.pop(path)
            case "chart" if draw(st.integers(0, 3)) == 0:
                head["c/Chart.yaml"] = draw(charts())
            case _:
                head.pop(path, None)
    return base, head


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(change=changes())
def test_what_gates_is_the_same(change: tuple[dict[str, str], dict[str, str]]) -> None:
    base, head = ({path: text.encode() for path, text in files.items()} for files in change)
    part = gating(base, head, narrow=True)
    assert part.same(gating(base, head, narrow=False))
    event(part.why or "something was left out")
