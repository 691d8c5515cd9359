"""A change in a git repository, read whole, and as `check --changed-only` reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.reach import Reach, reach
from auditor.manifests.trees import read_trees
from auditor.source.change import Change
from auditor.source.differ import differing
from auditor.source.tree import Tree


def git(folder: Path, *arguments: str) -> None:
    """Run git there."""
    author = ["-c", "user.name=acme", "-c", "user.email=ci@acme.example"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


def narrow(change: Change) -> int:
    """Read what the change reaches; how many uses that is."""
    base, shared, settings = change.merge_bases[0], Shared(), ManifestSettings()
    within = reach((base, change.head), settings, shared, differing(base, change.head))
    if not isinstance(within, Reach):
        raise TypeError(f"the whole tree would be read: {within}")

    def read(tree: Tree, before: Inventory | None, within: Reach | None) -> Inventory:
        return inventory(tree, settings, shared, before=before, within=within)

    return len(read_trees((base,), None, change.head, read, within).after.uses)


def whole(change: Change) -> int:
    """Read both trees."""
    shared, settings = Shared(), ManifestSettings()
    before = inventory(change.merge_bases[0], settings, shared)
    return len(inventory(change.head, settings, shared, before=before).uses)
