"""A tree read after another of the same change says what it says when it is read alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.source.memory import MemoryTree
from tests.property.manifests.test_changes_below_aggregates import changes as aggregates
from tests.property.manifests.test_changes_read_narrowly import changes as narrowly

APPS = ("apps/a", "apps/b", "apps/c")
TAGS = st.sampled_from(["1", "2", "${TAG}", "${OTHER:=3}"])


def one(kind: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **rest}


@st.composite
def deployers(draw: st.DrawFn, name: str) -> str:
    """A Flux Kustomization, below none to three lines of comments."""
    spec: dict[str, Any] = {
        "path": f"./{draw(st.sampled_from([*APPS, 'apps', 'clusters', 'gone']))}",
        "sourceRef": {"kind": "GitRepository", "name": "g"},
    }
    if draw(st.booleans()):
        spec["images"] = [{"name": "nginx", "newTag": draw(TAGS)}]
    if draw(st.booleans()):
        build: dict[str, Any] = {"substitute": {"TAG": draw(st.sampled_from("45"))}}
        spec["postBuild"] = {**build, "substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}
    made = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": name}}
    return "# a line\n" * draw(st.integers(0, 3)) + json.dumps({**made, "spec": spec})


@st.composite
def pods(draw: st.DrawFn) -> str:
    match draw(st.integers(0, 5)):
        case 0:
            return json.dumps(one("ConfigMap", "settings", data={"OTHER": draw(TAGS), "TAG": draw(TAGS)}))
        case 1:
            return "kind: [\n"
        case _:
            spec = {"containers": [{"name": "a", "image": f"nginx:{draw(TAGS)}"}]}
            return "# a line\n" * draw(st.integers(0, 1)) + json.dumps(one("Pod", "x", spec=spec))


@st.composite
def files_of(draw: st.DrawFn) -> dict[str, str]:
    """Everything that one tree may hold: each name is there or not."""
    files = {f"clusters/{name}.yaml": draw(deployers(name)) for name in "pq"}
    files |= {"clusters/settings.yaml": draw(pods()), "base/pod.yaml": draw(pods())}
    files["base/kustomization.yaml"] = json.dumps({"resources": ["pod.yaml"]})
    for app in APPS:
        files[f"{app}/pod.yaml"] = draw(pods())
        body: dict[str, Any] = {"resources": draw(st.sampled_from([["pod.yaml"], ["pod.yaml", "../../base"], []]))}
        if draw(st.booleans()):
            body["images"] = [{"name": "nginx", "newTag": draw(TAGS)}]
        files[f"{app}/kustomization.yaml"] = json.dumps(body)
    return {path: text for path, text in files.items() if path == "base/pod.yaml" or draw(st.integers(0, 5))}


@st.composite
def flux(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    """A tree, and the same with one to three of its files as another tree has them."""
    base, other = draw(files_of()), draw(files_of())
    head = dict(base)
    for path in draw(st.lists(st.sampled_from(sorted(base.keys() | other.keys())), min_size=1, max_size=3)):
        head.pop(path, None)
        if path in other:
            head[path] = other[path]
    return base, head


def read(files: dict[str, str], label: str, before: Inventory | None, shared: Shared) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, label)
    return inventory(tree, ManifestSettings(), shared, before=before)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(change=st.one_of(flux(), flux(), narrowly(), aggregates()))
def test_together_as_alone(change: tuple[dict[str, str], dict[str, str]]) -> None:
    base, head = change
    shared = Shared()
    before = read(base, "base", None, shared)
    assert read(head, "head", before, shared) == read(head, "head", before, Shared())
    assert read(base, "base", None, shared) == before
