"""Which images others find in the same repositories: `grep image:`, Kyverno's extraction, the real Renovate, and this program.

    python -m benchmarks.peers [FOLDER] [--programs]      default: the corpus beside the project

`FOLDER` holds `repos/` and `truth/` (what the real kustomize and helm deploy). Every way runs in a process of its own. Recall
is over the distinct images of entry points and charts; an image found is right if it is deployed, or written under a key
`image`. The truth knows only keys `image`: what stands in arguments, split values and strings counts as wrong here, so
precision is a lower bound. `--programs` adds this program with kustomize and helm, as PATH has them.

At the end: what only Renovate finds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from auditor.config.rules import ManifestSettings
from auditor.manifests.files import MANIFESTS
from auditor.manifests.inventory import inventory
from auditor.manifests.render.tools import find_renderers
from auditor.manifests.text import is_template, without_scheme
from auditor.model.reference import InvalidReference, Reference
from auditor.source.folder import FolderTree
from auditor.source.tree import EntryKind, Unreadable
from benchmarks import kyverno_rules, renovate
from benchmarks.images import CORPUS
from benchmarks.measure import Cost, captured
from benchmarks.table import Table

_LINE: Final = re.compile(rb"""^\s*(?:-\s*)?["']?image["']?\s*:\s*["']?([^\s"'#]+)""", re.MULTILINE)


def grep(repository: Path) -> Iterator[str]:
    """Lines `image: …` of YAML and JSON files."""
    for _path, content in _files(repository):
        yield from (found.decode("utf-8", "replace") for found in _LINE.findall(content))


def kyverno(repository: Path) -> Iterator[str]:
    """What Kyverno's own extractors find in the resources as they are written."""
    for path, content in _files(repository):
        yield from kyverno_rules.images(content, path)


def ours(repository: Path) -> Iterator[str]:
    """This program, without others."""
    yield from (use.reference for use in inventory(FolderTree(repository), ManifestSettings(), every=True).uses)


def deployed(repository: Path) -> Iterator[str]:
    """This program with kustomize and helm: only what is deployed."""
    found = inventory(FolderTree(repository), ManifestSettings(), renderers=find_renderers(os.environ))
    yield from (use.reference for use in found.uses)


def _files(repository: Path) -> Iterator[tuple[str, bytes]]:
    tree = FolderTree(repository)
    for path, entry in tree.entries().items():
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS):
            try:
                yield path, tree.read(path)
            except Unreadable:
                continue


WAYS: Final[dict[str, Callable[[Path], Iterator[str]]]] = {
    "grep": grep,
    "kyverno": kyverno,
    "ours": ours,
    "deployed": deployed,
}
TITLES: Final = {
    "grep": "`grep image:`",
    "kyverno": "Kyverno's extractors, on the files",
    "renovate": f"Renovate {renovate.VERSION}",
    "ours": "auditor, alone",
    "deployed": "auditor, with kustomize and helm",
}


def spelled(reference: str) -> str:
    """A reference in one spelling: host, repository, tag and digest; what is none is left as it is."""
    try:
        return _one_spelling(Reference.parse(without_scheme(reference)))
    except InvalidReference:
        return reference


def _one_spelling(reference: Reference) -> str:
    tag = f":{reference.tag}" if reference.tag else ""
    return f"{reference.name}{tag}{f'@{reference.digest}' if reference.digest else ''}"


class Score(Struct):
    """What one way found in all repositories: how much of the truth, how much that is right, and the cost."""

    truth: int = 0
    hit: int = 0
    found: int = 0
    right: int = 0
    cost: Cost = field(default_factory=lambda: Cost(0.0, 0.0, 0.0))

    def add(self, found: set[str], truth: Truth, cost: Cost) -> None:
        """One repository more."""
        self.truth += len(truth.deployed)
        self.hit += len(found & truth.deployed)
        self.found += len(found)
        self.right += len(found & (truth.deployed | truth.written))
        before = self.cost
        self.cost = Cost(before.wall + cost.wall, before.cpu + cost.cpu, max(before.memory, cost.memory))


class Truth(Struct, frozen=True):
    """Distinct images that entry points and charts deploy, and those written under a key `image` outside of tests."""

    deployed: frozenset[str]
    written: frozenset[str]

    @classmethod
    def read(cls, file: Path) -> Truth:
        """Read one file of the corpus."""
        truth = json.loads(file.read_text())
        made = [row for row in truth["kustomize"] if row["status"] == "ok"]
        entries = [row for row in made if row.get("top")] + [row for row in truth["helm"] if row["status"] == "ok"]
        images = {image for row in entries for image in row["images"]}
        written = {hit["image"] for hit in truth["literal"]} | {image for row in made for image in row["images"]}
        return cls(frozenset(map(spelled, images)), frozenset(map(spelled, written)))


def measured(way: str, repository: Path) -> tuple[dict[str, str], Cost]:
    """The references (in one spelling) that one way finds in a repository, each with where; in a process of its own."""
    if way == "renovate":
        found, cost = renovate.extract(repository)
        return {spelled(each.reference): f"{each.file} ({each.manager})" for each in found}, cost
    command = [sys.executable, "-m", "benchmarks.peers", str(repository), "--way", way]
    output, cost = captured(command, environ=os.environ)
    return {spelled(each): "" for each in json.loads(output) if not is_template(each)}, cost


def compared(corpus: Path, ways: list[str]) -> None:
    """Every way over every repository."""
    scores = {way: Score() for way in ways}
    missed = Table("What only Renovate finds", ("repository", "reference", "where"))
    for repository in sorted(path for path in (corpus / "repos").iterdir() if path.is_dir()):
        truth = Truth.read(corpus / "truth" / f"{repository.name}.json")
        found: dict[str, dict[str, str]] = {}
        for way in ways:
            found[way], cost = measured(way, repository)
            scores[way].add(set(found[way]), truth, cost)
        for reference, where in sorted(found.get("renovate", {}).items()):
            if reference not in found["ours"] and not is_template(reference):
                missed.add(repository.name, reference, where)
    table = Table(
        "Images found in the corpus", ("way", "recall %", "precision % ≥", "found", "CPU s", "wall s", "peak MB")
    )
    for way, score in scores.items():
        recall, precision = 100 * score.hit / score.truth, 100 * score.right / score.found
        table.add(TITLES[way], recall, precision, score.found, score.cost.cpu, score.cost.wall, score.cost.memory)
    table.show()
    if "renovate" in ways:
        missed.show()


def main() -> None:
    """Measure and print; with `--way`, do the work of one way and print what it finds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS.parent)
    parser.add_argument("--programs", action="store_true")
    parser.add_argument("--way", choices=sorted(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(sorted(set(WAYS[options.way](options.folder)))))
        return
    if not (options.folder / "truth").is_dir():
        print(f"no repositories with their truth at {options.folder}: give a folder of them")
        return
    ways = ["grep", "kyverno", "ours", *(["deployed"] if options.programs else [])]
    why = renovate.missing()
    if why is None:
        ways.append("renovate")
    else:
        print(f"Renovate is left out: {why}")
    compared(options.folder, ways)


if __name__ == "__main__":
    main()
