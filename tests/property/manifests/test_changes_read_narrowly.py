"""Reading only what a change can reach says the same about the change as reading everything."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree

DIRECTORIES = ("a", "b", "c/d", "c", "e")
IMAGES = st.sampled_from(["nginx:1", "nginx:2", "ghcr.io/acme/api:1", "api", "web"])


@st.composite
def pods(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["Pod", "ConfigMap"]))
    spec = {"containers": [{"name": "app", "image": draw(IMAGES)}]} if kind == "Pod" else {}
    made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": draw(st.sampled_from(["x", "y"]))}, "spec": spec}
    return json.dumps({**made, "data": {"tag": draw(IMAGES)}})


@st.composite
def kustomizations(draw: st.DrawFn, directory: str) -> str:
    up = "../" * (directory.count("/") + 1)
    others = [f"{up}{other}" for other in DIRECTORIES if other != directory]
    body: dict[str, Any] = {"resources": draw(st.lists(st.sampled_from(["p.yaml", "q.yaml", *others]), max_size=3))}
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
    return json.dumps(body)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    files = {}
    for directory in DIRECTORIES:
        for name in ("p.yaml", "q.yaml"):
            if draw(st.integers(0, 2)):
                files[f"{directory}/{name}"] = draw(pods())
        if draw(st.integers(0, 3)):
            files[f"{directory}/kustomization.yaml"] = draw(kustomizations(directory))
    return files


@st.composite
def changes(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    base = draw(trees())
    head = dict(base)
    for _ in range(draw(st.integers(1, 2))):
        directory = draw(st.sampled_from(DIRECTORIES))
        name = draw(st.sampled_from(["p.yaml", "q.yaml", "kustomization.yaml"]))
        path = f"{directory}/{name}"
        if draw(st.integers(0, 3)) == 0:
            head.pop(path, None)
        else:
            head[path] = draw(kustomizations(directory) if name.startswith("k") else pods())
    return base, head


def keys(found: Inventory) -> set[Any]:
    """What makes a use old: its reference in the same root, or for loose manifests in the same workload."""
    return {(use.reference, use.root, use.workload if use.root is None else None) for use in found.uses}


def check_spared(
    base: Tree, head: Tree, touched: frozenset[str], full_before: Inventory, full_after: Inventory
) -> None:
    """With `spare` nothing new is missed either; what the same root has elsewhere is judged again."""
    shared = Shared()
    before = inventory(base, ManifestSettings(), shared, touched=touched, spare=True)
    after = inventory(head, ManifestSettings(), shared, before=before, touched=touched, spare=True)
    narrow, full = keys(after) - keys(before), keys(full_after) - keys(full_before)
    # What an images entry would make of something that is missing is a guess beside the gap that says so.
    guesses = {(use.reference, use.root, None) for use in full_after.uses if use.workload is None}
    missing = {gap.root for gap in after.gaps if gap.rule == "unrendered"}
    assert all(key in guesses and key[1] in missing for key in full - narrow)


@settings(max_examples=200, deadline=None)
@given(change=changes())
def test_what_gates_is_the_same(change: tuple[dict[str, str], dict[str, str]]) -> None:
    base, head = (MemoryTree({path: text.encode() for path, text in files.items()}, "t") for files in change)
    touched = frozenset(path for path in {**change[0], **change[1]} if change[0].get(path) != change[1].get(path))
    full_before = inventory(base, ManifestSettings())
    full_after = inventory(head, ManifestSettings(), before=full_before)
    shared = Shared()
    before = inventory(base, ManifestSettings(), shared, touched=touched)
    after = inventory(head, ManifestSettings(), shared, before=before, touched=touched)
    assert after.roots == full_after.roots
    narrow, full = keys(after) - keys(before), keys(full_after) - keys(full_before)
    assert full <= narrow
    # A workload that is written in two loose files is judged once too often where only one of them is read.
    assert all(key[1] is None and key in keys(full_before) for key in narrow - full)
    check_spared(base, head, touched, full_before, full_after)
    # Base and head share their work, and that changes nothing either.
    together = Shared()
    assert inventory(base, ManifestSettings(), together).uses == full_before.uses
    assert inventory(head, ManifestSettings(), together, before=full_before).uses == full_after.uses
