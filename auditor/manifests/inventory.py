"""A tree → every image that it deploys, and everything that could not be seen."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT, Limits
from auditor.manifests import kinds, yaml
from auditor.manifests.extract import Found, extract, is_policy
from auditor.manifests.files import MANIFESTS, Contents, Reader, Shared, tangled, templated
from auditor.manifests.objects import Object
from auditor.manifests.text import is_template
from auditor.model.gap import Gap
from auditor.model.use import Use
from auditor.source.tree import EntryKind, Tree

__all__ = ["Inventory", "Shared", "inventory"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every use in file order, every gap. `roots` are the entry points, `loose` the manifests that nothing loads."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    roots: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()


def inventory(
    tree: Tree,
    settings: ManifestSettings,
    shared: Shared | None = None,
    *,
    every: bool = False,
    before: Inventory | None = None,
    limits: Limits = DEFAULT,
) -> Inventory:
    """Every image that the tree deploys.

    `every`: each kustomization as a root of its own, and what nothing deploys (`deployed` False). `before`: the inventory
    of base; what was an entry point there stays one, so that a change cannot hide a root by loading it from another.
    """
    reader = Reader(tree, kinds.load(settings.kinds), shared or Shared(), limits)
    uses: list[Use] = []
    gaps: list[Gap] = []
    for path, entry in tree.entries().items():
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS):
            contents = reader.contents(path)
            found, holes = loose_uses(contents, reader.kinds, every=every)
            uses.extend(found)
            gaps.extend((*contents.gaps, *holes))
    return Inventory(tuple(uses), tuple(gaps))


def loose_uses(contents: Contents, table: kinds.Kinds, *, every: bool) -> tuple[list[Use], list[Gap]]:
    """The uses of a file that no root loads. What says no kind is deployed by nothing."""
    uses: list[Use] = []
    gaps: list[Gap] = []
    for item in contents.objects:
        deployed = item.deploys and not is_policy(item, table)
        if not (deployed or every):
            continue
        try:
            for found in extract(item, table):
                uses.append(use_of(found, item, None, deployed=deployed))
                if deployed and is_template(found.text):
                    gaps.append(templated(found, uses[-1].place))
        except yaml.Tangled as error:
            gaps.append(tangled(item, error))
    return uses, gaps


def use_of(found: Found, item: Object, root: str | None, *, deployed: bool = True) -> Use:
    """What was found in an object, as a use."""
    scalar = found.scalar
    return Use(
        found.text,
        scalar.place(found.path),
        item.workload(),
        found.container,
        root,
        scalar.via,
        scalar.base,
        deployed,
        found.confidence,
        found.sort,
    )
