"""What a tree says of itself: its kustomizations and charts, what these load, and what may be a loose manifest.

A reference from a kustomization that is left out (`exclude`) counts for nothing: it must not hide what it names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.charts import is_library
from auditor.manifests.chosen import Chosen
from auditor.manifests.files import MANIFESTS, OutOfTree, Reader
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, find, is_kustomization, join, read
from auditor.manifests.nodes import Scalar, scalars
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind

CHART: Final = "Chart.yaml"
_CHART_PARTS: Final = ("templates", "charts", "crds")
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


def survey(reader: Reader, settings: ManifestSettings) -> Survey:
    """Read every kustomization, and tell what is a chart and what may be a loose manifest."""
    chosen = Chosen.of(settings)
    charts = _charts(reader)
    libraries = frozenset(chart for chart in charts if is_library(reader, chart))
    real = tuple(chart for chart in charts if chart not in libraries)
    gaps: list[Gap] = []
    every = {item.directory: item for item in _kustomizations(reader, gaps)}
    gaps += [_submodule(path) for path, entry in reader.files.items() if entry.kind is EntryKind.SUBMODULE]
    links = {directory: _links(reader, item, every) for directory, item in every.items()}
    mine = tuple(
        directory for directory, item in every.items() if item.path in chosen and not _in_chart(item.path, real)
    )
    files, chart_files = _manifests(reader, chosen, real)
    claimed = {directory: _claimed(reader, every[directory]) for directory in sorted(reached(links, mine))}
    return Survey(
        every,
        links,
        mine,
        tuple(chart for chart in charts if f"{chart}/{CHART}".removeprefix("./") in chosen),
        files,
        claimed,
        _inverted(claimed),
        chart_files,
        frozenset(path for path in files if _in_chart(path, libraries)),
        tuple(gap for gap in gaps if gap.place.file in chosen),
    )


def survey_again(known: Survey, reader: Reader, touched: frozenset[str]) -> Survey | None:
    """The survey of a tree that differs from the one that is `known` by the content of files, and of nothing else.

    `touched`: those files, and the symlinks that lead to them. What names lead to is the same then: only what stands in
    the touched kustomizations differs. None where the change may turn which files are manifests.
    """
    if any(posixpath.basename(path) == CHART for path in touched):
        return None
    turned = {posixpath.dirname(path) or "." for path in touched & reader.files.keys() if _is_named(path)}
    every = dict(known.kustomizations)
    for directory in turned:
        fresh = _kustomization(reader, directory) if directory in every else None
        if fresh is None:
            return None
        every[directory] = fresh
    if not turned:
        return known
    links = {**known.links, **{directory: _links(reader, every[directory], every) for directory in turned}}
    claimed = {
        directory: _claimed(reader, every[directory])
        if directory in turned or directory not in known.claimed
        else known.claimed[directory]
        for directory in sorted(reached(links, known.mine))
    }
    claims = known.claims if claimed == known.claimed else _inverted(claimed)
    return replace(known, kustomizations=every, links=links, claimed=claimed, claims=claims)


def _submodule(path: str) -> Gap:
    return unrendered(Place(path), "submodule", "its files are in another repository: what they deploy is unknown")


def _kustomizations(reader: Reader, gaps: list[Gap]) -> Iterator[Kustomization]:
    """Every kustomization; `gaps` takes those that lead out of the tree."""
    named: dict[str, str] = {}
    for path, entry in reader.files.items():
        if path.endswith(NAMES) and _is_named(path) and entry.kind is not EntryKind.SUBMODULE:
            named.setdefault(posixpath.dirname(path) or ".", path)
    reader.expect_documents(named.values())
    for directory, path in named.items():
        try:
            found = _kustomization(reader, directory)
        except OutOfTree as error:
            gaps.append(unrendered(Place(path), "symlink out of the tree", str(error)))
            continue
        if found is not None:
            yield found


def _is_named(path: str) -> bool:
    return posixpath.basename(path) in NAMES


def _kustomization(reader: Reader, directory: str) -> Kustomization | None:
    """The kustomization of a directory. Raises OutOfTree."""
    path = find(reader, directory)
    found = read(reader, directory, path) if path is not None else None
    return found if found is not None and is_kustomization(found.node) else None


def _links(reader: Reader, kustomization: Kustomization, every: Mapping[str, Kustomization]) -> frozenset[str]:
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


def _inverted(claimed: Mapping[str, tuple[str, ...]]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for directory, paths in claimed.items():
        for path in paths:
            found.setdefault(path, set()).add(directory)
    return {path: frozenset(directories) for path, directories in found.items()}


def _claimed(reader: Reader, item: Kustomization) -> tuple[str, ...]:
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


# ── charts and files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _charts(reader: Reader) -> tuple[str, ...]:
    """Directories of charts, those inside another chart's `charts/` left out."""
    found: list[str] = []
    for path in reader.files:
        directory, name = posixpath.split(path)
        if name == CHART and not _in_chart(path, found):
            found.append(directory or ".")
    return tuple(found)


def _in_chart(path: str, charts: Iterable[str]) -> bool:
    """Whether a file is a part of a chart that only Helm reads."""
    for chart in charts:
        start = "" if chart == "." else f"{chart}/"
        if path.startswith(start) and path[len(start) :].partition("/")[0] in _CHART_PARTS:
            return True
    return False


def _manifests(reader: Reader, chosen: Chosen, charts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files that may be loose manifests, and files of charts."""
    holders = _Charts(frozenset(charts))
    loose: list[str] = []
    inside: list[str] = []
    for path, entry in reader.files.items():
        if entry.kind is EntryKind.SUBMODULE or not path.lower().endswith(MANIFESTS) or path not in chosen:
            continue
        if posixpath.basename(path) in NAMES:
            continue
        (inside if holders.hold(path) else loose).append(path)
    return tuple(loose), tuple(inside)


class _Charts(Struct):
    """Which files belong to charts: templates and the like, values, and the chart's own file."""

    charts: frozenset[str]

    def hold(self, path: str) -> bool:
        parts = path.split("/")
        for count in range(len(parts)):
            directory = "/".join(parts[:count]) or "."
            if directory in self.charts:
                rest = parts[count:]
                first = rest[0].lower()
                return (len(rest) > 1 and rest[0] in _CHART_PARTS) or (
                    len(rest) == 1 and first.startswith(("values", "chart."))
                )
        return False
