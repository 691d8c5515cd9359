"""Real GitOps repositories rendered by the real kustomize and helm through our sandbox: the same images, at the right lines."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping as PathMapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader, Shared
from auditor.manifests.helm.render import Release
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.render.sandbox import Failed
from auditor.manifests.rendering import rendering
from auditor.model.place import Place
from auditor.model.use import Confidence, Sort, Use, Via
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry
from tests.support.renderers import renderers

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus"

pytestmark = [
    pytest.mark.real,
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real repositories is not beside the project"),
]
NAMES = sorted(path.stem for path in (CORPUS / "truth").glob("*.json")) if CORPUS.is_dir() else []
APPS = "alphagov+govuk-helm-charts"


@cache
def truth(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CORPUS / "truth" / f"{name}.json").read_text())
    return loaded


@cache
def found(name: str) -> Inventory:
    tree = FolderTree(CORPUS / "repos" / name)
    return inventory(tree, ManifestSettings(), every=True, renderers=replace(renderers("kustomize"), helm=None))


class Added(FolderTree):
    """A folder with a few more files, and without writing them."""

    def __init__(self, path: Path, files: dict[str, bytes]) -> None:
        super().__init__(path)
        self._more = MemoryTree(files, "more")

    def entries(self) -> PathMapping[str, Entry]:
        return {**super().entries(), **self._more.entries()}

    def content_id(self, path: str) -> str:
        return self._more.content_id(path) if path in self._more.entries() else super().content_id(path)

    def read(self, path: str) -> bytes:
        return self._more.read(path) if path in self._more.entries() else super().read(path)


def by_root(name: str) -> dict[str | None, list[Use]]:
    uses = defaultdict(list)
    for use in found(name).uses:
        uses[use.root].append(use)
    return uses


def certain(uses: list[Use]) -> set[str]:
    """What stands under keys that hold images: the truth has nothing else, and no settings of ConfigMaps."""
    return {
        use.overrides or use.reference if use.via is Via.SUBSTITUTE else use.reference
        for use in uses
        if use.confidence is not Confidence.LOW
        and use.sort is Sort.IMAGE
        and not (use.workload and use.workload.kind == "ConfigMap")
    }


def missed_places(row: dict[str, Any], ours: dict[str, set[tuple[str, int]]]) -> list[dict[str, Any]]:
    def allowed(place: dict[str, Any]) -> set[tuple[str, int]]:
        return {(one["file"], one["line"]) for one in (place, *place.get("also", ()))}

    return [place for place in row.get("places", ()) if not allowed(place) & ours[place["image"]]]


def lines(uses: list[Use]) -> dict[str, set[tuple[str, int]]]:
    at = defaultdict(set)
    for use in uses:
        at[use.reference].add((use.place.file, use.place.line))
        if use.base and use.overrides and use.via is Via.SUBSTITUTE:
            at[use.overrides].add((use.base.file, use.base.line))
    return at


@pytest.mark.parametrize("name", NAMES)
def test_every_root_is_exact_and_every_image_at_its_line(name: str) -> None:
    uses = by_root(name)
    problems: list[tuple[str, str, object]] = []
    for row in truth(name)["kustomize"]:
        if row["status"] == "ok" and row["images"]:
            own = uses[row["root"] or "."]
            if missed := set(row["images"]) - {text for use in own for text in (use.reference, use.overrides)}:
                problems.append((row["root"], "missed", missed))
            if extra := certain(own) - set(row["images"]):
                problems.append((row["root"], "extra", extra))
            problems += [(row["root"], "place", place) for place in missed_places(row, lines(own))]
    assert not problems


def charts(name: str) -> list[dict[str, Any]]:
    return [row for row in truth(name)["helm"] if not row.get("application")]


@pytest.mark.parametrize("name", [name for name in NAMES if charts(name)])
def test_every_chart_gives_the_images_that_helm_gives(name: str) -> None:
    reader = Reader(FolderTree(CORPUS / "repos" / name), kinds.load({}), Shared())
    problems: list[tuple[str, str, object]] = []
    values: Counter[bool] = Counter()
    with rendering(reader, renderers("helm"), "1.33.0", None) as opened:
        assert opened.charts.helm is not None
        for row in charts(name):
            try:
                made = opened.charts.helm.render(Release(row["chart"], Place(row["chart"])))
            except Failed as error:
                if row["status"] == "ok":
                    problems.append((row["chart"], "failed", str(error)))
                continue
            assert row["status"] == "ok", "what helm refuses is refused"
            references = [one for item in made for one in extract(item, reader.kinds)]
            if missed := set(row["images"]) - {one.text for one in references}:
                problems.append((row["chart"], "missed", missed))
            at = defaultdict(set)
            for one in references:
                at[one.text].add((one.scalar.file, one.scalar.line))
            wrong = missed_places(row, at)
            problems += [(row["chart"], "place", place) for place in wrong]
            made_by_values = [place for place in row.get("places", ()) if place["via"] == "values"]
            values[True] += len(made_by_values) - sum(place in wrong for place in made_by_values)
            values[False] += sum(place in wrong for place in made_by_values)
    assert not problems, values


def test_an_app_of_apps_gives_every_applications_images_at_their_lines() -> None:
    """Sixty applications, most of whose tags stand in files without an extension that templates read."""
    if APPS not in NAMES:
        pytest.skip(f"{APPS} is not in the corpus")
    rows = [row for row in truth(APPS)["helm"] if row.get("application") and row["status"] == "ok"]
    top = rows[0]["rendered_by"]
    helm = {"valueFiles": [f"/{path}" for path in rows[0]["rendered_with"]]}
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "top"},
        "spec": {"source": {"path": top, "helm": helm}},
    }
    tree = Added(CORPUS / "repos" / APPS, {"top.yaml": json.dumps(application).encode()})
    uses = defaultdict(list)
    for use in inventory(tree, ManifestSettings(include=("top.yaml",)), renderers=renderers("helm")).uses:
        uses[use.root].append(use)
    problems: list[tuple[str, str, object]] = []
    for row in rows:
        own = uses[f"top.yaml/top/{row['application']}"]
        if certain(own) != set(row["images"]):
            problems.append((row["application"], "images", certain(own) ^ set(row["images"])))
        problems += [(row["application"], "place", place) for place in missed_places(row, lines(own))]
    assert len(rows) > 50
    assert not problems
