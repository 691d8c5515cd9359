"""What a tree says of itself: its kustomizations and charts, what these load, and what may be a loose manifest.

A reference from a kustomization that is left out (`exclude`) counts for nothing: it must not hide what it names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.chosen import Chosen
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import Kustomization, find, is_kustomization, join, read
from auditor.manifests.nodes import Scalar, scalars
from auditor.manifests.reach.layout import CHART, in_chart, is_named, layout, strays
from auditor.model.gap import Gap
from auditor.model.place import Place

_LOADS: Final = ("resources", "bases", "components", "generators", "transformers")
_NAMES_FILES: Final = (*_LOADS, "patchesStrategicMerge")
_HAS_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "patches": ("path",),
    "patchesJson6902": ("path",),
    "replacements": ("path",),
    "configMapGenerator": ("files", "envs", "env"),
    "secretGenerator": ("files", "envs", "env"),
    "helmCharts": ("valuesFile", "additionalValuesFiles"),
}
"""Where a kustomization names files whose content ends up in what it deploys. What only describes (annotations, `crds`,
`openapi`, `configurations`) must not take a manifest out of the loose files: nobody would read it."""


class Near(Protocol):
    """What finds the kustomizations of a tree that matter for some paths, whether or not they are in a survey."""

    def above(self, directories: Iterable[str]) -> frozenset[str]:
        """The directories of kustomizations, and of those that load them, directly or not."""
        ...

    def naming(self, paths: Iterable[str]) -> Iterator[Kustomization]:
        """Every kustomization that may name one of the paths."""
        ...

    def making(self, holds: Callable[[str], bool], says: Callable[[bytes], bool]) -> frozenset[str] | None:
        """The directories of kustomizations that may make something, and of those that load them; None where that is not sought."""
        ...


class Survey(Struct, frozen=True):
    """What a tree says of itself, whatever it is compared with: kustomizations and charts, and what they load."""

    kustomizations: Mapping[str, Kustomization]
    """Every kustomization by its directory, those that are left out among them."""
    links: Mapping[str, frozenset[str]]
    """The directories that each kustomization loads."""
    mine: tuple[str, ...]
    """Directories of the kustomizations that are chosen, and no part of a chart."""
    charts: tuple[str, ...]
    files: tuple[str, ...]
    """Files that may be loose manifests."""
    claimed: Mapping[str, tuple[str, ...]]
    """The files that each kustomization loads that is chosen, or loaded by one that is."""
    claims: Mapping[str, frozenset[str]]
    """The same the other way round: the directories of the kustomizations that load a file."""
    chart_files: tuple[str, ...]
    templates: frozenset[str]
    gaps: tuple[Gap, ...]
    beside: frozenset[str] | None = None
    """Of the files in these directories alone it is known what loads them; None: of all."""
    near: Near | None = None
    """Where `mine`, `claimed` and `claims` are only what a change may matter for: what finds the rest."""


def survey(reader: Reader, settings: ManifestSettings) -> Survey:
    """Read every kustomization, and tell what is a chart and what may be a loose manifest."""
    chosen, names = Chosen.of(settings), layout(reader, settings)
    gaps: list[Gap] = []
    every = {item.directory: item for item in _kustomizations(reader, names.named, gaps)}
    links = {directory: links_of(reader, item, every) for directory, item in every.items()}
    mine = tuple(
        directory for directory, item in every.items() if item.path in chosen and not in_chart(item.path, names.real)
    )
    claimed = {directory: claimed_by(reader, every[directory]) for directory in sorted(reached(links, mine))}
    return Survey(
        every,
        links,
        mine,
        names.charts_of(chosen),
        (*names.files, *strays(names, every, chosen)),
        claimed,
        inverted(claimed),
        names.chart_files,
        names.templates,
        tuple(gap for gap in (*gaps, *map(submodule, names.submodules)) if gap.place.file in chosen),
    )


def survey_again(known: Survey, reader: Reader, touched: frozenset[str]) -> Survey | None:
    """The survey of a tree that differs from the one that is `known` by the content of files, and of nothing else.

    `touched`: those files, and the symlinks that lead to them. What names lead to is the same then: only what stands in
    the touched kustomizations differs. None where the change may turn which files are manifests.
    """
    if any(posixpath.basename(path) == CHART for path in touched):
        return None
    turned = {posixpath.dirname(path) or "." for path in touched & reader.files.keys() if is_named(path)}
    every = dict(known.kustomizations)
    for directory in turned:
        fresh = kustomization(reader, directory) if directory in every else None
        if fresh is None:
            return None
        every[directory] = fresh
    if not turned:
        return known
    links = {**known.links, **{directory: links_of(reader, every[directory], every) for directory in turned}}
    claimed = {
        directory: claimed_by(reader, every[directory])
        if directory in turned or directory not in known.claimed
        else known.claimed[directory]
        for directory in sorted(reached(links, known.mine))
    }
    claims = known.claims if claimed == known.claimed else inverted(claimed)
    return replace(known, kustomizations=every, links=links, claimed=claimed, claims=claims)


def submodule(path: str) -> Gap:
    """What a submodule leaves unknown."""
    return unrendered(Place(path), "submodule", "its files are in another repository: what they deploy is unknown")


def _kustomizations(reader: Reader, named: Mapping[str, str], gaps: list[Gap]) -> Iterator[Kustomization]:
    """Every kustomization; `gaps` takes those that lead out of the tree."""
    reader.expect_documents(named.values())
    for directory, path in named.items():
        try:
            found = kustomization(reader, directory)
        except OutOfTree as error:
            gaps.append(unrendered(Place(path), "symlink out of the tree", str(error)))
            continue
        if found is not None:
            yield found


def kustomization(reader: Reader, directory: str) -> Kustomization | None:
    """The kustomization of a directory. Raises OutOfTree."""
    path = find(reader, directory)
    found = read(reader, directory, path) if path is not None else None
    return found if found is not None and is_kustomization(found.node) else None


def links_of(reader: Reader, kustomization: Kustomization, every: Mapping[str, Kustomization]) -> frozenset[str]:
    """The directories of other kustomizations that one loads."""
    found: set[str] = set()
    for item, _ in kustomization.names(*_LOADS):
        if "\n" in item.text:
            continue
        try:
            directory = reader.directory(join(kustomization.directory, item.text))
        except OutOfTree:
            continue
        if directory is not None and directory in every and directory != kustomization.directory:
            found.add(directory)
    return frozenset(found)


def inverted(claimed: Mapping[str, tuple[str, ...]]) -> Mapping[str, frozenset[str]]:
    """The directories of the kustomizations that load a file, by the file."""
    found: dict[str, set[str]] = {}
    for directory, paths in claimed.items():
        for path in paths:
            found.setdefault(path, set()).add(directory)
    return {path: frozenset(directories) for path, directories in found.items()}


def claimed_by(reader: Reader, item: Kustomization) -> tuple[str, ...]:
    """The files that a kustomization loads. Only files below its own directory: kustomize refuses others."""
    texts = (part for scalar in _file_names(item) for part in (scalar.text, scalar.text.partition("=")[2]))
    paths = (_claim(reader, item.directory, text) for text in texts)
    return tuple(dict.fromkeys(path for path in paths if path is not None))


def _file_names(kustomization: Kustomization) -> Iterator[Scalar]:
    for scalar, _ in kustomization.names(*_NAMES_FILES):
        yield scalar
    for key, fields in _HAS_FILES.items():
        for entry, _ in kustomization.entries(key):
            for name in fields:
                value = entry.get(name)
                yield from scalars(value) if value is not None else ()


def _claim(reader: Reader, directory: str, text: str) -> str | None:
    if not text or "\n" in text or len(text) > 1024:
        return None
    try:
        path = reader.resolve(join(directory, text))
    except OutOfTree:
        return None
    return path if path is not None and (directory == "." or path.startswith(f"{directory}/")) else None


def reached(links: Mapping[str, frozenset[str]], start: Iterable[str]) -> set[str]:
    """What kustomizations load, directly or not, and themselves."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        directory = waiting.pop()
        if directory not in found:
            found.add(directory)
            waiting.extend(links[directory])
    return found
