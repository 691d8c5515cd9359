"""A chart in the tree: what it says of itself, the charts that it carries, the values that it starts with."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.values import over
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping, Scalar
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Unreadable

_DEPTH: Final = 6
"""Charts inside of charts."""


class Needed(Struct, frozen=True):
    """A dependency that is not in the repository: the directory of the chart that needs it, its entry, the lock file."""

    directory: str
    entry: Mapping
    locked: Mapping

    @property
    def text(self) -> str:
        """`name version from repository`."""
        source = self.entry.text("repository")
        parts = (self.entry.text("name"), self.entry.text("version"), f"from {source}" if source else "")
        return " ".join(filter(None, parts))

    @property
    def place(self) -> Place:
        """The line that chooses it."""
        edit = self.entry.scalar("version") or self.entry.scalar("name")
        return edit.place("dependencies") if edit else Place(self.entry.file, self.entry.line)


class Chart(Struct, frozen=True):
    """A chart: its directory in the tree, its own file, and the charts below it by the key of their values.

    `place` is where the directory stands in the copy that Helm reads, which differs for a `file://` dependency.
    """

    directory: str
    path: str
    about: Mapping
    place: str
    inner: tuple[tuple[str, Chart], ...] = ()
    absent: tuple[Needed, ...] = ()
    """Dependencies that are not in the repository."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.about.text("name") or posixpath.basename(self.directory)

    @property
    def title(self) -> str:
        """Name and version, as messages call it."""
        return f"chart {self.name} ({self.about.text('version') or 'no version'})"

    @property
    def is_library(self) -> bool:
        """A library chart deploys nothing by itself."""
        return self.about.text("type") == "library"

    @property
    def version_place(self) -> Place:
        """The line of its version."""
        version = self.about.scalar("version")
        return version.place("version") if version else Place(self.path, self.about.line)

    def all(self) -> Iterator[Chart]:
        """Itself and every chart below."""
        yield self
        for _, chart in self.inner:
            yield from chart.all()

    def missing(self) -> Iterator[Needed]:
        """What it and the charts below lack."""
        for chart in self.all():
            yield from chart.absent


def read_chart(reader: Reader, directory: str, place: str = "", depth: int = 0) -> Chart | None:
    """The chart in a directory of the tree; None where there is none. Raises OutOfTree."""
    path = reader.resolve(join(directory, "Chart.yaml"))
    if path is None:
        return None
    about = _document(reader, path)
    place = place or directory
    inner: dict[str, Chart] = {}
    absent: list[Needed] = []
    for needed in _dependencies(reader, directory, about) if depth < _DEPTH else ():
        key = needed.text("alias") or needed.text("name")
        found = _carried(reader, directory, place, needed, depth)
        if isinstance(found, Chart):
            inner[key] = found
        elif not found:
            absent.append(Needed(directory, needed, _lock(reader, directory)))
    for name in _bundled(reader, directory) if depth < _DEPTH else ():
        chart = read_chart(reader, join(directory, f"charts/{name}"), f"{place}/charts/{name}", depth + 1)
        if chart is not None and all(known.place != chart.place for known in inner.values()):
            inner.setdefault(chart.name, chart)
    return Chart(directory, path, about, place, tuple(inner.items()), tuple(absent))


def _document(reader: Reader, path: str) -> Mapping:
    documents = reader.documents(path)
    return next((item for item in documents if isinstance(item, Mapping)), Mapping())


def _dependencies(reader: Reader, directory: str, about: Mapping) -> list[Mapping]:
    """`dependencies` of Chart.yaml, or of requirements.yaml (chart API v1)."""
    found = about.items("dependencies")
    if not found and (path := reader.resolve(join(directory, "requirements.yaml"))):
        found = _document(reader, path).items("dependencies")
    return [item for item in found if isinstance(item, Mapping) and item.text("name")]


def _lock(reader: Reader, directory: str) -> Mapping:
    """`Chart.lock`, or `requirements.lock` (chart API v1)."""
    for name in ("Chart.lock", "requirements.lock"):
        if path := reader.resolve(join(directory, name)):
            return _document(reader, path)
    return Mapping()


def _carried(reader: Reader, directory: str, place: str, needed: Mapping, depth: int) -> Chart | bool:
    """The chart of a dependency: in `charts/`, as an archive there (True), or beside the chart by `file://`."""
    name, repository = needed.text("name"), needed.text("repository")
    inside = f"{place}/charts/{name}"
    for where in _bundled(reader, directory):
        chart = read_chart(reader, join(directory, f"charts/{where}"), f"{place}/charts/{where}", depth + 1)
        if chart is not None and chart.name == name:
            return chart
    if any(reader.files.get(path) for path in _archives(reader, directory, name)):
        return True
    if not repository.startswith("file://"):
        return False
    try:
        return read_chart(reader, join(directory, repository.removeprefix("file://")), inside, depth + 1) or False
    except OutOfTree:
        return False


def _bundled(reader: Reader, directory: str) -> list[str]:
    """Directories below `charts/`."""
    start = join(directory, "charts")
    rest = (path[len(start) + 1 :] for path in reader.below(start))
    return sorted({path.partition("/")[0] for path in rest if "/" in path})


def _archives(reader: Reader, directory: str, name: str) -> Iterator[str]:
    start = join(directory, "charts")
    return (path for path in reader.below(start) if path.startswith(f"{start}/{name}-") and path.endswith(".tgz"))


def defaults(reader: Reader, chart: Chart, instead: Mapping | None = None) -> Mapping:
    """The values that a chart starts with: its own over those of the charts below. `instead` of its own. Raises OutOfTree."""
    path = reader.resolve(join(chart.directory, "values.yaml"))
    own = _document(reader, path) if path else Mapping()
    own = own if instead is None else instead
    below = [(key, _named(key, defaults(reader, inner))) for key, inner in chart.inner]
    whole = Mapping()
    for _, layer in below:
        whole = over(whole, layer)
    return over(whole, own)


def _named(key: str, values: Mapping) -> Mapping:
    return Mapping([(key, values)], values.file, values.line)


def app_version(chart: Chart) -> Scalar | None:
    """The version of the application, which many templates take for a tag."""
    return chart.about.scalar("appVersion")


def makes_deployers(reader: Reader, directory: str) -> bool:
    """Whether a chart may make what deploys charts, with values from files that only it names."""
    return any(may_deploy(reader, path) for path in reader.below(join(directory, "templates")))


def may_deploy(reader: Reader, path: str) -> bool:
    """Whether a file of a chart may make what deploys charts."""
    try:
        text = reader.bytes_of(path) if reader.files[path].kind is EntryKind.FILE else b""
    except Unreadable:
        return True
    return names_deployers(text.decode("utf-8", "replace"))


def names_deployers(text: str) -> bool:
    """Whether a text names the groups of objects that deploy charts."""
    return "argoproj.io" in text or "toolkit.fluxcd.io" in text
