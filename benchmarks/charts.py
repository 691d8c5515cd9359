"""Charts of real repositories as helm renders them, and as we do: the same images, at the line of the value that makes each.

    python -m benchmarks.charts [FOLDER]

FOLDER holds `repos/` and `truth/` (default: `corpus` beside the project's own folder). The truth was made by the real helm and,
for the lines, by marking every candidate in copies of the repositories. It holds references under keys that are images; what we find
beyond that (in settings of ConfigMaps, in arguments, in texts that are no reference) is no difference. Every miss is listed by name.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from auditor.manifests.extract import kinds
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader, Shared
from auditor.manifests.helm.render import Helm, Release
from auditor.manifests.render.sandbox import Failed
from auditor.manifests.render.tools import find_renderers
from auditor.manifests.rendering import rendering
from auditor.model.place import Place
from auditor.model.reference import InvalidReference, Reference
from auditor.model.use import Confidence, Sort
from auditor.source.folder import FolderTree

_ROOT: Final = Path(__file__).resolve().parents[1]
_TOOLS: Final = _ROOT / ".cache" / "tools"


class Score(Struct):
    """Charts that helm renders; those with the same images; images that values make, and those at the right line."""

    charts: int = 0
    same: int = 0
    of_values: int = 0
    at_line: int = 0
    whole: int = 0
    with_values: int = 0
    misses: list[str] = field(default_factory=list)

    def add(self, name: str, row: dict[str, Any], found: dict[str, set[tuple[str, int]]]) -> None:
        """One chart. `found`: the places of each image."""
        self.charts += 1
        more = {text for text in found if _is_reference(text)} - set(row["images"])
        lacking = set(row["images"]) - set(found)
        self.same += not more and not lacking
        self.misses += [f"{name}: {text} is not found" for text in sorted(lacking)]
        self.misses += [f"{name}: {text} is not deployed" for text in sorted(more)]
        made = [place for place in row.get("places", ()) if place["via"] == "values"]
        wrong = [place for place in made if not _places(place) & found.get(place["image"], set())]
        self.with_values += bool(made)
        self.whole += bool(made) and not wrong
        self.of_values += len(made)
        self.at_line += len(made) - len(wrong)
        self.misses += [f"{name}: {place['image']} is {place['file']}:{place['line']}" for place in wrong]


def _places(place: dict[str, Any]) -> set[tuple[str, int]]:
    return {(one["file"], one["line"]) for one in (place, *place.get("also", ()))}


def _charts(truth: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (row for row in truth["helm"] if not row.get("application") and row["status"] == "ok")


def _images(reader: Reader, helm: Helm, chart: str) -> dict[str, set[tuple[str, int]]]:
    found = defaultdict(set)
    for item in helm.render(Release(chart, Place(chart))):
        for one in extract(item, reader.kinds):
            if item.kind != "ConfigMap" and one.confidence is not Confidence.LOW and one.sort is Sort.IMAGE:
                found[one.text].add((one.scalar.file, one.scalar.line))
    return found


def _is_reference(text: str) -> bool:
    try:
        Reference.parse(text)
    except InvalidReference:
        return False
    return True


def measure(corpus: Path) -> Score:
    """Every chart of every repository. Raises SystemExit without helm."""
    score = Score()
    programs = find_renderers({**os.environ, "PATH": os.pathsep.join([str(_TOOLS), os.environ.get("PATH", "")])})
    for file in sorted((corpus / "truth").glob("*.json")):
        reader = Reader(FolderTree(corpus / "repos" / file.stem), kinds.load({}), Shared())
        with rendering(reader, programs, "1.33.0", None) as opened:
            if opened.charts.helm is None:
                sys.exit("helm is not installed")
            for row in _charts(json.loads(file.read_text())):
                name = f"{file.stem}/{row['chart']}"
                try:
                    score.add(name, row, _images(reader, opened.charts.helm, row["chart"]))
                except Failed as error:
                    score.charts += 1
                    score.misses.append(f"{name}: {error}")
    return score


def main(arguments: list[str]) -> int:
    """Print both numbers and every miss; 1 where a target is missed. Without the repositories nothing is measured."""
    corpus = (
        Path(arguments[0]) if arguments else Path(os.environ.get("AUDITOR_SHARED", _ROOT.parent / "shared")) / "corpus"
    )
    if not (corpus / "truth").is_dir():
        print(f"not measured: {corpus} holds no repositories with their truth")
        return 0
    started = time.monotonic()
    score = measure(corpus)
    print(f"charts that helm renders: {score.charts}; the same images: {score.same}")
    print(f"images that values make: {score.of_values}; at the line of the value: {score.at_line}")
    print(f"charts with such images: {score.with_values}; all of them at their lines: {score.whole}")
    print(f"{time.monotonic() - started:.0f} s")
    for miss in score.misses:
        print(f"miss: {miss}")
    enough = score.same == score.charts and score.whole >= 0.9 * score.with_values
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
