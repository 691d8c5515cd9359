"""Where paths lead through symlinks, reading what a change reaches says the same as reading everything."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from auditor.source.identity import blob_id
from auditor.source.tree import Entry, EntryKind
from tests.property.manifests.test_changes_read_narrowly import DIRECTORIES, changes
from tests.property.manifests.test_surveys_of_a_change import grounds_of
from tests.support.changes import gating_of

LINKS = ("l", "c/l", "a/m.yaml", "b/n.txt", "k")
TARGETS = ("a", "b", "c/d", "c", "a/p.yaml", "c/d/q.yaml", "b/kustomization.yaml", "gone", "l")


class LinkedTree:
    """Files and symlinks in memory."""

    def __init__(self, files: Mapping[str, str], links: Mapping[str, str], label: str) -> None:
        self.label = label
        self._texts = dict(sorted({**files, **links}.items()))
        self._links = frozenset(links)

    def entries(self) -> Mapping[str, Entry]:
        return {path: Entry(path, EntryKind.SYMLINK if path in self._links else EntryKind.FILE) for path in self._texts}

    def content_id(self, path: str) -> str:
        return blob_id(self.read(path))

    def read(self, path: str) -> bytes:
        return self._texts[path].encode()


@st.composite
def linked(draw: st.DrawFn) -> tuple[LinkedTree, LinkedTree]:
    """A change, with symlinks in both trees, and kustomizations that name them."""
    base, head = draw(changes())
    links = {}
    for link in draw(st.lists(st.sampled_from(LINKS), max_size=3, unique=True)):
        links[link] = posixpath.relpath(draw(st.sampled_from(TARGETS)), posixpath.dirname(link) or ".")
    names = [*links, *(f"{link}/p.yaml" for link in links), *(f"{link}/.." for link in links)]
    for user in draw(st.lists(st.sampled_from(["x", "y", "c/e"]), max_size=2, unique=True)):
        through = draw(st.lists(st.sampled_from([*names, *DIRECTORIES]), max_size=2))
        text = json.dumps({"resources": [posixpath.relpath(".", user) + "/" + each for each in through]})
        base[f"{user}/kustomization.yaml"] = head[f"{user}/kustomization.yaml"] = text
    return LinkedTree(base, links, "base"), LinkedTree(head, links, "head")


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(trees=linked())
def test_what_gates_is_the_same(trees: tuple[LinkedTree, LinkedTree]) -> None:
    part = gating_of(*trees, narrow=True)
    assert part.same(gating_of(*trees, narrow=False))
    event(part.why or "something was left out")


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(trees=linked())
def test_a_survey_is_what_the_tree_says(trees: tuple[LinkedTree, LinkedTree]) -> None:
    event("surveyed" if grounds_of(*trees) else "read whole")
