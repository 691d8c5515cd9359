"""A tree → every image that it deploys, and everything that could not be seen."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT, Limits
from auditor.manifests import kinds
from auditor.manifests.contents import templated, unparsable
from auditor.manifests.entry import Chosen, Entries, entries
from auditor.manifests.extract import Found, extract, is_policy
from auditor.manifests.files import MANIFESTS, OutOfTree, Part, Reader, Shared
from auditor.manifests.foreign import foreign
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.plan import Before, Plan, build, is_plain, may_deploy
from auditor.manifests.graph.plan import plan as planned
from auditor.manifests.helm.deploy import Deployed
from auditor.manifests.helm.needs import Lookup
from auditor.manifests.helm.settings import NAMES as DEPLOYERS
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.objects import Object
from auditor.manifests.render.tools import Renderers
from auditor.manifests.rendering import Rendering, rendering
from auditor.manifests.text import is_bare_number, is_template
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Use
from auditor.source.tree import EntryKind, Tree

__all__ = ["Inventory", "Shared", "comparable", "inventory"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every use in file order, every gap. `roots` are the entry points, `loose` the manifests that nothing loads."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    roots: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Kustomizations that are read only as something of the tree deploys them."""
    exact: frozenset[str] = frozenset()
    """Roots that a program built: their uses are all there are, and none too many."""


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
        scan = _Scan(reader, rendered, builder, plan, every=every, spare=spare)
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


def comparable(before: Inventory, after: Inventory) -> tuple[Use, ...]:
    """The uses of base that a use of head may be the same as.

    Our own reading of a root may have an image too many. Where head's is exact and base's could not be built, base's tells
    nothing: all that head deploys there is new.
    """
    doubtful = after.exact - before.exact
    return tuple(use for use in before.uses if use.root not in doubtful)


def _earlier(before: Inventory | None) -> Before:
    return Before(frozenset(before.roots), frozenset(before.named)) if before else Before()


def _is_link(tree: Tree, path: str) -> bool:
    entry = tree.entries().get(path)
    return entry is not None and entry.kind is EntryKind.SYMLINK


class _Scan:
    """One reading of one tree."""

    def __init__(
        self, reader: Reader, rendered: Rendering, builder: Builder, plan: Plan, *, every: bool, spare: bool
    ) -> None:
        self.reader = reader
        self._rendering = rendered
        self.loose: list[str] = []
        self._loaded: set[str] = set()
        self._every = every
        self._spare = spare
        self._builder = builder
        self._plan = plan

    def parts(self, found: Entries, before: Inventory | None, touched: frozenset[str] | None) -> Iterator[Part]:
        """Every root, then every file that no root loads, then every chart that neither deploys."""
        known = frozenset(before.roots) if before else frozenset(found.roots)
        yield Part((), self._plan.graph.gaps)
        deployed: set[Use] = set()
        for root, way in self._plan.ways:
            if found.affected is not None and root not in found.affected.directories and root in known:
                continue
            self._builder.affected = found.affected if self._spare and root in known else None
            part = self._root(root, way, deployed=True)
            self._loaded.update(path for path, identity in part.seen if identity)
            deployed.update(part.uses)
            yield part
        self._builder.affected = None
        if self._every:
            for root in self._plan.others:
                part = self._root(root, None, deployed=False)
                self._loaded.update(path for path, identity in part.seen if identity)
                yield Part(tuple(use for use in part.uses if replace(use, deployed=True) not in deployed), part.gaps)
        yield from self._loose_parts(found, before, touched)
        yield from self._chart_parts(found)
        if self._every:
            for path in found.chart_files:
                yield Part(self._file(path).uses, ())

    def _loose_parts(self, found: Entries, before: Inventory | None, touched: frozenset[str] | None) -> Iterator[Part]:
        """Every file that no root loads."""
        self.loose = self._loose_files(found, frozenset(before.loose) if before else frozenset())
        known = frozenset(before.loose) if before else frozenset(self.loose)
        for path in self.loose:
            if touched is None or path in touched or path not in known:
                part = self._file(path)
                yield Part(part.uses, ()) if path in found.templates else part

    def _loose_files(self, found: Entries, before: frozenset[str]) -> list[str]:
        """Manifests that no kustomization loads, or none that speaks for their directory.

        A directory with loose manifests is applied as it is: a kustomization elsewhere that also loads a file of it (and
        may override its image) must not hide the file. What was loose in base stays loose.
        """
        free = [path for path in found.files if path not in found.claims or path in before]
        foreign = {
            path: posixpath.dirname(path) or "."
            for path in found.files
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
                        yield replace(use, deployed=False)

    # ── roots ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _root(self, root: str, way: Deployment | None, *, deployed: bool) -> Part:
        narrow = self._builder.affected
        way = way or self._plan.filling(root)
        how = f"{way.identity if way else ''}{self._plan.identity}"
        key = (root, f"{deployed}{sorted(narrow.paths) if narrow else ''}{self._rendering.identity}{how}")
        for known in self.reader.shared.roots.get(key, ()):
            if all(self.reader.identity(path) == identity for path, identity in known.seen):
                return known
        part = self._build(root, way, deployed=deployed)
        self.reader.shared.roots.setdefault(key, []).append(part)
        return part

    def _build(self, root: str, way: Deployment | None, *, deployed: bool) -> Part:
        with self.reader.tracing() as seen:
            built = build(self._builder, root, way)
            read = self._rendering.read if is_plain(way) else self._rendering.own
            objects, gaps = read(root, built, seen)
            uses: list[Use] = []
            lookup = self._rendering.lookup(built.objects, built.skipped)
            for item, references in (one for pair in objects for one in self._plan.opened(*pair, way)):
                found, holes = self._uses(item, references, root, deployed=deployed, lookup=lookup)
                uses.extend(found)
                gaps.extend(holes)
        gaps = [gap if gap.root else replace(gap, root=root) for gap in gaps]
        exact = root if root in self._rendering.exact else None
        return Part(tuple(uses), tuple(gaps if deployed else ()), tuple(seen.items()), exact)

    # ── loose files ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _file(self, path: str) -> Part:
        try:
            target = self.reader.resolve(path)
        except OutOfTree as error:
            return Part((), (unparsable(Place(path), str(error)),))
        if target is None:
            return Part((), (Gap(Place(path), "broken symlink", "it leads to nothing"),))
        if self.reader.files[path].kind is EntryKind.SYMLINK:
            return Part((), ())  # its target is read under its own name
        contents = self.reader.contents(target)
        uses: list[Use] = []
        gaps = list(contents.gaps)
        lookup = self._rendering.lookup(contents.objects, (target,))
        with self.reader.tracing():
            self.reader.resolve(target)
            way = self._plan.filling(path)
            pairs = ((item, extract(item, self.reader.kinds)) for item in contents.objects)
            for item, references in (one for pair in pairs for one in self._plan.opened(*pair, way)):
                found, holes = self._uses(item, references, None, deployed=item.deploys, lookup=lookup)
                uses.extend(found)
                gaps.extend(holes)
        for line in contents.lines:
            uses.append(use_of(line, None, None))
            gaps.extend(_templates([line], None))
        return Part(tuple(uses), tuple(gaps))

    def _chart_parts(self, found: Entries) -> Iterator[Part]:
        """What deploys charts and is no object, then every chart that nothing deploys."""
        for path in found.files:
            if posixpath.basename(path) in DEPLOYERS:
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
                found, holes = self._made(item, chart, 1)
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
                    found, holes = self._made(item, root, 1)
                    uses.extend(found)
                    gaps.extend(holes)
        return Part(tuple(uses), tuple(gaps))

    def _made(self, item: Object, root: str | None, depth: int) -> tuple[list[Use], list[Gap]]:
        """The uses of an object of a chart."""
        references = extract(item, self.reader.kinds)
        lookup = self._rendering.lookup(())
        return self._uses(item, references, root, deployed=True, lookup=lookup, depth=depth)

    def _uses(
        self,
        item: Object,
        found: list[Found],
        root: str | None,
        *,
        deployed: bool,
        lookup: Lookup,
        depth: int = 0,
    ) -> tuple[list[Use], list[Gap]]:
        """The uses of one object. Patterns in policies and what says no kind are deployed by nothing."""
        if is_policy(item, self.reader.kinds):
            making = [one for one in found if _MAKES.search(one.path)]
            found, deployed = (making, deployed) if making and not self._every else (found, False)
        if not (deployed or self._every):
            return [], []
        uses = [use_of(one, item, root, deployed=deployed) for one in found]
        gaps = _templates(found, root) if deployed else []
        if not deployed:
            return uses, gaps
        charts = list(self._rendering.charts.of(item, lookup))
        if any(made.objects for made in charts) and not any(made.gaps for made in charts):
            # What is rendered says it all: values by themselves may make other images, or none.
            uses, gaps = [replace(use, deployed=False) for use in uses if self._every], []
        for made in charts:
            inner = _root_of(made, item, root)
            gaps.extend(replace(gap, root=inner) for gap in made.gaps)
            if depth >= self.reader.limits.render_depth and made.objects:
                why = f"charts deploy charts more than {self.reader.limits.render_depth} deep"
                gaps.append(unrendered(Place(item.file, item.line), "helm chart", why))
                continue
            for each in made.objects:
                more, holes = self._made(each, inner, depth + 1)
                uses.extend(more)
                gaps.extend(holes)
        return uses, gaps


_MAKES: Final = re.compile(r"\.(?:generate|mutate)\.")
"""Where a policy does not judge images but brings them."""


def _root_of(made: Deployed, item: Object, root: str | None) -> str | None:
    """What deploys the objects of a chart: each Application is a root of its own, below what deploys it."""
    if not made.objects:
        return root
    above = root or item.file
    return f"{above}/{made.name}" if made.name else above


def _templates(found: Iterable[Found], root: str | None) -> list[Gap]:
    return [replace(templated(one, one.scalar.place(one.path)), root=root) for one in found if is_template(one.text)]


def use_of(found: Found, item: Object | None, root: str | None, *, deployed: bool = True) -> Use:
    """What was found in an object, as a use."""
    scalar = found.scalar
    return Use(
        found.text,
        scalar.place(found.path),
        item.workload() if item else None,
        found.container,
        root,
        scalar.via,
        scalar.base,
        deployed,
        found.confidence,
        found.sort,
        scalar.overrides if found.text == scalar.text else None,
        is_bare_number(scalar.text) and not scalar.quoted,
    )
