"""Our own reading of kustomizations, beside a process `kustomize build` for each: the same entry points, the same files.

    python -m benchmarks.kustomizations [FOLDER] [--roots 60]      default: the corpus beside the project

Of all entry points that the truth says kustomize builds, every n-th is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from auditor.manifests.extract import kinds
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader, Shared
from auditor.manifests.kustomize.build import Builder
from auditor.source.folder import FolderTree
from benchmarks.images import CORPUS, ROOT, cpu
from benchmarks.measure import captured
from benchmarks.table import Table


def ours(folder: Path, roots: list[str]) -> int:
    """Read the roots of a repository as a run does, what several share once; how many references there are."""
    reader = Reader(FolderTree(folder), kinds.load({}), Shared())
    builder = Builder(reader)
    return sum(len(extract(item, reader.kinds)) for root in roots for item in builder.build(root).objects)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS.parent)
    parser.add_argument("--roots", type=int, default=60)
    options = parser.parse_args()
    program = shutil.which("kustomize", path=f"{ROOT / '.cache' / 'tools'}{os.pathsep}{os.environ['PATH']}")
    if program is None or not (options.folder / "truth").is_dir():
        print("left out: there is no kustomize here" if program is None else f"no truth at {options.folder}")
        return
    every = [
        (truth.stem, row["root"] or ".")
        for truth in sorted((options.folder / "truth").glob("*.json"))
        for row in json.loads(truth.read_text())["kustomize"]
        if row["status"] == "ok" and not row.get("enable_helm")
    ]
    chosen = every[:: max(1, len(every) // options.roots)]
    own = theirs = 0.0
    for name in dict.fromkeys(name for name, _ in chosen):
        folder = options.folder / "repos" / name
        roots = [root for each, root in chosen if each == name]
        own += cpu(lambda: ours(folder, roots))  # noqa: B023 - called at once
        for root in roots:
            command = [program, "build", "--load-restrictor=LoadRestrictionsNone", str(folder / root)]
            theirs += captured(command, environ=os.environ)[1].cpu
    table = Table("Kustomizations", ("roots", "`kustomize build` CPU s", "our reading CPU s", "times faster"))
    table.add(len(chosen), theirs, own, theirs / own)
    table.show()


if __name__ == "__main__":
    main()
