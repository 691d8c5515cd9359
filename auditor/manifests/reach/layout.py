"""What the names of a tree say of it, and what its charts say of themselves: which files may be manifests."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Mapping
from typing import Final

from msgspec import Struct

from auditor.config.rules import ManifestSettings
from auditor.manifests.chosen import Chosen
from auditor.manifests.files import MANIFESTS, Reader
from auditor.manifests.helm.charts import is_library
from auditor.manifests.kustomize.kustomization import NAMES
from auditor.source.tree import EntryKind

CHART: Final = "Chart.yaml"
_CHART_PARTS: Final = ("templates", "charts", "crds")


class Layout(Struct, frozen=True):
    """What the names of a tree say of it, and its charts. Where only the content of other files differs it is the same."""

    charts: tuple[str, ...]
    real: tuple[str, ...]
    """The charts that are no libraries."""
    files: tuple[str, ...]
    """Files that may be loose manifests."""
    chart_files: tuple[str, ...]
    templates: frozenset[str]
    named: Mapping[str, str]
    """What has a kustomization's name, by its directory: of several the first in kustomize's own order."""
    spare: tuple[str, ...]
    """Those of them that kustomize does not take, and other programs may."""
    submodules: tuple[str, ...]
    links: tuple[str, ...]

    def charts_of(self, chosen: Chosen) -> tuple[str, ...]:
        """The charts that are read."""
        return tuple(chart for chart in self.charts if f"{chart}/{CHART}".removeprefix("./") in chosen)


def layout(reader: Reader, settings: ManifestSettings) -> Layout:
    """What the names of a tree say of it, and its charts."""
    charts = _charts(reader)
    libraries = frozenset(chart for chart in charts if is_library(reader, chart))
    real = tuple(chart for chart in charts if chart not in libraries)
    files, chart_files = _manifests(reader, Chosen.of(settings), real)
    named = _named(reader)
    kinds = [(path, entry.kind) for path, entry in reader.files.items() if entry.kind is not EntryKind.FILE]
    return Layout(
        charts,
        real,
        files,
        chart_files,
        frozenset(path for path in files if in_chart(path, libraries)),
        named,
        tuple(path for path in reader.files if is_named(path) and named.get(path.rpartition("/")[0] or ".") != path),
        tuple(path for path, kind in kinds if kind is EntryKind.SUBMODULE),
        tuple(path for path, kind in kinds if kind is EntryKind.SYMLINK),
    )


def strays(names: Layout, kustomizations: Container[str], chosen: Chosen) -> tuple[str, ...]:
    """Files with a kustomization's name that are none: `kubectl` applies them like any other manifest."""
    paths = (path for directory, path in names.named.items() if directory not in kustomizations)
    return tuple(
        path
        for path in (*paths, *names.spare)
        if path.lower().endswith(MANIFESTS) and path in chosen and not in_chart(path, names.real)
    )


def is_named(path: str) -> bool:
    """Whether a path has the name of a kustomization."""
    return path.rpartition("/")[2] in NAMES


def _named(reader: Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, entry in reader.files.items():
        if path.endswith(NAMES) and is_named(path) and entry.kind is not EntryKind.SUBMODULE:
            directory = path.rpartition("/")[0] or "."
            known = found.setdefault(directory, path)
            if known != path and NAMES.index(posixpath.basename(path)) < NAMES.index(posixpath.basename(known)):
                found[directory] = path
    return found


def _charts(reader: Reader) -> tuple[str, ...]:
    """Directories of charts, those inside another chart's `charts/` left out."""
    found: list[str] = []
    for path in reader.files:
        directory, _, name = path.rpartition("/")
        if name == CHART and not in_chart(path, found):
            found.append(directory or ".")
    return tuple(found)


def in_chart(path: str, charts: Iterable[str]) -> bool:
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
        if not path.lower().endswith(MANIFESTS) or entry.kind is EntryKind.SUBMODULE:
            continue
        if (path.endswith(NAMES) and is_named(path)) or not (chosen.all or path in chosen):
            continue
        (inside if charts and holders.hold(path) else loose).append(path)
    return tuple(loose), tuple(inside)


class _Charts(Struct):
    """Which files belong to charts: templates and the like, values, and the chart's own file."""

    charts: frozenset[str]

    def hold(self, path: str) -> bool:
        parts = path.split("/")
        for count in range(len(parts)):
            directory = "/".join(parts[:count]) or "."
            if directory in self.charts and self._is_part(parts[count:]):
                return True
        return False

    def _is_part(self, rest: list[str]) -> bool:
        if len(rest) > 1:
            return rest[0] in _CHART_PARTS
        return rest[0].lower().startswith(("values", "chart."))
