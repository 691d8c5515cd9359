"""What a change of one line costs in each repository of a folder: base and head, read as `check --changed-only` reads them.

    python -m benchmarks.one_line [FOLDER] [--tries 12] [--repeat 2]      default: the corpus beside the project

For manifests spread over the tree: a comment is added, or the first image gets another tag. CPU of this process and of the git
commands that it runs, as a part of what reading the whole tree once costs. What is read whole all the same is told by its reason.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.change import Change, open_change
from benchmarks.changes import git, narrow, why_whole
from benchmarks.images import CORPUS, TAG
from benchmarks.table import Table

Edit: TypeAlias = Callable[[bytes], bytes]
EDITS: Final[dict[str, Edit]] = {
    "a comment": lambda content: content + b"\n# one line\n",
    "another tag": lambda content: TAG.sub(rb"\g<0>-changed", content, count=1),
}


def used() -> float:
    """Seconds of CPU so far, of this process and of the commands that have ended."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


def cost(repository: Path, base: str | None, head: str, work: Callable[[Change], object], repeat: int) -> float:
    """The least CPU of several runs, each in a repository that is opened anew, which is no part of it."""
    costs: list[float] = []
    for _ in range(repeat):
        with open_change(repository, base, head) as change:
            start = used()
            work(change)
            change.close()
            costs.append(used() - start)
    return min(costs)


def read_whole(change: Change) -> object:
    """Read head."""
    return inventory(change.head, ManifestSettings())


def committed(folder: Path, copy: Path) -> None:
    """A repository with the files of a folder on its branch `main`, in one pack as in a clone."""
    shutil.copytree(folder, copy, symlinks=True)
    subprocess.run(["chmod", "-R", "u+w", str(copy)], check=True)
    git(copy, "init", "-q", "-b", "main")
    git(copy, "add", "-A", "-f")
    git(copy, "commit", "-q", "-m", "base")
    git(copy, "repack", "-a", "-d", "-q")


def change_line(repository: Path, path: str, edit: Edit) -> bool:
    """Commit the edit on a branch `change`; False where it edits nothing."""
    content = (repository / path).read_bytes()
    if edit(content) == content:
        return False
    git(repository, "checkout", "-q", "-B", "change", "main")
    (repository / path).write_bytes(edit(content))
    git(repository, "commit", "-q", "-a", "-m", "change")
    return True


def measure(folder: Path, tries: int, repeat: int, table: Table) -> Counter[str]:
    """One row for each edit; how often which reason made the whole tree be read."""
    whys: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "tree"
        committed(folder, copy)
        full = cost(copy, None, "main", read_whole, repeat)
        with open_change(copy, None, "main") as change:
            files = sorted({use.place.file for use in inventory(change.head, ManifestSettings()).uses})
        for name, edit in EDITS.items():
            ratios: list[float] = []
            whole = 0
            for path in files[:: max(1, len(files) // tries)]:
                if not change_line(copy, path, edit):
                    continue
                with open_change(copy, "main", "change") as change:
                    why = why_whole(change)
                if why is not None:
                    whole += 1
                    whys[why] += 1
                ratios.append(100 * cost(copy, "main", "change", narrow, repeat) / full)
                git(copy, "checkout", "-q", "main")
            if ratios:
                parts = (min(ratios), statistics.median(ratios), max(ratios))
                within = sum(ratio <= 10 for ratio in ratios)
                table.add(folder.name.replace("+", "/"), full, name, len(ratios), *map(round, parts), within, whole)
    return whys


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--tries", type=int, default=12)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"no repositories at {options.folder}: give a folder of them")
        return
    heads = (
        "repository",
        "whole CPU s",
        "change",
        "tried",
        "least %",
        "median %",
        "dearest %",
        "<= 10 %",
        "read whole",
    )
    table, whys = Table("One line changed", heads), Counter[str]()
    for folder in sorted(options.folder.iterdir()):
        if folder.is_dir():
            whys += measure(folder, options.tries, options.repeat, table)
    table.show()
    for why, count in whys.most_common():
        print(f"{count:4} read whole: {why}")


if __name__ == "__main__":
    main()
