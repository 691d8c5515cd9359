"""`auditor images` over a folder of repositories, beside the bare work: reading, splitting and composing the candidates.

    python -m benchmarks.images [FOLDER]      default: the corpus beside the project

Also: what a one-line pull request costs in the largest of them, base and head together, against its whole tree.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from auditor.config.rules import ManifestSettings
from auditor.manifests import yaml
from auditor.manifests.extract import kinds
from auditor.manifests.files import MANIFESTS
from auditor.manifests.inventory import inventory
from auditor.manifests.text import prefilter
from auditor.source.change import open_change
from auditor.source.folder import FolderTree
from auditor.source.tree import EntryKind, Tree
from benchmarks.changes import git, narrow
from benchmarks.table import Table

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus" / "repos"

TAG = re.compile(rb"\b(?:image|newTag): *[\"']?[\w./-]+(?::[\w.-]+)?")


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


def one_line(folder: Path, tries: int) -> None:
    """One line changed in manifests all over a repository in turn: base and head together, beside its whole tree."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "tree"
        shutil.copytree(folder, copy, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", str(copy)], check=True)
        git(copy, "init", "-q", "-b", "main")
        git(copy, "add", "-A", "-f")
        git(copy, "commit", "-q", "-m", "base")
        with open_change(copy, None, "main") as change:
            full = min(cpu(partial(inventory, change.head, ManifestSettings())) for _ in range(2))
            changed = sorted({use.place.file for use in inventory(change.head, ManifestSettings()).uses})
        costs = sorted(cost_of(copy, path) for path in changed[:: max(1, len(changed) // tries)])
    table = Table(f"One line changed in {folder.name}", ("manifest", "whole CPU s", "changed CPU s", "ratio", "which"))
    for name, (cost, path) in (("median", costs[len(costs) // 2]), ("dearest", costs[-1])):
        table.add(name, full, cost, cost / full, path)
    table.show()


def cost_of(repository: Path, path: str) -> tuple[float, str]:
    """CPU of reading what a change of one line of a file reaches, in base and head: its first image gets another tag."""
    git(repository, "checkout", "-q", "-B", "change", "main")
    content = (repository / path).read_bytes()
    changed = TAG.sub(rb"\g<0>-changed", content, count=1)
    (repository / path).write_bytes(changed if changed != content else content + b"\n# one line\n")
    git(repository, "commit", "-q", "-a", "-m", "change")
    with open_change(repository, "main", "change") as change:
        return cpu(partial(narrow, change)), path


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    if not folder.is_dir():
        print(f"no repositories at {folder}: give a folder of them")
        return
    trees: dict[str, Tree] = {path.name: FolderTree(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    whole(trees)
    largest = max(trees, key=lambda each: sum(entry.size or 0 for entry in trees[each].entries().values()))
    one_line(folder / largest, 12)


if __name__ == "__main__":
    main()
