"""`auditor images` over a folder of repositories, beside the bare work: reading, splitting and composing the candidates.

    python -m benchmarks.images [FOLDER]      default: the corpus beside the project

Also: what a one-line pull request costs in the largest of them, base and head together, against its whole tree.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from auditor.config.rules import ManifestSettings
from auditor.manifests import kinds, yaml
from auditor.manifests.files import MANIFESTS
from auditor.manifests.inventory import Shared, inventory
from auditor.manifests.text import prefilter
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import EntryKind, Tree
from benchmarks.table import Table

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus" / "repos"


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU: the machine may be busy with other things."""
    start = time.process_time()
    work()
    return time.process_time() - start


def candidates(tree: Tree) -> int:
    """The bare work: bytes read, documents split, those that may hold an image composed."""
    want = prefilter(kinds.load({}).words)
    size = 0
    for path, entry in tree.entries().items():
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS) and "/templates/" not in path:
            content = tree.read(path)
            size += len(content)
            for _document in yaml.documents(content, path, want=want):
                pass
    return size


def whole(trees: dict[str, Tree]) -> None:
    """Every repository once, in one process."""
    table = Table(
        "auditor images over whole trees", ("repositories", "MB", "bare s", "ours s", "ratio", "MB/s", "peak MB")
    )
    size = sum(candidates(tree) for tree in trees.values()) / 1e6
    bare = cpu(lambda: [candidates(tree) for tree in trees.values()])
    ours = cpu(lambda: [inventory(tree, ManifestSettings()) for tree in trees.values()])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.add(len(trees), size, bare, ours, ours / bare, size / ours, peak)
    table.show()


def one_line(trees: dict[str, Tree]) -> None:
    """A change of one line in every manifest of the largest repository in turn: the median and the dearest."""
    name = max(trees, key=lambda each: sum(entry.size or 0 for entry in trees[each].entries().values()))
    files = {path: trees[name].read(path) for path, e in trees[name].entries().items() if e.kind is EntryKind.FILE}
    base = MemoryTree(files, "base")
    full = cpu(lambda: inventory(base, ManifestSettings()))
    changed = [use.place.file for use in inventory(base, ManifestSettings()).uses]
    table = Table(
        f"One line changed in {name}", ("read", "whole s", "median s", "ratio", "dearest s", "ratio", "which")
    )
    for spare in (False, True):
        costs = []
        for path in sorted(set(changed))[:: max(1, len(set(changed)) // 12)]:
            head = MemoryTree({**files, path: files[path] + b"\n# one line\n"}, "head")
            costs.append((cpu(partial(both, base, head, path, spare=spare)), path))
        costs.sort()
        median, dearest = costs[len(costs) // 2][0], costs[-1]
        what = "what the change reaches" if spare else "roots that the change reaches"
        table.add(what, full, median, median / full, dearest[0], dearest[0] / full, dearest[1])
    table.show()


def both(base: Tree, head: Tree, path: str, *, spare: bool) -> None:
    """Base and head of a change, as the gate reads them."""
    shared, touched = Shared(), frozenset([path])
    before = inventory(base, ManifestSettings(), shared, touched=touched, spare=spare)
    inventory(head, ManifestSettings(), shared, before=before, touched=touched, spare=spare)


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    if not folder.is_dir():
        print(f"no repositories at {folder}: give a folder of them")
        return
    trees: dict[str, Tree] = {path.name: FolderTree(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    whole(trees)
    one_line(trees)


if __name__ == "__main__":
    main()
