"""Entry points of a tree with the ways in which they are deployed: what to read, and how.

A change must not hide what is there: what was read without a deployer in base is so in head too, whatever head deploys it by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from auditor.config.rules import ManifestSettings
from auditor.manifests.entry import Entries
from auditor.manifests.extract.extract import extract
from auditor.manifests.extract.found import Found
from auditor.manifests.files import Reader
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.generators import applications, is_set
from auditor.manifests.graph.graph import Graph, Ground, Holds, graph
from auditor.manifests.graph.overrides import overrides
from auditor.manifests.graph.settings import Settings
from auditor.manifests.kustomize.build import Builder, Spares
from auditor.manifests.kustomize.built import Built
from auditor.manifests.objects import Object
from auditor.model.place import Place

_ON_TOP: Final = re.compile(
    r"(?:.*\.)?spec\.(?:sources?(?:\[\d+\])?\.kustomize|patches|patchesStrategicMerge|patchesJson6902|images|postBuild)\b.*"
)


class Before(Struct, frozen=True):
    """Of base: its entry points, and those of them that only a deployer of the tree deploys."""

    roots: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


@dataclass(slots=True)
class Plan:
    """What to read of a tree.

    `ways`: each directory with how it is deployed (None: as it is written). `others`: kustomizations that are deployed only
    as parts of something. `roots`: every entry point. `named`: those that only a deployer deploys.
    """

    reader: Reader
    graph: Graph
    ways: tuple[tuple[str, Deployment | None], ...]
    others: tuple[str, ...]
    settings: Settings
    named: tuple[str, ...] = ()
    roots: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.roots = tuple(dict.fromkeys(root for root, _ in self.ways))

    @property
    def identity(self) -> str:
        """What tells what was read by this plan from the rest in a cache, in one process."""
        return str(hash(self.graph.resolved))

    def filling(self, root: str) -> Deployment | None:
        """Values of the rules for what has no deployer in the tree."""
        values = self.settings.named(root)
        return Deployment(root, "", Place(root), values=values) if values else None

    def opened(self, item: Object, found: list[Found], way: Deployment | None) -> Iterator[tuple[Object, list[Found]]]:
        """An object and its references as the cluster gets them: variables filled in, sets of Applications made."""
        if way is not None:
            found = [way.filled(one, item) for one in found]
            item = way.filled_object(item)
        if is_set(item):
            made = applications(item, self.reader).applications
            for application in made:
                yield application, self._without_top(application, extract(application, self.reader.kinds))
        else:
            yield item, self._without_top(item, found)

    def _without_top(self, item: Object, found: list[Found]) -> list[Found]:
        """Without what is put on top of a directory, and is seen there."""
        if not self.graph.resolves(item):
            return found
        return [one for one in found if not _ON_TOP.fullmatch(one.path)]


def is_plain(way: Deployment | None) -> bool:
    """Whether the directory's own kustomization is built as it is written."""
    return way is None or (not way.overlay.entries and not way.charts.entries and way.files is None)


def build(builder: Builder, root: str, way: Deployment | None, spare: Spares | None = None) -> Built:
    """The objects of a directory as it is deployed, before variables are filled in. `spare`: what may be left out."""
    if way is None or is_plain(way):
        return builder.build(root, spare=spare)
    return builder.deployed(root, way.identity, way.place, way.on, way.charts)


def plan(
    reader: Reader,
    builder: Builder,
    found: Entries,
    settings: ManifestSettings,
    before: Before,
    *,
    deployers: bool = True,
    holds: Holds | None = None,
) -> Plan:
    """Follow what the tree deploys, and put it together with the entry points that nothing names.

    `deployers`: whether the tree may hold any; `holds`: whether what one deploys may hold another.
    """
    ground = Ground(found.kustomizations, found.links, found.claims, found.roots, found.files)
    made = graph(reader, builder, ground, settings, holds) if deployers else Graph()
    ways: list[tuple[str, Deployment | None]] = []
    named: list[str] = []
    entry_points = frozenset(found.roots)
    laid_over: dict[str, list[Deployment]] = {}
    for directory, one in overrides(reader, found.kustomizations, made.applied):
        if isinstance(one, Deployment):
            laid_over.setdefault(directory, []).append(one)
        else:
            made.gaps = (*made.gaps, one)
    if found.affected is not None:
        laid_over = {root: laid for root, laid in laid_over.items() if root in found.affected}
    for root in sorted({*entry_points, *made.deployments, *laid_over}):
        mine = made.deployments.get(root, ())
        was_plain = root in before.roots and root not in before.named
        is_entry = root in entry_points and not mine and root not in made.covered
        if is_entry or (root in found.kustomizations and (root in made.plain or was_plain)):
            ways.append((root, None))
        elif root in found.kustomizations or mine:
            named.append(root)
        ways += [(root, way) for way in (*mine, *laid_over.get(root, ()))]
    read = {root for root, _ in ways}
    seen = {root for root, way in ways if is_plain(way)}
    others = tuple(sorted({*found.others, *named, *read} & found.kustomizations.keys() - seen))
    values = Settings(reader, given=settings.substitute)
    return Plan(reader, made, tuple(ways), others, values, tuple(named))


__all__ = ["Before", "Plan", "build", "is_plain", "plan"]
