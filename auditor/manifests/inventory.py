"""A tree → every image that it deploys, and everything that could not be seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import replace

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT, Limits
from auditor.manifests.attributes import reencoded
from auditor.manifests.beyond.foreign import foreign
from auditor.manifests.beyond.untold import untold
from auditor.manifests.callers import handed
from auditor.manifests.chosen import Chosen
from auditor.manifests.entry import entries
from auditor.manifests.extract import kinds
from auditor.manifests.files import Part, Reader, Shared
from auditor.manifests.graph.plan import Before
from auditor.manifests.graph.plan import plan as planned
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.reach.reach import Reach
from auditor.manifests.reach.survey import survey
from auditor.manifests.render.tools import Renderers
from auditor.manifests.rendering import rendering
from auditor.manifests.result import Inventory, MadeDeployer, comparable
from auditor.manifests.scan import Scan
from auditor.model.use import Use
from auditor.source.tree import Tree

__all__ = ["Inventory", "Shared", "comparable", "inventory"]


def inventory(
    tree: Tree,
    settings: ManifestSettings,
    shared: Shared | None = None,
    *,
    every: bool = False,
    before: Inventory | None = None,
    within: Reach | None = None,
    renderers: Renderers | None = None,
    changed: frozenset[str] | None = None,
    limits: Limits = DEFAULT,
) -> Inventory:
    """Every image that the tree deploys.

    `every`: each kustomization as a root of its own, and what nothing deploys (`deployed` False). `before`: the inventory
    of base; what was an entry point there stays one, so that a change cannot hide a root by loading it from another.
    `within`: what a change reaches (`reach`), given for all trees of a change: only entry points that it reaches, and loose
    manifests beside it, are read. What is left out has the same uses and gaps in all of them. `renderers`: programs that
    render; None reads without any. `changed`: the paths whose content differs, given for all trees of a change: only what
    they can reach is rendered.
    """
    reader = Reader(tree, kinds.load(settings.kinds), shared or Shared(), limits)
    ground = None if within is None else within.ground(reader, settings)
    touched = ground.touched if ground else None
    if changed is not None:
        changed = reader.with_links(changed)
    found = entries(
        ground.found if ground else survey(reader, settings),
        before.roots if before else (),
        ground.affected if ground else None,
    )
    with rendering(reader, renderers, settings.kube_version, changed, settings.api_versions) as rendered:
        builder = Builder(reader, limits, inflate=rendered.charts.inflated)
        if ground is not None and ground.plan is not None:
            plan = dataclasses.replace(ground.plan, reader=reader)
        else:
            known = within is not None and within.is_known(tree)
            plan = planned(reader, builder, found, settings, _earlier(before), deployers=not known)
        scan = Scan(reader, rendered, builder, plan, every=every)
        parts = list(scan.parts(found, before, within))
    chosen = Chosen.of(settings)
    also = _builds(reader, chosen, settings, touched)
    parts += also
    judged = {_line(use) for part in also for use in part.uses}
    uses = _merged(use for part in parts for use in part.uses if use.deployed or _line(use) not in judged)
    if every:
        uses |= {use: use for use in scan.undeployed(uses)}
    uses |= {use: use for use in handed(reader, tuple(uses.values())) if use not in uses}
    gaps = dict.fromkeys(found.gaps)
    gaps |= dict.fromkeys(gap for part in parts for gap in part.gaps)
    files = [path for path in reader.files if chosen.all or path in chosen]
    gaps |= dict.fromkeys((*foreign(reader, chosen), *untold(reader, files, found.claims), *reencoded(reader, chosen)))
    made = tuple(gap for gap in gaps if isinstance(gap, MadeDeployer))
    ordered = sorted(uses.values(), key=lambda use: (use.place, use.root or "", use.reference))
    return Inventory(
        tuple(ordered),
        tuple(sorted((gap for gap in gaps if not isinstance(gap, MadeDeployer)), key=lambda gap: gap.place)),
        plan.roots,
        tuple(scan.loose),
        plan.named,
        frozenset(part.exact for part in parts if part.exact),
        made,
    )


def _builds(
    reader: Reader, chosen: Chosen, settings: ManifestSettings, touched: frozenset[str] | None
) -> tuple[Part, ...]:
    """What builds the software, where the rules ask for that too."""
    if not settings.also:
        return ()
    from auditor.manifests.builds import builds  # noqa: PLC0415 - few rules do

    return tuple(builds(reader, chosen, settings.also, touched))


def _merged(uses: Iterable[Use]) -> dict[Use, Use]:
    """Each use once, with the places of everything that deploys it."""
    merged: dict[Use, Use] = {}
    for use in uses:
        known = merged.setdefault(use, use)
        if known.deployers != use.deployers:
            merged[use] = replace(known, deployers=tuple(sorted({*known.deployers, *use.deployers})))
    return merged


def _line(use: Use) -> tuple[str, int]:
    return use.place.file, use.place.line


def _earlier(before: Inventory | None) -> Before:
    return Before(frozenset(before.roots), frozenset(before.named)) if before else Before()
