"""What a change reaches where something deploys by rules of its own: Flux, Argo CD, Fleet.

Everything that deploys is followed, in each tree by itself, and must deploy the same in all of them: the same directories in the
same ways, named in the same places. Then a directory deploys the same in all trees if the change touches nothing that it
loads, nothing below it, and nothing that is put on top of it. Whatever may hold a deployer is read in every tree: the
Applications of a set depend on files anywhere.

That is looked into only where no file begins or ends, no chart is touched, nothing renders, and no kustomization loads other
things than before. To find the deployers nothing is built but what may hold one: it says the group of one, or a file that it
loads does; or texts are put together there, or something is loaded that is not named.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from auditor.config.rules import ManifestSettings
from auditor.manifests.contents import complete
from auditor.manifests.entry import entries
from auditor.manifests.files import MANIFESTS, Reader
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.origins import REFERRING, values_of
from auditor.manifests.graph.plan import Before, Plan, plan
from auditor.manifests.helm.settings import deploys
from auditor.manifests.kustomize.build import Builder
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping, Node, scalars
from auditor.manifests.objects import Object, objects
from auditor.manifests.reach.affected import UNNAMED, affected, with_parents
from auditor.manifests.reach.layout import CHART, is_named
from auditor.manifests.reach.nearby import Nearby
from auditor.manifests.reach.survey import Survey, survey, survey_again
from auditor.manifests.reach.written import surest
from auditor.manifests.text import plain
from auditor.source.tree import EntryKind, Unreadable

_GROUPS: Final = (b"kustomize.toolkit.fluxcd.io", b"argoproj.io")
"""What stands in each object that deploys directories."""
_SET: Final = b"ApplicationSet"
_COMPOSES: Final = (b"replacements", *(word.encode() for word in UNNAMED))
"""Fields of kustomizations by which an object may come to say what no text says."""
_RELEASES: Final = (b"HelmRelease", b"argoproj.io", *sorted({group.encode() for _, group in REFERRING}))
"""What stands in each object that deploys a chart with values from elsewhere."""


class Texts(Struct):
    """The texts that deployers put on top of directories, and what stands in them after an equals sign."""

    known: dict[int, tuple[Node, tuple[str, ...]]] = field(default_factory=dict)
    """Those of a node, by its `id`: many a directory gets the same."""

    def of(self, way: Deployment) -> list[str]:
        """Those of one directory."""
        return [text for _, value in way.overlay.entries for text in self._of(value)]

    def _of(self, node: Node) -> tuple[str, ...]:
        if id(node) not in self.known:
            said = (part for one in scalars(node) for part in (one.text, one.text.partition("=")[2]))
            self.known[id(node)] = node, tuple(dict.fromkeys(text for text in said if text))
        return self.known[id(node)][1]


class Holding(Struct):
    """Whether something deploys what may hold a deployer itself."""

    reader: Reader
    holding: frozenset[str]
    texts: Texts = field(default_factory=Texts)

    def __call__(self, way: Deployment) -> bool:
        """Whether what is deployed in this way may deploy something itself."""
        texts = self.texts.of(way)
        if any(group.decode() in text for text in texts for group in _GROUPS):
            return True
        if any(join(way.directory, text) in self.holding for text in texts):
            return True
        if way.files is None:
            return way.directory in self.holding
        return any(self._is_special(path) or path in self.holding for path in way.files)

    def _is_special(self, path: str) -> bool:
        """Whether a path is no file or directory of its own, or is a kustomization that is applied as a file."""
        entry = self.reader.files.get(path)
        return entry is not None and (entry.kind is not EntryKind.FILE or is_named(path))


class Followed(Struct, frozen=True):
    """One tree of a change. `plan`: what deploys it; `affected`: the kustomizations that the change reaches."""

    near: Nearby
    found: Survey
    plan: Plan
    affected: frozenset[str]
    holds: Holding
    """Which files and kustomizations may hold a deployer."""
    given: frozenset[str]
    """Files with charts that the change gives other values (`graph.origins.revalued`)."""

    def reads(self, path: str) -> bool:
        """Whether a loose manifest is read, for what it deploys may depend on files anywhere."""
        reader = self.near.reader
        if path in self.given or reader.files[path].kind is not EntryKind.FILE:
            return True
        return path in self.holds.holding and _may_hold_set(reader, path)


def followed(
    near: Sequence[Nearby], settings: ManifestSettings, touched: frozenset[str]
) -> tuple[tuple[Followed, ...], frozenset[str]] | None:
    """Each tree of a change, head the last, with the entry points that deploy the same in all of them.

    None where it is not certain that they do.
    """
    if not all(_is_quiet(each, near[0], touched) for each in near):
        return None
    given = frozenset().union(*(each.reader.with_links(frozenset(_given(each.reader, touched))) for each in near))
    found: list[Followed] = []
    for each in near:
        known = found[0] if found else None
        one = _follow(each, settings, given, known, known.plan if known and each is near[-1] else None)
        if one is None or (found and not _same(found[0], one)):
            return None
        found.append(one)
    names = given.union(*(each.touched for each in near))
    reached = frozenset().union(*(each.affected for each in found))
    left = frozenset.intersection(*(frozenset(_left(each, names, reached)) for each in found))
    return tuple(found), left


def beside(found: Iterable[Followed]) -> frozenset[str]:
    """Directories of loose manifests that may hold a set of Applications, or a chart that the change gives values."""
    loose = (path for each in found for path in each.found.files if each.reads(path))
    return frozenset(map(posixpath.dirname, loose))


# ── whether it is certain ────────────────────────────────────────────────────────────────────────────────────────────────


def _is_quiet(near: Nearby, first: Nearby, touched: frozenset[str]) -> bool:
    """Whether only the content of plain files differs, and none of it is a chart's or deploys by its name."""
    files, others = near.reader.files, first.reader.files
    if files.keys() != others.keys() or not touched <= files.keys():
        return False
    if any(files[path].kind is not others[path].kind for path in files):
        return False
    if any(files[path].kind is not EntryKind.FILE for path in touched):
        return False
    above = with_parents(near.touched)
    return not any(deploys(path) for path in above) and not any(join(each, CHART) in files for each in above)


def _same(one: Followed, other: Followed) -> bool:
    """Whether the same is deployed in both trees, and kustomizations load the same."""
    pairs = ((one.found.links, other.found.links), (one.found.claims, other.found.claims))
    return all(old == new for old, new in pairs) and _said(one.plan) == _said(other.plan)


def _said(made: Plan) -> tuple[object, ...]:
    graph = made.graph
    ways = tuple((root, way and (way.identity, way.place, way.homes, way.files)) for root, way in made.ways)
    return ways, made.others, made.named, graph.plain, graph.covered, graph.gaps, graph.resolved


def _given(reader: Reader, touched: frozenset[str]) -> Iterator[str]:
    """The files that deploy a chart with values, or of a source, that the change touches (`graph.origins.revalued`)."""
    releases = [path for path in _manifests(reader) if path not in touched and _may_release(_meant(reader, path))]
    if not releases:
        return
    given = {(item.kind, item.name) for path in touched for item in _objects(reader, path)}
    wanted: frozenset[str | tuple[str, str]] = touched | given
    names = frozenset(_last(what if isinstance(what, str) else what[1]) for what in wanted)
    for path in releases:
        text = _meant(reader, path)
        said = text is None or any(name in text for name in names)
        if said and any(what in wanted for item in _objects(reader, path) for what in values_of(item)):
            yield path


def _may_release(text: bytes | None) -> bool:
    return text is None or any(word in text for word in _RELEASES)


def _last(text: str) -> bytes:
    return surest(text.rpartition("/")[2])


def _objects(reader: Reader, path: str) -> Iterator[Object]:
    try:
        content = reader.bytes_of(path)
    except Unreadable:
        return  # told where the file is read for its images
    for document in complete(content, path, None):
        if isinstance(document, Mapping):
            yield from objects(document, path)


# ── what deploys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _follow(
    near: Nearby, settings: ManifestSettings, given: frozenset[str], known: Followed | None, before: Plan | None
) -> Followed | None:
    reader = near.reader
    files = frozenset(path for path in _manifests(reader) if _may_hold(reader, path))
    directories = near.making(lambda path: path in files or _may_hold(reader, path), _may_say, most=None)
    if directories is None:
        return None
    found = (known and survey_again(known.found, reader, near.touched)) or survey(reader, settings)
    ground = entries(found, before.roots if before else ())
    earlier = Before(frozenset(before.roots), frozenset(before.named)) if before else Before()
    holds = Holding(reader, files | directories)
    made = plan(reader, Builder(reader, reader.limits), ground, settings, earlier, holds=holds)
    reached = affected(found.kustomizations, found.links, near.touched | given)
    return Followed(near, found, made, reached, holds, given)


def _may_hold(reader: Reader, path: str) -> bool:
    """Whether a file may hold a deployer, or what one is made of."""
    key, known = (reader.tree.content_id(path), "deployers"), reader.shared.naming
    if key not in known:
        text = _meant(reader, path)
        known[key] = text is None or any(group in text for group in _GROUPS)
    return known[key]


def _may_hold_set(reader: Reader, path: str) -> bool:
    """Whether a file may hold a set of Applications, made of files anywhere."""
    key, known = (reader.tree.content_id(path), "sets"), reader.shared.naming
    if key not in known:
        text = _meant(reader, path)
        known[key] = text is None or _SET in text
    return known[key]


def _manifests(reader: Reader) -> Iterator[str]:
    """Every file that may be applied as a part of a directory."""
    for path, entry in reader.files.items():
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS):
            yield path


def _meant(reader: Reader, path: str) -> bytes | None:
    """What the bytes of a file mean; None where a word may be written otherwise."""
    try:
        return plain(reader.bytes_of(path))
    except Unreadable:
        return None


def _may_say(text: bytes) -> bool:
    return any(word in text for word in (*_GROUPS, *_COMPOSES))


# ── what is left out ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _left(one: Followed, touched: frozenset[str], reached: frozenset[str]) -> Iterator[str]:
    """The entry points that hold no deployer, and deploy nothing that the change touches or reaches."""
    ways: dict[str, list[Deployment | None]] = {}
    for root, way in one.plan.ways:
        ways.setdefault(root, []).append(way)
    paths = with_parents(touched) | reached
    for root, each in ways.items():
        if root in paths or root in one.holds.holding:
            continue
        if not any(way is not None and (one.holds(way) or _is_reached(way, paths, one.holds.texts)) for way in each):
            yield root


def _is_reached(way: Deployment, paths: frozenset[str], texts: Texts) -> bool:
    """Whether a change reaches what is put on top of a directory, what is applied of it, or who says so."""
    said = (way.place.file, *(value.file for value in (way.values or {}).values()))
    return any(file in paths for file in (*said, *(way.files or ()))) or any(
        join(way.directory, text) in paths for text in texts.of(way)
    )
