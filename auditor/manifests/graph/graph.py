"""Which directory of a tree is deployed by what.

Begins at what nothing of the tree deploys: kustomizations that nobody names, and loose manifests. Each is read with what
its deployer puts on top, and the deployers found in it are followed. Each pair of a directory and a way of deploying it is
read once, so that circles end.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.graph import argo, fleet, flux
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.generators import applications, is_set, origins
from auditor.manifests.graph.settings import Settings
from auditor.manifests.helm.held import made
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.kustomize.built import Built
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import Scalar
from auditor.manifests.objects import Object
from auditor.manifests.text import mentions, plain
from auditor.model.gap import Gap
from auditor.source.tree import EntryKind, Unreadable, expect

_NAMES_DEPLOYER: Final = mentions(
    ((b"argoproj.io", b"Application"), (b"kustomize.toolkit.fluxcd.io", b"Kustomization"))
)
"""The group and the kind of what deploys directories, however YAML writes that it is one: that is for the parser to say."""


Holds: TypeAlias = Callable[[Deployment], bool]


class Ground(Struct, frozen=True):
    """What the graph is made of: kustomizations of the tree, what they load, entry points, and files that may be loose."""

    kustomizations: Mapping[str, Kustomization]
    links: Mapping[str, frozenset[str]]
    claims: Mapping[str, frozenset[str]]
    roots: tuple[str, ...]
    files: tuple[str, ...]


class Graph(Struct):
    """The directories that something deploys, each with all the ways in which it is.

    `plain` are those of them that are an entry point too, without a deployer. `covered` are files and kustomizations that
    are applied as parts of a directory without a kustomization, and components that a deployer puts on top of one.
    """

    deployments: dict[str, tuple[Deployment, ...]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()
    gaps: tuple[Gap, ...] = ()
    resolved: frozenset[tuple[str, str, str]] = frozenset()
    """Deployers (kind, namespace, name) whose directory is read with what they put on top."""

    applied: frozenset[str] = frozenset()
    """Directories that Applications of this tree deploy, charts among them."""

    def resolves(self, item: Object) -> bool:
        """Whether what the object puts on top of a directory is seen there."""
        return (item.kind, item.namespace, item.name) in self.resolved


def is_deployer(item: Object) -> bool:
    """Whether an object deploys directories."""
    return flux.is_flux(item) or argo.is_application(item) or is_set(item)


def _holds(reader: Reader, path: str) -> bool:
    if posixpath.basename(path) in fleet.NAMES:
        return True
    if not _is_marked(reader, path):
        return False
    try:
        target = reader.resolve(path)
    except OutOfTree:
        return False
    objects = reader.contents(target).objects if target is not None else ()
    return any(is_deployer(one) for item in objects for one in (item, *made(item)))


def _is_marked(reader: Reader, path: str) -> bool:
    if reader.files[path].kind is not EntryKind.FILE:
        return False
    identity = reader.tree.content_id(path)
    known = reader.shared.deployers.get(identity)
    if known is None:
        try:
            text = plain(reader.bytes_of(path))
            known = text is None or _NAMES_DEPLOYER(text)
        except Unreadable:
            known = False  # told where the file is read for its images
        reader.shared.deployers[identity] = known
    return known


def _expect(reader: Reader, files: Iterable[str]) -> None:
    """All that is not known yet is looked into, one after the other."""
    known = reader.shared.deployers
    ours = (path for path in files if reader.files[path].kind is EntryKind.FILE)
    expect(reader.tree, [path for path in ours if reader.tree.content_id(path) not in known])


def graph(
    reader: Reader, builder: Builder, ground: Ground, settings: ManifestSettings, holds: Holds | None = None
) -> Graph:
    """Follow every deployer of the tree. `holds`: whether what one deploys may hold another; None is always."""
    inside = sorted(ground.claims.keys() - set(ground.files))
    files = (*ground.files, *inside)
    _expect(reader, files)
    marks = [path for path in files if _holds(reader, path)]
    return _Walk(reader, builder, ground, settings, marks, holds=holds).run() if marks else Graph()


class _Walk:
    def __init__(
        self,
        reader: Reader,
        builder: Builder,
        ground: Ground,
        settings: ManifestSettings,
        marks: list[str],
        *,
        holds: Holds | None,
    ) -> None:
        self._holds = holds
        self._reader = reader
        self._builder = builder
        self._ground = ground
        self._settings = Settings(reader, tuple(ground.kustomizations.values()), settings.substitute)
        self._marks = marks
        self._gaps: dict[Gap, None] = {}
        self._here: frozenset[str] = frozenset()
        self._built: dict[tuple[str, str], tuple[Object, ...]] = {}
        self._found: dict[str, dict[str, Deployment]] = {}
        self._homes: dict[tuple[str, str], set[str]] = {}
        self._covered: set[str] = set()
        self._resolved: set[tuple[str, str, str]] = set()
        self._applied: set[str] = set()
        self._waiting: deque[Deployment] = deque()
        self._count = 0

    def run(self) -> Graph:
        seeds = self._seeds()
        self._here = frozenset(address for seed in seeds for item in self._plain(seed) for address in self._home(item))
        named = self._named(seeds)
        plain = [seed for seed in seeds if not named(seed)]
        for seed in plain:
            self._follow(self._of(seed), seed)
        for seed in seeds:
            if not self._reached(seed):
                plain += self._circle(seed)
        return Graph(
            {directory: tuple(self._placed(ways)) for directory, ways in self._found.items()},
            frozenset(plain) & self._found.keys(),
            frozenset(self._covered),
            (*self._gaps, *self._settings.gaps),
            frozenset(self._resolved),
            frozenset(self._applied),
        )

    # ── where it begins ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _seeds(self) -> list[str]:
        """Entry points that may hold a deployer: kustomizations by directory, loose files by path."""
        holders = {directory for path in self._marks for directory in self._ground.claims.get(path, ())}
        users: dict[str, set[str]] = {}
        for directory, targets in self._ground.links.items():
            for target in targets:
                users.setdefault(target, set()).add(directory)
        waiting = list(holders)
        while waiting:
            for user in users.get(waiting.pop(), ()):
                if user not in holders:
                    holders.add(user)
                    waiting.append(user)
        loose = (path for path in self._marks if path not in self._ground.claims)
        return [*(root for root in self._ground.roots if root in holders), *loose]

    def _plain(self, seed: str) -> tuple[Object, ...]:
        """The objects of an entry point as it is written."""
        if seed in self._ground.kustomizations:
            return self._builder.build(seed).objects
        try:
            path = self._reader.resolve(seed)
        except OutOfTree:
            return ()
        return self._reader.contents(path).objects if path else ()

    def _home(self, item: Object) -> Iterator[str]:
        for one in self._opened(item, quiet=True):
            if argo.is_application(one):
                yield from argo.home(one, self._reader)

    def _named(self, seeds: list[str]) -> _Names:
        """What some deployer names, judged by the entry points as they are written and what is reached from them."""
        first = _Walk(self._reader, self._builder, self._ground, ManifestSettings(), self._marks, holds=self._holds)
        first._here = self._here
        for seed in seeds:
            first._follow(first._of(seed), seed)
        return _Names(frozenset(first._found), frozenset(first._covered))

    def _reached(self, seed: str) -> bool:
        return seed in self._found or seed in self._covered or self._is_plain(seed)

    def _is_plain(self, seed: str) -> bool:
        return (seed, "") in self._built

    def _circle(self, seed: str) -> list[str]:
        """Begin in a circle. Where the entry point deploys itself, it is read so, and not as it is written."""
        found = list(self._of(seed))
        again = [one for one in found if isinstance(one, Deployment) and _is_over(one, seed)]
        self._follow(again or found, seed)
        return [] if self._reached_by_others(seed) else [seed]

    def _reached_by_others(self, seed: str) -> bool:
        return seed in self._found or seed in self._covered

    # ── following ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _of(self, seed: str) -> list[Deployment | Gap]:
        self._built[seed, ""] = objects = self._plain(seed)
        root = seed if seed in self._ground.kustomizations else posixpath.dirname(seed) or "."
        found = [one for item in objects for one in self._deployments(item, root, None)]
        if posixpath.basename(seed) in fleet.NAMES and seed in self._reader.files:
            found += fleet.deployments(seed, self._reader)
        return found

    def _follow(self, found: Iterable[Deployment | Gap], home: str) -> None:
        self._take(found, home)
        while self._waiting:
            way = self._waiting.popleft()
            self._count += 1
            if self._holds is not None and not self._holds(way):
                continue
            objects = deployed(self._builder, way).objects
            more = [one for item in objects for one in self._deployments(item, way.directory, way)]
            self._take(more, way.directory)

    def _take(self, found: Iterable[Deployment | Gap], home: str) -> None:
        for one in found:
            if isinstance(one, Gap):
                self._gaps[one] = None
                continue
            identity = one.identity
            self._homes.setdefault((one.directory, identity), set()).add(home)
            ways = self._found.setdefault(one.directory, {})
            if identity in ways:
                continue
            if self._count + len(self._waiting) >= self._reader.limits.deployments:
                why = f"more than {self._reader.limits.deployments} directories are deployed: this one is not looked at"
                self._gaps[unrendered(one.place, "too many deployments", why)] = None
                return
            ways[identity] = one
            self._covered.update(one.files or ())
            self._covered.update(self._components(one))
            self._waiting.append(one)

    def _components(self, way: Deployment) -> Iterator[str]:
        """Components that the deployer puts on top of its directory: by themselves they are deployed by nobody."""
        for item in way.overlay.items("components"):
            directory = join(way.directory, item.text) if isinstance(item, Scalar) else ""
            known = self._ground.kustomizations.get(directory)
            if known is not None and known.is_component:
                yield directory

    def _placed(self, ways: Mapping[str, Deployment]) -> Iterator[Deployment]:
        """Each way with every place that has a part in it."""
        for identity, way in ways.items():
            waiting = list(self._homes[way.directory, identity])
            homes: set[str] = set()
            while waiting:
                home = waiting.pop()
                if home not in homes:
                    homes.add(home)
                    waiting += (one for each in self._found.get(home, ()) for one in self._homes[home, each])
            yield replace(way, homes=frozenset(homes))

    def _deployments(self, item: Object, root: str, above: Deployment | None) -> Iterator[Deployment | Gap]:
        """What an object deploys, or deployers that it makes."""
        for one in (item, *made(item)):
            if is_deployer(one):
                yield from self._deployed_by(above.filled_object(one) if above is not None else one, root, above)

    def _deployed_by(self, item: Object, root: str, above: Deployment | None) -> Iterator[Deployment | Gap]:
        for one in self._opened(item):
            if flux.is_flux(one):
                found = flux.deployments(one, self._reader, self._settings, root, above)
            elif argo.is_application(one):
                self._applied.update(argo.directories(one))
                found = argo.deployments(one, self._reader, self._here)
            else:
                continue
            for way in found:
                if isinstance(way, Deployment):
                    self._resolved.add((one.kind, one.namespace, one.name))
                yield way

    def _opened(self, item: Object, *, quiet: bool = False) -> Iterator[Object]:
        if not is_set(item):
            yield item
            return
        made = applications(item, self._reader)
        if not quiet:
            self._gaps |= dict.fromkeys((*made.gaps, *origins(item, made.applications)))
        yield from made.applications


class _Names(Struct, frozen=True):
    directories: frozenset[str]
    covered: frozenset[str]

    def __call__(self, seed: str) -> bool:
        return seed in self.directories or seed in self.covered


def _is_over(way: Deployment, seed: str) -> bool:
    return way.directory == seed or seed in (way.files or ())


def deployed(builder: Builder, way: Deployment) -> Built:
    """The objects of a directory with what its deployer puts on top, before variables are filled in."""
    return builder.deployed(way.directory, way.identity, way.place, way.on, way.charts)


__all__ = ["Deployment", "Graph", "Ground", "Holds", "deployed", "graph"]
