"""What a kustomization puts together of several texts, told by what is written in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.kustomize.kustomization import read
from auditor.manifests.reach.composed import Composed, composed
from auditor.source.memory import MemoryTree


def of(**body: Any) -> Composed:
    tree = MemoryTree({"a/kustomization.yaml": json.dumps(body).encode()}, "t")
    return composed(read(Reader(tree, kinds.load({}), Shared()), "a", "a/kustomization.yaml"))


def replacing(source: dict[str, Any], *options: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"source": source, "targets": [{"select": {}, "options": each} for each in options]}]


WHOLE = {"kind": "ConfigMap", "fieldPath": "data.a"}


@pytest.mark.parametrize("body", [{}, {"resources": ["a"]}, {"replacements": replacing(WHOLE, {"create": True})}])
def test_what_copies_whole_texts_puts_nothing_together(body: dict[str, Any]) -> None:
    assert of(**body) == Composed()


def test_delimiters_are_where_texts_are_joined() -> None:
    source = {**WHOLE, "options": {"delimiter": "+"}}
    made = of(replacements=replacing(source, {"delimiter": "./", "index": 1}, {"delimiter": "R"}))
    assert made == Composed(frozenset("-./R"))


@pytest.mark.parametrize(
    "body",
    [
        {"replacements": [{"path": "a.yaml"}]},
        {"replacements": ["a.yaml"]},
        {"replacements": {"source": WHOLE}},
        {"replacements": replacing(WHOLE, {"encoding": "base64"})},
        {"replacements": replacing({**WHOLE, "options": {"other": 1}})},
        {"replacements": replacing({"kind": "Secret"}), "namePrefix": "a-"},
        {"replacements": replacing({"kind": "Secret", "fieldPath": "metadata.name"}), "nameSuffix": "-a"},
    ],
)
def test_where_it_is_not_known_anything_may_come_of_it(body: dict[str, Any]) -> None:
    assert of(**body).anything


def test_a_name_that_one_copies_may_have_the_prefix_of_another() -> None:
    copies, renames = of(replacements=replacing({"kind": "Secret"})), of(namePrefix="a-")
    assert not copies.anything
    assert not renames.anything
    assert (copies | Composed() | renames).anything
    assert (renames | copies).anything


def test_suffixes_of_tags() -> None:
    assert of(images=[{"name": "a", "tagSuffix": "-b"}]) == Composed(tags=True)
