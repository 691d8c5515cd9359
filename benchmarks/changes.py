"""A change in a git repository, read whole, and as `check --changed-only` reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.reach.reach import Reach, reach
from auditor.manifests.trees import read_trees
from auditor.source.change import Change
from auditor.source.differ import differing
from auditor.source.tree import Tree


def git(folder: Path, *arguments: str) -> None:
    """Run git there."""
    author = ["-c", "user.name=acme", "-c", "user.email=ci@acme.example"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


def narrow(change: Change) -> int:
    """Read what the change reaches, or everything where that is not known; how many uses that is."""
    base, settings = change.merge_bases[0], ManifestSettings()
    touched = differing(base, change.head)
    shared = Shared(differing=touched)
    found = reach((base, change.head), settings, shared, touched)
    reached = found if isinstance(found, Reach) else None

    def read(tree: Tree, before: Inventory | None, within: Reach | None) -> Inventory:
        return inventory(tree, settings, shared, before=before, within=within)

    return len(read_trees((base,), None, change.head, read, reached).after.uses)


def why_whole(change: Change) -> str | None:
    """Why `narrow` reads everything; None where it does not."""
    base = change.merge_bases[0]
    found = reach((base, change.head), ManifestSettings(), Shared(), differing(base, change.head))
    return None if isinstance(found, Reach) else found


def whole(change: Change) -> int:
    """Read both trees."""
    base, settings = change.merge_bases[0], ManifestSettings()
    shared = Shared(differing=differing(base, change.head))
    before = inventory(base, settings, shared)
    return len(inventory(change.head, settings, shared, before=before).uses)
