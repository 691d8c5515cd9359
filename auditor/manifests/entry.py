"""What deploys: kustomizations nobody loads, charts, and manifests that neither loads.

A reference from a kustomization that is left out (`exclude`) counts for nothing: it must not hide what it names. Circles
that nobody enters are entered at their first directory.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from auditor.config.rules import ManifestSettings
from auditor.manifests.affected import affected
from auditor.manifests.charts import is_library
from auditor.manifests.files import MANIFESTS, OutOfTree, Reader
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, find, is_kustomization, join, read
from auditor.manifests.nodes import Scalar, scalars
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

CHART: Final = "Chart.yaml"
_EVERYTHING: Final = ("**",)
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """`manifests.include` and `exclude`: gitignore patterns over files and entry points; None includes all, excludes nothing."""

    include: GitIgnoreSpec | None
    exclude: GitIgnoreSpec | None

    @classmethod
    def of(cls, settings: ManifestSettings) -> Chosen:
        """Compile the patterns of the settings."""
        return cls(
            None if settings.include == _EVERYTHING else _compiled(settings.include),
            _compiled(settings.exclude) if settings.exclude else None,
        )

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        # The matcher takes UTF-8 only; a name that is none is matched with its odd bytes as unknown characters.
        text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        included = self.include is None or self.include.match_file(text)
        return included and (self.exclude is None or not self.exclude.match_file(text))


def _compiled(lines: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - thirty modules that few settings need

    return GitIgnoreSpec.from_lines(lines)


@dataclass(frozen=True, slots=True)
class Entries:
    """Entry points of a tree: directories of kustomizations and charts, and the files that may be loose manifests."""

    roots: tuple[str, ...]
    others: tuple[str, ...]
    """Kustomizations that some root loads."""
    charts: tuple[str, ...]
    files: tuple[str, ...]
    claims: Mapping[str, frozenset[str]]
    """Directories of the kustomizations that load a file, by the file's path: those that are chosen, and what these load."""
    chart_files: tuple[str, ...]
    templates: frozenset[str] = frozenset()
    """Files among `files` that a library chart may mean as templates: what does not parse in them is no manifest."""
    gaps: tuple[Gap, ...] = ()
    affected: frozenset[str] | None = None
    """Kustomizations whose objects may differ; None where everything is read."""
    kustomizations: Mapping[str, Kustomization] = field(default_factory=dict)
    """Every kustomization of the tree by its directory, those that are left out among them."""
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The directories that each kustomization loads."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a tree says of itself, whatever it is compared with: kustomizations and charts, and what they load.

    `mine` are the directories of the kustomizations that are chosen, and no part of a chart. The rest is as in `Entries`.
    """

    kustomizations: Mapping[str, Kustomization]
    links: Mapping[str, frozenset[str]]
    mine: tuple[str, ...]
    charts: tuple[str, ...]
    files: tuple[str, ...]
    claims: Mapping[str, frozenset[str]]
    chart_files: tuple[str, ...]
    templates: frozenset[str]
    gaps: tuple[Gap, ...]


def entries(found: Survey, before: Iterable[str] = (), touched: frozenset[str] | None = None) -> Entries:
    """Entry points of a tree. `before`: those of base, which stay entry points as long as they are kustomizations."""
    mine = frozenset(found.mine)
    roots = _roots({directory: found.links[directory] & mine for directory in found.mine}, frozenset(before))
    return Entries(
        tuple(sorted(roots)),
        tuple(directory for directory in found.mine if directory not in roots),
        found.charts,
        found.files,
        found.claims,
        found.chart_files,
        found.templates,
        found.gaps,
        None if touched is None else affected(found.kustomizations, found.links, touched),
        found.kustomizations,
        found.links,
    )


def survey(reader: Reader, settings: ManifestSettings) -> Survey:
    """Read every kustomization, and tell what is a chart and what may be a loose manifest."""
    chosen = Chosen.of(settings)
    charts = _charts(reader)
    libraries = frozenset(chart for chart in charts if is_library(reader, chart))
    real = tuple(chart for chart in charts if chart not in libraries)
    gaps: list[Gap] = []
    every = {item.directory: item for item in _kustomizations(reader, gaps)}
    gaps += [_submodule(path) for path, entry in reader.files.items() if entry.kind is EntryKind.SUBMODULE]
    links = {directory: frozenset(_links(reader, item)) & every.keys() for directory, item in every.items()}
    mine = {
        directory: item for directory, item in every.items() if item.path in chosen and not _in_chart(item.path, real)
    }
    files, chart_files = _manifests(reader, chosen, real)
    return Survey(
        every,
        links,
        tuple(mine),
        tuple(chart for chart in charts if f"{chart}/{CHART}".removeprefix("./") in chosen),
        files,
        _claims(reader, (every[directory] for directory in sorted(_reached(links, mine)))),
        chart_files,
        frozenset(path for path in files if _in_chart(path, libraries)),
        tuple(gap for gap in gaps if gap.place.file in chosen),
    )


def _submodule(path: str) -> Gap:
    return unrendered(Place(path), "submodule", "its files are in another repository: what they deploy is unknown")


def _kustomizations(reader: Reader, gaps: list[Gap]) -> Iterator[Kustomization]:
    """Every kustomization; `gaps` takes those that lead out of the tree."""
    seen = set()
    for path, entry in reader.files.items():
        directory, name = posixpath.split(path)
        directory = directory or "."
        if name not in NAMES or directory in seen or entry.kind is EntryKind.SUBMODULE:
            continue
        seen.add(directory)
        try:
            found = find(reader, directory)
        except OutOfTree as error:
            gaps.append(unrendered(Place(path), "symlink out of the tree", str(error)))
            found = None
        if found is None:
            continue
        kustomization = read(reader, directory, found)
        if is_kustomization(kustomization.node):
            yield kustomization


def _links(reader: Reader, kustomization: Kustomization) -> Iterator[str]:
    """The directories that a kustomization loads."""
    for item, _ in kustomization.names(*_LOADS):
        if "\n" in item.text:
            continue
        try:
            directory = reader.directory(join(kustomization.directory, item.text))
        except OutOfTree:
            continue
        if directory is not None and directory != kustomization.directory:
            yield directory


def _claims(reader: Reader, kustomizations: Iterable[Kustomization]) -> dict[str, frozenset[str]]:
    """Which kustomizations load a file. Only files below its own directory: kustomize refuses others."""
    found: dict[str, set[str]] = {}
    for item in kustomizations:
        for scalar in _file_names(item):
            for text in (scalar.text, scalar.text.partition("=")[2]):
                path = _claimed(reader, item.directory, text)
                if path is not None:
                    found.setdefault(path, set()).add(item.directory)
    return {path: frozenset(directories) for path, directories in found.items()}


def _file_names(kustomization: Kustomization) -> Iterator[Scalar]:
    for scalar, _ in kustomization.names(*_NAMES_FILES):
        yield scalar
    for key, fields in _HAS_FILES.items():
        for entry, _ in kustomization.entries(key):
            for name in fields:
                value = entry.get(name)
                yield from scalars(value) if value is not None else ()


def _claimed(reader: Reader, directory: str, text: str) -> str | None:
    if not text or "\n" in text or len(text) > 1024:
        return None
    try:
        path = reader.resolve(join(directory, text))
    except OutOfTree:
        return None
    return path if path is not None and (directory == "." or path.startswith(f"{directory}/")) else None


def _roots(links: dict[str, frozenset[str]], before: frozenset[str]) -> set[str]:
    loaded = {target for targets in links.values() for target in targets}
    roots = {directory for directory in links if directory not in loaded or directory in before}
    reached = _reached(links, roots)
    for directory in sorted(links):
        if directory not in reached:
            roots.add(directory)
            reached |= _reached(links, {directory})
    return roots


def _reached(links: dict[str, frozenset[str]], start: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        directory = waiting.pop()
        if directory not in reached:
            reached.add(directory)
            waiting.extend(links[directory])
    return reached


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
    holders = _Charts(charts)
    loose: list[str] = []
    inside: list[str] = []
    for path, entry in reader.files.items():
        if entry.kind is EntryKind.SUBMODULE or not path.lower().endswith(MANIFESTS) or path not in chosen:
            continue
        if posixpath.basename(path) in NAMES:
            continue
        (inside if holders.hold(path) else loose).append(path)
    return tuple(loose), tuple(inside)


@dataclass(slots=True)
class _Charts:
    """Which files belong to charts: templates and the like, values, and the chart's own file."""

    charts: tuple[str, ...]

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
