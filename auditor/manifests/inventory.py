"""A tree → every image that it deploys, and everything that could not be seen."""

from __future__ import annotations

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT, Limits
from auditor.manifests import kinds
from auditor.manifests.entry import Chosen, entries
from auditor.manifests.files import Reader, Shared
from auditor.manifests.foreign import foreign
from auditor.manifests.graph.plan import Before, may_deploy
from auditor.manifests.graph.plan import plan as planned
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.render.tools import Renderers
from auditor.manifests.rendering import rendering
from auditor.manifests.result import Inventory, comparable
from auditor.manifests.scan import Scan
from auditor.source.tree import EntryKind, Tree

__all__ = ["Inventory", "Shared", "comparable", "inventory"]


def inventory(
    tree: Tree,
    settings: ManifestSettings,
    shared: Shared | None = None,
    *,
    every: bool = False,
    before: Inventory | None = None,
    touched: frozenset[str] | None = None,
    spare: bool = False,
    renderers: Renderers | None = None,
    changed: frozenset[str] | None = None,
    limits: Limits = DEFAULT,
) -> Inventory:
    """Every image that the tree deploys.

    `every`: each kustomization as a root of its own, and what nothing deploys (`deployed` False). `before`: the inventory
    of base; what was an entry point there stays one, so that a change cannot hide a root by loading it from another.
    `touched`: the paths whose content differs between base and head, given for both trees of a change: only entry points
    that they can reach are read. What is left out has the same uses in both. `spare`: inside of those entry points too only
    what the change can reach is read; a reference that the rest of the same root has already then looks new. `renderers`: programs that render; None reads without any.
    `changed`: the paths whose content differs, given for both trees of a change: all is read, and what they can reach is
    rendered.
    """
    if touched is not None and any(_is_link(tree, path) for path in touched):
        touched = None
    if touched is not None and renderers is not None:
        # Which root deploys a chart is known only when all roots are read.
        touched, changed = None, touched
    reader = Reader(tree, kinds.load(settings.kinds), shared or Shared(), limits)
    if touched is not None:
        touched = reader.with_links(touched)
    if changed is not None:
        changed = reader.with_links(changed)
    found = entries(reader, settings, before.roots if before else (), touched)
    if touched is not None and may_deploy(reader, {*found.files, *found.claims}):
        # Who deploys what, and with which values, is known only when all deployers are read.
        touched, found = None, entries(reader, settings, before.roots if before else ())
    with rendering(reader, renderers, settings.kube_version, changed) as rendered:
        builder = Builder(reader, limits, inflate=rendered.charts.inflated)
        plan = planned(reader, builder, found, settings, _earlier(before))
        scan = Scan(reader, rendered, builder, plan, every=every, spare=spare)
        parts = list(scan.parts(found, before, touched))
    uses = dict.fromkeys(use for part in parts for use in part.uses)
    if every:
        uses |= dict.fromkeys(scan.undeployed(uses))
    gaps = dict.fromkeys(found.gaps)
    gaps |= dict.fromkeys(gap for part in parts for gap in part.gaps)
    gaps |= dict.fromkeys(foreign(reader, Chosen.of(settings)))
    ordered = sorted(uses, key=lambda use: (use.place, use.root or "", use.reference))
    return Inventory(
        tuple(ordered),
        tuple(sorted(gaps, key=lambda gap: gap.place)),
        plan.roots,
        tuple(scan.loose),
        plan.named,
        frozenset(part.exact for part in parts if part.exact),
    )


def _earlier(before: Inventory | None) -> Before:
    return Before(frozenset(before.roots), frozenset(before.named)) if before else Before()


def _is_link(tree: Tree, path: str) -> bool:
    entry = tree.entries().get(path)
    return entry is not None and entry.kind is EntryKind.SYMLINK
