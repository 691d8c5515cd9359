"""What of several trees of one repository may be left unread, because it is the same in all of them.

A change reaches an entry point that names a touched path, loads one that does, or has a touched path below it, and a loose
manifest beside a touched one. That follows from the texts of kustomizations alone. It does not follow where an object
deploys others by rules of its own, or where a path is not what its name says: then the whole trees are read, mostly.

 1. A touched symlink, and a touched `Chart.yaml` that begins, ends or changes what a chart is: other files are manifests.
 2. A deployer (Flux, Argo CD, Fleet, helmfile) in any of the trees: it names directories, charts and values anywhere. What
    deployers of directories deploy the same in all trees is left out all the same, where that is certain (`followed`).
 3. A patch that may turn an object into a deployer.
 4. A touched file with an object that hands values to others: what takes them stands anywhere. Untouched ones hand what they
    handed before, and to whatever the change touches they are read whole.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.callers import calls
from auditor.manifests.entry import entries
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.graph.overrides import is_override
from auditor.manifests.graph.plan import Plan
from auditor.manifests.helm.charts import is_library
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import scalars
from auditor.manifests.reach.affected import affected, parents
from auditor.manifests.reach.deploying import deployer, look, targets
from auditor.manifests.reach.followed import beside, followed
from auditor.manifests.reach.layout import CHART, Layout, layout
from auditor.manifests.reach.nearby import Nearby, is_plain
from auditor.manifests.reach.survey import Survey, survey, survey_again
from auditor.manifests.text import plain
from auditor.source.tree import EntryKind, Tree, Unreadable

_HANDING: Final = (b"tekton.dev", b"argoproj.io", b"fluxcd.controlplane.io")
"""Groups of the objects that hand values to others."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a change touches: `paths`, and the `directories` whose loose manifests are read beside them.

    Of `roots`, which are entry points of all trees and have nothing touched below them, that may be left out which the change
    does not touch, unless it may make one of the references that are `asked` for (`spare`).
    """

    paths: frozenset[str]
    directories: frozenset[str]
    roots: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    left: frozenset[str] | None = None
    """Where something deploys by rules of its own: the entry points that deploy the same in all trees, and are left out."""
    grounds: Mapping[int, Surveyed] = field(default_factory=dict, repr=False, compare=False)
    """What was found in each tree on the way, by the tree's `id`."""

    def ground(self, reader: Reader, settings: ManifestSettings) -> Surveyed:
        """What a tree says of itself, and what of it the change reaches."""
        return self.grounds.get(id(reader.tree)) or surveyed(reader, settings, self.paths)

    def is_known(self, tree: Tree) -> bool:
        """Whether it was one of the trees: then it is known what in it deploys by rules of its own."""
        return id(tree) in self.grounds

    def alone_holds(self, files: Iterable[str]) -> bool:
        """Whether nothing that may be left out of a root loads any of these files, so that no gap there is said of them.

        What names a touched file is reached, and so is what loads a kustomization that is reached: only the file of that
        kustomization may be loaded as if it were a manifest.
        """
        wanted = frozenset(files)
        return not wanted or all(ground.alone_holds(wanted) for ground in self.grounds.values())


class Surveyed(Struct, frozen=True):
    """What a tree says of itself. `touched`: what the change touches, by all names that the tree has for it."""

    tree: Tree
    found: Survey
    touched: frozenset[str]
    affected: frozenset[str]
    """The directories of the kustomizations that the change reaches."""
    plan: Plan | None = None
    """What deploys the tree, where something does by rules of its own."""

    @property
    def manifests(self) -> frozenset[str]:
        """The files that may hold an object: loose ones, and what kustomizations load."""
        return frozenset((*self.found.files, *self.found.claims))

    def alone_holds(self, files: frozenset[str]) -> bool:
        """Whether all of the files are touched, or kustomizations that the change reaches and nobody loads as a file."""
        rest = files - self.touched
        if not rest:
            return True
        every = self.found.kustomizations
        if not rest <= {every[one].path for one in self.affected if one in every}:
            return False
        if any(entry.kind is EntryKind.SYMLINK for entry in self.tree.entries().values()):
            return False  # they have other names too
        near = self.found.near
        items = every.values() if near is None else near.naming(rest)
        return not any(_names(item, rest) for item in items if item.directory not in self.affected)


def _names(item: Kustomization, kustomizations: frozenset[str]) -> bool:
    """Whether a kustomization names one of the files of these kustomizations."""
    texts = (part for scalar in scalars(item.node) for part in (scalar.text, scalar.text.partition("=")[2]))
    return any("ustomization" in text and join(item.directory, text) in kustomizations for text in texts)


def surveyed(reader: Reader, settings: ManifestSettings, touched: frozenset[str]) -> Surveyed:
    """Read every kustomization of a tree."""
    found, named = survey(reader, settings), reader.with_links(touched)
    return Surveyed(reader.tree, found, named, affected(found.kustomizations, found.links, named))


def _surveyed_again(known: Surveyed, reader: Reader, touched: frozenset[str]) -> Surveyed | None:
    """The same for another tree of the change, where only the content of files differs."""
    both = (known.tree.entries(), reader.files)
    if not all(path in files and files[path].kind is EntryKind.FILE for path in touched for files in both):
        return None
    found = survey_again(known.found, reader, known.touched)
    if found is None:
        return None
    # What is touched is reached in both trees, and what is not touched loads the same in both.
    return replace(known, tree=reader.tree, found=found)


def reach(
    trees: Iterable[Tree],
    settings: ManifestSettings,
    shared: Shared,
    touched: frozenset[str],
    *,
    rendered: bool = False,
) -> Reach | str:
    """What a change reaches in all of its trees, head the last, or why they must be read whole.

    `touched`: every path that is not the same in all of the trees. `rendered`: whether programs render them.
    """
    table = kinds.load(settings.kinds)
    readers = [Reader(tree, table, shared) for tree in trees]
    why = next((why for reader in readers if (why := _unclear(reader, touched) or _handing(reader, touched))), None)
    if why is None and len({_charts(reader, reader.with_links(touched)) for reader in readers}) > 1:
        why = "the change makes or removes a chart"
    if why is not None:
        return why
    grounds = _grounds(readers, settings, touched)
    if isinstance(grounds, Deployed):
        return grounds.why if rendered else _followed(grounds, settings, touched)
    aliases = frozenset().union(*(ground.touched for ground in grounds.values()))
    beside = _directories(touched | aliases)
    beside.update(path for ground in grounds.values() for path in _beside(ground.found, touched))
    # Values of the rules are filled into any object: where they make a reference its text stands in no manifest.
    roots = frozenset() if settings.substitute else _shared_roots(grounds.values()) - {".", *parents(aliases)}
    return Reach(touched, frozenset(beside), roots, grounds=grounds)


class Deployed(Struct, frozen=True):
    """What deploys by rules of its own in a tree of a change; the trees, where all are known around the change."""

    why: str
    near: tuple[Nearby, ...] = ()


def _followed(found: Deployed, settings: ManifestSettings, touched: frozenset[str]) -> Reach | str:
    """What a change reaches where something deploys by rules of its own, or that something does."""
    known = followed(found.near, settings, touched) if found.near else None
    if known is None:
        return found.why
    each_tree, left = known
    grounds = {
        id(one.near.reader.tree): Surveyed(one.near.reader.tree, one.found, one.near.touched, one.affected, one.plan)
        for one in each_tree
    }
    aliases = frozenset().union(*(ground.touched for ground in grounds.values()))
    directories = _directories(touched | aliases) | beside(each_tree)
    return Reach(touched, frozenset(directories), left=left, grounds=grounds)


def _grounds(
    readers: Sequence[Reader], settings: ManifestSettings, touched: frozenset[str]
) -> dict[int, Surveyed] | Deployed:
    """What each tree says of itself, by its `id`; or what deploys by rules of its own."""
    layouts = _layouts(readers, settings, touched)
    for reader, names in zip(readers, layouts, strict=True):
        look(reader, names)
    if all(is_plain(reader, names, settings) for reader, names in zip(readers, layouts, strict=True)):
        return _nearby(readers, layouts, settings, touched)
    return _surveyed(readers, settings, touched)


def _layouts(readers: Iterable[Reader], settings: ManifestSettings, touched: frozenset[str]) -> list[Layout]:
    """What the names of each tree say; the same where the names are, and no chart is touched."""
    found: list[tuple[Reader, Layout]] = []
    for reader in readers:
        charts = any(posixpath.basename(path) == CHART for path in reader.with_links(touched))
        alike = (names for other, names in found if not charts and other.files == reader.files)
        found.append((reader, next(alike, None) or layout(reader, settings)))
    return [names for _, names in found]


def _nearby(
    readers: Sequence[Reader], layouts: Sequence[Layout], settings: ManifestSettings, touched: frozenset[str]
) -> dict[int, Surveyed] | Deployed:
    """The same around the change alone."""
    near = [Nearby(reader, names, reader.with_links(touched)) for reader, names in zip(readers, layouts, strict=True)]
    for count, each in enumerate(near):
        holder = deployer(each.reader, each.may_deploy(layouts[:count]))
        if holder is not None:
            return Deployed(_why(holder), tuple(near))
    beside = frozenset().union(*(_directories(touched | each.touched) | each.beside() for each in near))
    turned = _turned(near)
    return {
        id(each.reader.tree): Surveyed(
            each.reader.tree, each.survey(settings, beside, turned), each.touched, each.affected
        )
        for each in near
    }


def _turned(near: Sequence[Nearby]) -> frozenset[str]:
    """What touched kustomizations load in one tree, and not in another."""
    loads = [each.turned() for each in near]
    pairs = [{(user, target) for user, targets in one.items() for target in targets} for one in loads]
    return frozenset(target for _, target in set().union(*pairs) - pairs[0].intersection(*pairs))


def _surveyed(
    readers: Iterable[Reader], settings: ManifestSettings, touched: frozenset[str]
) -> dict[int, Surveyed] | Deployed:
    """The same of the whole trees."""
    grounds: dict[int, Surveyed] = {}
    for reader in readers:
        known = next(iter(grounds.values()), None)
        again = _surveyed_again(known, reader, touched) if known else None
        ground = grounds[id(reader.tree)] = again or surveyed(reader, settings, touched)
        seen = known.manifests - ground.touched if known and again else frozenset()
        holder = deployer(reader, ground.manifests - seen)
        if holder is not None:
            return Deployed(_why(holder))
    return grounds


def _why(holder: str) -> str:
    return f"{holder} deploys by rules of its own"


def _directories(paths: Iterable[str]) -> set[str]:
    return {posixpath.dirname(path) for path in paths}


def _shared_roots(grounds: Iterable[Surveyed]) -> frozenset[str]:
    """Entry points of all trees. Where something touched is below one, everything that could not be read gates."""
    return frozenset.intersection(*(frozenset(entries(ground.found).roots) for ground in grounds))


def _unclear(reader: Reader, touched: frozenset[str]) -> str | None:
    for path in sorted(touched):
        entry = reader.files.get(path)
        if entry is not None and entry.kind is EntryKind.SYMLINK:
            return f"the change touches a symlink, {path}"
        if is_override(path):
            return f"the change touches what Argo CD lays over a directory, {path}"
    return None


def _handing(reader: Reader, touched: frozenset[str]) -> str | None:
    """A touched file whose objects hand values to others, and what is said of it."""
    for path in targets(reader, sorted(path for path in touched if path in reader.files)):
        try:
            text = plain(reader.bytes_of(path))
            if text is not None and not any(group in text for group in _HANDING):
                continue
            if any(calls(item) for item in reader.contents(path).objects):
                return f"{path} hands values to other objects"
        except Unreadable:
            pass  # told where the file is read for its images
    return None


def _charts(reader: Reader, touched: frozenset[str]) -> frozenset[tuple[str, bool]]:
    """The touched charts, and whether each is a library."""
    charts = (posixpath.dirname(path) or "." for path in touched if posixpath.basename(path) == CHART)
    return frozenset(
        (chart, is_library(reader, chart)) for chart in charts if posixpath.join(chart, CHART) in reader.files
    )


def _beside(found: Survey, touched: frozenset[str]) -> Iterator[str]:
    """Directories of the files that a touched kustomization loads: without it they may be loose."""
    every = found.kustomizations
    turned = {directory for directory in found.claimed if directory in every and every[directory].path in touched}
    for path, directories in found.claims.items():
        if directories & turned:
            yield posixpath.dirname(path)
