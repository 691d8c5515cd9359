"""Real GitOps repositories against what the real kustomize and helm say about them."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import MANIFESTS, Reader, Shared
from auditor.manifests.inventory import Inventory, inventory
from auditor.model.use import Confidence, Sort, Use, Via
from auditor.source.folder import FolderTree
from auditor.source.tree import EntryKind

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real repositories is not beside the project"),
]
NAMES = sorted(path.stem for path in (CORPUS / "truth").glob("*.json")) if CORPUS.is_dir() else []


@cache
def truth(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CORPUS / "truth" / f"{name}.json").read_text())
    return loaded


@cache
def found(name: str) -> Inventory:
    return inventory(FolderTree(CORPUS / "repos" / name), ManifestSettings(), every=True)


def roots(name: str) -> Iterator[tuple[dict[str, Any], list[Use]]]:
    """Each root that the real tool renders, with our uses of it."""
    by_root = defaultdict(list)
    for use in found(name).uses:
        by_root[use.root].append(use)
    for root in truth(name)["kustomize"]:
        if root["status"] == "ok":
            yield root, by_root[root["root"] or "."]


def texts(use: Use) -> set[str]:
    """The reference, and what it was before a parameter of the object was filled in: the real tool leaves that to others."""
    return {use.reference, use.overrides or use.reference} if use.via is Via.SUBSTITUTE else {use.reference}


@pytest.mark.parametrize("name", NAMES)
def test_no_rendered_image_is_missed(name: str) -> None:
    missed = {
        (root["root"], image)
        for root, uses in roots(name)
        for image in set(root["images"]) - {text for use in uses for text in texts(use)}
    }
    assert not missed


def test_nearly_every_root_is_exact() -> None:
    """The truth has only keys `image` and image volumes, so only those of ours are compared."""
    with_images = 0
    inexact: list[tuple[str, str, set[str]]] = []
    for name in NAMES:
        for root, uses in roots(name):
            sure = [use for use in uses if use.confidence is not Confidence.LOW and use.sort is Sort.IMAGE]
            ours = {use.overrides or use.reference if use.via is Via.SUBSTITUTE else use.reference for use in sure}
            with_images += bool(root["images"])
            if root["images"] and ours != set(root["images"]):
                inexact.append((name, root["root"], ours ^ set(root["images"])))
    assert with_images > 200
    assert len(inexact) <= 0.07 * with_images, inexact


def test_every_place_is_the_line_to_edit() -> None:
    counted: Counter[bool] = Counter()
    missed: list[tuple[str, str, dict[str, Any]]] = []
    for name in NAMES:
        for root, uses in roots(name):
            ours = defaultdict(set)
            for use in uses:
                ours[use.reference].add((use.place.file, use.place.line))
                if use.base and use.overrides:
                    ours[use.overrides].add((use.base.file, use.base.line))
            for place in root.get("places", ()):
                allowed = {(p["file"], p["line"]) for p in (place, *place.get("also", ()))}
                counted[bool(allowed & ours[place["image"]])] += 1
                missed += [] if allowed & ours[place["image"]] else [(name, root["root"], place)]
    assert counted.total() > 500
    assert counted[True] >= 0.98 * counted.total(), missed


def test_every_literal_is_found() -> None:
    missed, total = [], 0
    for name in NAMES:
        at = {(use.place.file, use.place.line) for use in found(name).uses}
        at |= {(use.base.file, use.base.line) for use in found(name).uses if use.base}
        for hit in truth(name)["literal"]:
            total += 1
            if (hit["file"], hit["line"]) not in at:
                missed.append((name, hit["file"], hit["line"], hit["image"]))
    assert total > 400
    assert len(missed) <= 0.005 * total, missed


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_prefilter_hides_nothing(name: str) -> None:
    tree = FolderTree(CORPUS / "repos" / name)
    table = kinds.load({})
    filtered, whole = Reader(tree, table, Shared()), Reader(tree, table, Shared(), filtered=False)
    for path, entry in tree.entries().items():
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS) and "/templates/" not in path:
            assert _texts(filtered, path) == _texts(whole, path), path


def _texts(reader: Reader, path: str) -> list[tuple[str, int]]:
    held = reader.contents(path)
    return [(one.text, one.scalar.line) for item in held.objects for one in extract(item, reader.kinds)]
