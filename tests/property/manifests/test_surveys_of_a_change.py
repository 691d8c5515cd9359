"""What is said of a tree around a change, and of a second tree by the first, is what reading all of it alone finds."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.entry import entries
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import scalars
from auditor.manifests.reach.affected import above, affected
from auditor.manifests.reach.reach import Reach, Surveyed, reach, surveyed
from auditor.manifests.reach.survey import Survey
from auditor.source.differ import differing
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree
from tests.property.manifests.test_changes_read_narrowly import changes

Files = dict[str, str]


def tree(files: Files, label: str) -> MemoryTree:
    return MemoryTree({path: text.encode() for path, text in files.items()}, label)


def written(found: Survey) -> dict[str, Any]:
    """What is written in every kustomization."""
    return {
        directory: (item.path, item.problems, [scalar.text for scalar in scalars(item.node)])
        for directory, item in found.kustomizations.items()
    }


def agree(near: Surveyed, alone: Surveyed) -> None:
    """What is said around a change is what the whole tree says there, and enough of it."""
    found, every = near.found, alone.found
    names = ("charts", "files", "chart_files", "templates", "gaps")
    assert [getattr(found, name) for name in names] == [getattr(every, name) for name in names]
    assert near.touched == alone.touched
    assert written(found) == written(every)
    assert dict(found.links) == every.links
    if found.near is None:
        assert (found.mine, found.claims) == (every.mine, every.claims)
        # Where something deploys, what loads a chart that the change gives values is reached too.
        assert near.affected == alone.affected if near.plan is None else near.affected >= alone.affected
        return
    # What does not parse is reached if its bytes may name something; in a survey of everything it always is.
    sound = {directory: replace(item, problems=()) for directory, item in every.kustomizations.items()}
    assert affected(sound, every.links, alone.touched) <= near.affected <= alone.affected
    region = frozenset(found.mine)
    assert near.affected <= region == above(region, every.links)
    assert set(entries(found).roots) == set(entries(every).roots) & region
    assert found.beside is not None
    for path in every.files:
        if posixpath.dirname(path) in found.beside:
            assert found.claims.get(path) == every.claims.get(path)


def grounds(base: Files, head: Files) -> bool:
    """Whether both trees were surveyed; if so, whatever is known of either is what it says by itself."""
    return grounds_of(tree(base, "base"), tree(head, "head"))


def grounds_of(*trees: Tree) -> bool:
    """The same of the trees of a change."""
    touched = differing(*trees)
    found = reach(trees, ManifestSettings(), Shared(), touched)
    if not isinstance(found, Reach):
        return False
    for one in trees:
        alone = surveyed(Reader(one, kinds.load({}), Shared()), ManifestSettings(), touched)
        agree(found.grounds[id(one)], alone)
    return True


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(change=changes())
def test_a_survey_is_what_the_tree_says(change: tuple[Files, Files]) -> None:
    base, head = change
    event("same names" if base.keys() == head.keys() else "other names")
    event("surveyed" if grounds(base, head) else "read whole")


POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: nginx:1}]}\n"
BASE = {
    "all/kustomization.yaml": "resources: [../a]\n",
    "a/kustomization.yaml": "resources: [one.yaml]\n",
    "a/one.yaml": POD,
    "a/two.yaml": POD,
    "b/kustomization.yaml": "resources: [../a]\n",
    "c/kustomization.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Other\n",
    "d/Chart.yaml": "name: d\n",
    "d/templates/one.yaml": POD,
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a/one.yaml", POD + "# one line\n"),
        ("a/kustomization.yaml", "resources: [two.yaml]\n"),
        ("a/kustomization.yaml", "resources: [one.yaml]\nimages: [{name: nginx, newTag: '2'}]\n"),
        ("a/kustomization.yaml", "resources: [one.yaml, ../b]\n"),
        ("a/kustomization.yaml", "resources: [\n"),
        ("b/kustomization.yaml", "resources: []\n"),
        ("a/kustomization.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Other\n"),
        ("c/kustomization.yaml", "resources: [../a]\n"),
        ("d/Chart.yaml", "name: e\n"),
    ],
)
def test_each_kind_of_edit(path: str, text: str) -> None:
    assert grounds(BASE, {**BASE, path: text})


def linked(folder: Path, link: str, text: str) -> FolderTree:
    """A tree in which a file of that name is a symlink to one with this text."""
    (folder / "a" / "templates").mkdir(parents=True)
    for name in ("a/one.yaml", "a/templates/one.yaml"):
        (folder / name).write_text(POD)
    (folder / link).symlink_to("../said.txt")
    (folder / "said.txt").write_text(text)
    return FolderTree(folder)


def test_a_kustomization_behind_a_symlink(tmp_path: Path) -> None:
    """The file of that name stays as it is, and is another kustomization."""
    texts = {"base": "resources: [one.yaml]\n", "head": "resources: []\n"}
    trees = [linked(tmp_path / label, "a/kustomization.yaml", text) for label, text in texts.items()]
    touched = frozenset({"said.txt"})
    found = reach(trees, ManifestSettings(), Shared(), touched)
    assert isinstance(found, Reach)
    alone = [surveyed(Reader(one, kinds.load({}), Shared()), ManifestSettings(), touched) for one in trees]
    assert [sorted(each.found.claims) for each in alone] == [["a/one.yaml"], []]
    for one, each in zip(trees, alone, strict=True):
        agree(found.grounds[id(one)], each)


def test_a_chart_behind_a_symlink(tmp_path: Path) -> None:
    """It becomes a library: what are templates in base are manifests in head."""
    texts = {"base": "name: a\n", "head": "name: a\ntype: library\n"}
    trees = [linked(tmp_path / label, "a/Chart.yaml", text) for label, text in texts.items()]
    found = reach(trees, ManifestSettings(), Shared(), frozenset({"said.txt"}))
    assert found == "the change makes or removes a chart"


def test_what_makes_a_deployer_deploys_by_rules_of_its_own() -> None:
    """The chart in the tree that a HelmRelease inside of a ResourceSet names is named by no kustomization."""
    source = {"kind": "GitRepository", "name": "g"}
    spec = {"chart": {"spec": {"chart": "./d", "sourceRef": source}}}
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "r"},
        "spec": spec,
    }
    made = {"apiVersion": "fluxcd.controlplane.io/v1", "kind": "ResourceSet", "spec": {"resources": [release]}}
    base = {**BASE, "a/one.yaml": json.dumps(made)}
    trees = tree(base, "base"), tree({**base, "d/templates/one.yaml": POD + "# one line\n"}, "head")
    found = reach(trees, ManifestSettings(), Shared(), frozenset({"d/templates/one.yaml"}))
    assert found == "a/one.yaml deploys by rules of its own"


WORDS = st.sampled_from(["a", "b", "..", ".", "", "a.yaml", "kustomization.yaml"])


@given(
    directory=st.lists(st.sampled_from(["a", "b", "c.d"]), max_size=3).map(lambda parts: "/".join(parts) or "."),
    texts=st.lists(st.lists(WORDS, max_size=4).map("/".join), max_size=3),
    touched=st.sets(st.lists(st.sampled_from(["a", "b", "c.d", "a.yaml"]), min_size=1, max_size=3).map("/".join)),
)
def test_whatever_names_what_is_touched_is_reached(directory: str, texts: list[str], touched: set[str]) -> None:
    """The quick look at the last part of a text overlooks nothing that joining it would find."""
    files = {join(directory, "kustomization.yaml"): json.dumps({"resources": texts})}
    one = surveyed(Reader(tree(files, "t"), kinds.load({}), Shared()), ManifestSettings(), frozenset())
    above = {"/".join(path.split("/")[:count]) for path in touched for count in range(1, path.count("/") + 2)} | {"."}
    names = bool(touched) and any(text and join(directory, text) in above for text in texts)
    inside = bool(touched) and (directory in above or join(directory, "kustomization.yaml") in touched)
    assert bool(affected(one.found.kustomizations, one.found.links, frozenset(touched))) is (names or inside)


@given(directory=st.text("ab./ -\n", max_size=6), path=st.text("ab./ @-\n", max_size=6))
def test_a_joined_path_is_what_it_is_when_normalised(directory: str, path: str) -> None:
    assert join(directory, path) == posixpath.normpath(posixpath.join("" if directory == "." else directory, path))
