"""Whether a file with a kustomization's name is one: its bytes say no more than what reading it says."""

from __future__ import annotations

import pytest

from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.kustomize.kustomization import is_kustomization, read
from auditor.manifests.reach.nearby import Kustomizations
from auditor.manifests.reach.written import searchable
from auditor.source.memory import MemoryTree

PATH = "kustomization.yaml"
ONES = [
    "resources: [a.yaml]\n",
    "kind: Kustomization\nresources: [a.yaml]\n",
    "images: [{name: a, newTag: '2'}]\n",
    "commonLabels: {a: b}\nimages:\n- {name: a, newTag: '2'}\n",
    "# said\n---\nresources:\n- a.yaml\n",
]
OTHERS = [
    "kind: Pod\n",
    "resources: []\nkind: Pod\n",
    "resources: []\n--- {kind: Pod}\n",
    "resources: []\n---\n{kind: Pod}\n",
    "{resources: [], kind: Pod}\n",
    "resources: []\n{kind: Pod}: x\nkind: Pod\n",
    "resources: []\n? kind\n: Pod\n",
    "resources: []\n'kind': Pod\n",
    'resources: []\n"k\\x69nd": Pod\n',
    "resources: &a {kind: Pod}\n<<: *a\n",
    "resources: []\nitems: [{apiVersion: v1, kind: Pod}]\n",
    "resources: []\rkind: Pod\n",
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nresources: []\n",
]


def held(text: str) -> tuple[Reader, Kustomizations]:
    content = text.encode()
    reader = Reader(MemoryTree({PATH: content}, "test"), kinds.load({}), Shared())
    return reader, Kustomizations(reader, {".": searchable(content)})


@pytest.mark.parametrize("text", ONES)
def test_one_is_told_without_being_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, every = held(text)
    assert is_kustomization(read(reader, ".", PATH).node)
    monkeypatch.setattr(Reader, "documents", lambda *_: pytest.fail("it was parsed"))
    assert "." in every


@pytest.mark.parametrize("text", OTHERS)
def test_what_may_be_something_else_is_read(text: str) -> None:
    reader, every = held(text)
    assert not is_kustomization(read(reader, ".", PATH).node)
    assert "." not in every
