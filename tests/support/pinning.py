"""Pins for every image of a tree, whatever a registry would say: each name and tag has a digest of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from auditor.config.rules import ManifestSettings
from auditor.edit.pins import Plan, is_unpinned, plan
from auditor.edit.splice import spliced
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.render.tools import Renderers
from auditor.model.reference import Digest, Reference
from auditor.model.use import Use
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree


def digest_of(reference: str) -> Digest:
    """Of the image that a reference names, however it is written."""
    return Digest.of(str(Reference.parse(reference)).encode())


def everything(_: object) -> bool:
    """Every file, or every use."""
    return True


class Pinned(Struct, frozen=True):
    """A plan, the inventories around it, and the files after it."""

    plan: Plan
    before: Inventory
    files: Mapping[str, bytes]

    @property
    def after(self) -> Mapping[str, bytes]:
        """The files that the plan changes, changed."""
        return {file: spliced(self.plan.before[file], splices) for file, splices in self.plan.splices.items()}

    def again(self) -> Pinned:
        """The same on the files that it made."""
        return pin({**self.files, **self.after})


def pin(
    files: Mapping[str, bytes],
    wish: Callable[[Use], bool] = everything,
    inside: Callable[[str], bool] = everything,
    renderers: Renderers | None = None,
) -> Pinned:
    """Pin whatever is wished in these files."""
    shared = Shared()

    def read(tree: Tree) -> Inventory:
        return inventory(tree, ManifestSettings(), shared, renderers=renderers)

    tree = MemoryTree(files, "t")
    before = read(tree)
    wishes = {use: digest_of(use.reference) for use in before.uses if is_unpinned(use) and wish(use)}
    return Pinned(plan(tree, before, wishes, inside, read), before, files)
