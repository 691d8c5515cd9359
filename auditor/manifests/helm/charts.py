"""Charts: what deploys one, and that its images are unknown until it is rendered."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

_HELP = "render it and pipe the result to `auditor check -`: helm template … | auditor check -"


def chart_in(reader: Reader, directory: str) -> Gap | None:
    """A chart in the tree; None for a library chart, which deploys nothing by itself."""
    try:
        path = reader.resolve(join(directory, "Chart.yaml"))
    except OutOfTree as error:
        return _gap(Place(join(directory, "Chart.yaml")), str(error), directory)
    chart = _chart_file(reader, path)
    if chart.text("type") == "library":
        return None
    name, version = chart.text("name") or directory, chart.text("version") or "no version"
    why = f"chart {name} ({version}) is not rendered: its images are unknown"
    return _gap(Place(path or directory, chart.line), why, directory)


def is_library(reader: Reader, directory: str) -> bool:
    """Whether a chart says that it deploys nothing by itself. Then its files are no templates that somebody renders."""
    try:
        path = reader.resolve(join(directory, "Chart.yaml"))
    except OutOfTree:
        return False
    return _chart_file(reader, path).text("type") == "library"


def _chart_file(reader: Reader, path: str | None) -> Mapping:
    documents = reader.documents(path) if path else ()
    return next((item for item in documents if isinstance(item, Mapping)), Mapping())


def charts_of(item: Object) -> Iterator[Gap]:
    """Charts that a Flux HelmRelease or an Argo CD Application deploys."""
    spec = item.node.mapping("spec")
    match item.kind, item.group:
        case "HelmRelease", "helm.toolkit.fluxcd.io":
            yield from _release(item, spec)
        case "Application", "argoproj.io":
            yield from _sources(item, spec)
        case "ApplicationSet", "argoproj.io":
            yield from _sources(item, spec.mapping("template").mapping("spec"))
        case _:
            return


def _release(item: Object, spec: Mapping) -> Iterator[Gap]:
    chart = spec.mapping("chart").mapping("spec")
    edit = chart.scalar("version") or chart.scalar("chart") or spec.mapping("chartRef").scalar("name")
    reference = spec.mapping("chartRef")
    if reference.text("name"):
        place = edit.place() if edit else Place(item.file, item.line)
        source = f"{reference.text('kind')} {reference.text('name')}"
        yield _gap(place, f"HelmRelease {item.name} deploys the chart of {source}: its images are unknown")
        return
    yield release_gap(item, edit, f"HelmRelease {item.name}", chart.text("chart") or item.name, chart.text("version"))


def _sources(item: Object, spec: Mapping) -> Iterator[Gap]:
    sources = [spec.mapping("source"), *(one for one in spec.items("sources") if isinstance(one, Mapping))]
    for source in sources:
        if source.text("chart"):
            edit = source.scalar("targetRevision") or source.scalar("chart")
            owner = f"{item.kind} {item.name}"
            yield release_gap(item, edit, owner, source.text("chart"), source.text("targetRevision"))


def release_gap(item: Object, edit: Scalar | None, owner: str, name: str, version: str) -> Gap:
    """A chart that an object deploys; `edit` is the line that chooses it."""
    place = edit.place() if edit else Place(item.file, item.line)
    return _gap(place, f"{owner} deploys chart {name} ({version or 'any version'}): its images are unknown")


def _gap(place: Place, why: str, root: str | None = None) -> Gap:
    return Gap(place, "helm chart", why, rule="unrendered", root=root, help=_HELP)
