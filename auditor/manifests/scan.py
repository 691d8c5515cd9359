"""One reading of one tree: every root, every file that no root loads, every chart that nothing deploys."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterable, Iterator
from functools import cache, partial

from msgspec.structs import replace

from auditor.manifests.contents import unparsable
from auditor.manifests.entry import Entries
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import MANIFESTS, OutOfTree, Part, Reader
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.plan import Plan, build
from auditor.manifests.helm.settings import deploys
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.kustomize.kustomization import NAMES as KUSTOMIZATIONS
from auditor.manifests.reach.reach import Reach
from auditor.manifests.reach.spare import Spare
from auditor.manifests.rendering import Rendering
from auditor.manifests.result import Inventory
from auditor.manifests.uses import Uses, templates, use_of
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Use
from auditor.source.tree import EntryKind


class Scan:
    """One reading of one tree."""

    def __init__(self, reader: Reader, rendered: Rendering, builder: Builder, plan: Plan, *, every: bool) -> None:
        self.reader = reader
        self._rendering = rendered
        self.loose: list[str] = []
        self._loaded: set[str] = set()
        self._listed: frozenset[str] = frozenset()
        self._spare: Spare | None = None
        self._every = every
        self._builder = builder
        self._plan = plan
        self._uses = Uses(reader, rendered, every)

    def parts(self, found: Entries, before: Inventory | None, within: Reach | None) -> Iterator[Part]:
        """Every root, then every file that no root loads, then every chart that neither deploys."""
        known = frozenset(before.roots) if before else frozenset(found.roots)
        if within is not None and self._rendering.kustomize is None:
            self._spare = Spare(self.reader, found, within, self.reader.with_links(within.paths))
        self._listed = frozenset((*found.files, *found.chart_files))
        yield Part((), self._plan.graph.gaps)
        deployed: set[Use] = set()
        if within is not None and within.left is not None:
            left, same = set(within.left), _nothing_is
        else:
            left = {root for root, _ in self._plan.ways if _is_left_out(root, found, known)}
            same = cache(partial(found.load, left=frozenset(left)))
        for root, way in self._plan.ways:
            if root in left:
                continue
            part = _placed(self._root(root, way, deployed=True), way)
            if part.gaps:  # what is said of something that a root loads which is left out is as it was
                part = replace(part, gaps=tuple(gap for gap in part.gaps if gap.root is None or not same(gap.root)))
            self._loaded.update(path for path, identity in part.seen if identity)
            deployed.update(part.uses)
            yield part
        if self._every:
            for root in self._plan.others:
                part = self._root(root, None, deployed=False)
                self._loaded.update(path for path, identity in part.seen if identity)
                yield Part(
                    tuple(use for use in part.uses if dataclasses.replace(use, deployed=True) not in deployed),
                    part.gaps,
                )
        yield from self._loose_parts(found, before, within)
        yield from self._chart_parts(found)
        if self._every:
            for path in found.chart_files:
                yield Part(self._file(path).uses, ())

    def _loose_parts(self, found: Entries, before: Inventory | None, within: Reach | None) -> Iterator[Part]:
        """Every file that no root loads."""
        self.loose = self._loose_files(found, frozenset(before.loose) if before else frozenset())
        known = frozenset(before.loose) if before else frozenset(self.loose)
        for path in self.loose:
            if within is None or posixpath.dirname(path) in within.directories or path not in known:
                part = self._file(path)
                yield Part(part.uses, ()) if path in found.templates else part

    def _loose_files(self, found: Entries, before: frozenset[str]) -> list[str]:
        """Manifests that no kustomization loads, or none that speaks for their directory.

        A directory with loose manifests is applied as it is: a kustomization elsewhere that also loads a file of it (and
        may override its image) must not hide the file. What was loose in base stays loose.
        """
        files = found.files
        if found.beside is not None:
            files = tuple(path for path in files if posixpath.dirname(path) in found.beside)
        free = [path for path in files if path not in found.claims or path in before]
        foreign = {
            path: posixpath.dirname(path) or "."
            for path in files
            if path not in before
            and path in found.claims
            and (posixpath.dirname(path) or ".") not in found.claims[path]
        }
        asked = frozenset(foreign.values())
        beside = (path for path in free if (posixpath.dirname(path) or ".") in asked)
        plain = {posixpath.dirname(path) or "." for path in beside if self._deploys(path)}
        loose = sorted([*free, *(path for path, directory in foreign.items() if directory in plain)])
        return [path for path in loose if path not in self._plan.graph.covered or path in before]

    def _deploys(self, path: str) -> bool:
        try:
            target = self.reader.resolve(path)
        except OutOfTree:
            return False
        return target is not None and any(item.deploys for item in self.reader.contents(target).objects)

    def undeployed(self, uses: Iterable[Use]) -> Iterator[Use]:
        """References in files that roots load, and that no root deploys: overridden, deleted, in a patch for nothing."""
        known = {place for use in uses for place in (use.place, use.base) if place is not None}
        places = {(place.file, place.line, place.column) for place in known}
        for path in sorted(self._loaded):
            if path.lower().endswith(MANIFESTS) and self.reader.files[path].kind is EntryKind.FILE:
                for use in self._file(path).uses:
                    if (use.place.file, use.place.line, use.place.column) not in places:
                        yield dataclasses.replace(use, deployed=False)

    # ── roots ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _root(self, root: str, way: Deployment | None, *, deployed: bool) -> Part:
        way = way or self._plan.filling(root)
        spare = self._spare.of(root) if self._spare and way is None and deployed else None
        how = f"{deployed}{self._rendering.identity}{way.identity if way else ''}{self._plan.identity}"
        whole, roots = (root, how), self.reader.shared.roots
        part_only = (root, f"{how}{spare.identity}") if spare else whole
        for key in dict.fromkeys((whole, part_only)):
            for known in roots.get(key, ()):
                if all(self.reader.identity(path) == identity for path, identity in known.seen):
                    return known
        part = self._build(root, way, spare, deployed=deployed)
        roots.setdefault(part_only if part.partial else whole, []).append(part)
        return part

    def _build(self, root: str, way: Deployment | None, spare: Spare | None, *, deployed: bool) -> Part:
        with self.reader.tracing() as seen:
            built = build(self._builder, root, way, spare)
            objects, gaps = self._rendering.read(root, built, seen, way)
            uses: list[Use] = []
            lookup = self._rendering.lookup(built.objects, built.skipped)
            for item, references in (one for pair in objects for one in self._plan.opened(*pair, way)):
                found, holes = self._uses.of(item, references, root, deployed=deployed, lookup=lookup)
                uses.extend(found)
                gaps.extend(holes)
        gaps = [gap if gap.root else replace(gap, root=root) for gap in gaps]
        exact = root if root in self._rendering.exact else None
        if exact is None and any(
            posixpath.basename(path) in KUSTOMIZATIONS for path in seen if path in self.reader.files
        ):
            uses = [dataclasses.replace(use, superset=use.root == root) for use in uses]
        return Part(tuple(uses), tuple(gaps if deployed else ()), tuple(seen.items()), exact, built.partial)

    # ── loose files ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _file(self, path: str) -> Part:
        try:
            target = self.reader.resolve(path)
        except OutOfTree as error:
            return Part((), (unparsable(Place(path), str(error)),))
        if target is None:
            return Part((), (Gap(Place(path), "broken symlink", "it leads to nothing"),))
        if self.reader.files[path].kind is EntryKind.SYMLINK and self._is_read(target):
            return Part((), ())
        contents = self.reader.contents(target)
        uses: list[Use] = []
        gaps = list(contents.gaps)
        lookup = self._rendering.lookup(contents.objects, (target,))
        with self.reader.tracing():
            self.reader.resolve(target)
            way = self._plan.filling(path)
            pairs = ((item, extract(item, self.reader.kinds)) for item in contents.objects)
            for item, references in (one for pair in pairs for one in self._plan.opened(*pair, way)):
                found, holes = self._uses.of(item, references, None, deployed=item.deploys, lookup=lookup)
                uses.extend(found)
                gaps.extend(holes)
        for line in contents.lines:
            uses.append(use_of(line, None, None))
            gaps.extend(templates([line], None))
        return Part(tuple(uses), tuple(gaps))

    def _is_read(self, target: str) -> bool:
        """Whether what a symlink leads to is read under its own name: not where that is no manifest's, or left out."""
        return target in self._listed or posixpath.basename(target) in KUSTOMIZATIONS

    def _chart_parts(self, found: Entries) -> Iterator[Part]:
        """What deploys charts and is no object, then every chart that nothing deploys."""
        for path in found.files:
            if deploys(path):
                yield self._named(path)
        for chart in found.charts:
            if self._every or chart not in self._rendering.charts.used:
                yield self._chart(chart)

    def _chart(self, chart: str) -> Part:
        """A chart by itself, with the values that it starts with."""
        key = (chart, f"chart{self._rendering.identity}")
        for known in self.reader.shared.roots.get(key, ()):
            if all(self.reader.identity(path) == identity for path, identity in known.seen):
                return known
        with self.reader.tracing() as seen:
            made = self._rendering.charts.alone(chart)
            uses: list[Use] = []
            gaps = [replace(gap, root=chart) for gap in made.gaps]
            for item in made.objects:
                found, holes = self._uses.made(item, chart, 1)
                uses.extend(found)
                gaps.extend(holes)
        part = Part(tuple(uses), tuple(gaps), tuple(seen.items()))
        self.reader.shared.roots.setdefault(key, []).append(part)
        return part

    def _named(self, path: str) -> Part:
        """What a file that is no object deploys by charts."""
        uses: list[Use] = []
        gaps: list[Gap] = []
        with self.reader.tracing():
            for root, made in self._rendering.charts.named(path):
                gaps.extend(replace(gap, root=root) for gap in made.gaps)
                for item in made.objects:
                    found, holes = self._uses.made(item, root, 1)
                    uses.extend(found)
                    gaps.extend(holes)
        return Part(tuple(uses), tuple(gaps))


def _is_left_out(root: str, found: Entries, known: frozenset[str]) -> bool:
    """Whether a root deploys in all trees of a change what it deploys in this one."""
    return found.affected is not None and root not in found.affected and root in known


def _nothing_is(_root: str) -> bool:
    """Where something deploys by rules of its own, kustomizations load the same in all trees: then gaps are as they are read."""
    return False


def _placed(part: Part, way: Deployment | None) -> Part:
    """With the places of what deploys it. They are no part of what is kept of a root: another tree may deploy it otherwise."""
    if way is None or not way.homes:
        return part
    deployers = tuple(sorted(way.homes))
    return replace(part, uses=tuple(dataclasses.replace(use, deployers=deployers) for use in part.uses))
