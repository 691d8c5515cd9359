"""Files that deploy charts and are no Kubernetes objects: `fleet.yaml` and `helmfile.yaml`, where they are simple.

Source: fleet.rancher.io/ref-fleet-yaml, helmfile.readthedocs.io. A chart elsewhere, and everything that a template or an
environment decides, is a gap.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.needs import Absent, first, nested, typed
from auditor.manifests.helm.sources import of_helmfile, of_repository
from auditor.manifests.helm.terms import USUAL, Terms, terms
from auditor.manifests.helm.wanted import Unfetched, Wanted, in_oci
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.kustomize.spelling import spelled, twice
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.yaml import Broken
from auditor.model.gap import Gap
from auditor.model.place import Place

_NAMES: Final = frozenset({"fleet.yaml", "fleet.yml", "helmfile.yaml", "helmfile.yml"})
_FIELDS: Final = frozenset(
    {
        *(
            "name",
            "namespace",
            "defaultNamespace",
            "helm",
            "kustomize",
            "targetCustomizations",
            "dir",
            "yaml",
            "overlays",
        ),
        *("chart", "repo", "version", "releaseName", "values", "valuesFiles", "valuesFrom", "templateValues"),
    }
)
"""Fields of a `fleet.yaml` that decide what is deployed, which Fleet reads in any case."""
_PARTED: Final = "helmfile.d"
"""The directory whose files helmfile takes for one after the other."""
_DECIDED: Final = ("environments", "bases", "helmfiles", "templates")
"""Keys of a helmfile with which something outside of the file decides what is deployed."""
_AFTER: Final = ("postRenderer", "strategicMergePatches", "jsonPatches", "transformers", "dependencies")
"""Keys of a release, and of `helmDefaults`, that change what its chart makes."""


class Setting(Struct, frozen=True):
    """A chart that a file deploys. `directory` is where it would be in the tree; `place` the line that names it."""

    directory: str
    place: Place
    title: str
    name: str
    namespace: str
    layers: tuple[Mapping | Absent, ...]
    root: str
    chosen: Wanted | Unfetched | None = None
    """Where the chart is to be had; None where it is in the tree."""
    terms: Terms = USUAL


def deploys(path: str) -> bool:
    """Whether a file of this name deploys charts."""
    directory, _, name = path.rpartition("/")
    return name in _NAMES or (_PARTED in directory and posixpath.basename(directory) == _PARTED)


def settings(reader: Reader, path: str) -> Iterator[Setting | Gap]:
    """What the file at `path` deploys."""
    name = posixpath.basename(path)
    try:
        target = reader.resolve(path)
    except OutOfTree:
        return
    documents = reader.documents(target) if target else ()
    for document in documents:
        if isinstance(document, Broken):
            yield unrendered(Place(path, document.line), name, f"not plain YAML: {document.why}")
        elif isinstance(document, Mapping):
            yield from (
                _bundle(reader, path, document) if name.startswith("fleet.") else _helmfile(reader, path, document)
            )


# ── Fleet ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def bundle(document: Mapping) -> Mapping:
    """A `fleet.yaml` with its fields in the usual spelling."""
    return spelled(document, _FIELDS)


def _bundle(reader: Reader, path: str, document: Mapping) -> Iterator[Setting | Gap]:
    if (line := twice(document, _FIELDS)) is not None:
        yield unrendered(
            Place(path, line), "fleet.yaml", "a field is written in two spellings, which Fleet puts together"
        )
    yield from _fleet(reader, path, bundle(document))


def _fleet(reader: Reader, path: str, document: Mapping) -> Iterator[Setting]:
    """The bundle as it is, and for each customized target; a directory that holds a chart is the chart."""
    directory = posixpath.dirname(path) or "."
    helm = document.mapping("helm")
    targets = [one for one in document.items("targetCustomizations") if isinstance(one, Mapping)]
    chart = helm.scalar("chart")
    if chart is None and reader.files.get(join(directory, "Chart.yaml")) is None:
        return
    for target in (None, *targets):
        own = target.mapping("helm") if target else Mapping()
        named = own.scalar("chart") or chart
        local = not (helm.text("repo") or own.text("repo")) and not (named and "://" in named.text)
        where = join(directory, named.text) if named and local else directory
        if target is not None and not local and own.scalar("chart") is None:
            continue
        place = named.place("helm.chart") if named else Place(path, document.line)
        root = f"{directory}/{target.text('name')}" if target else directory
        version = helm.text("version") or "any version"
        title = f"{path} deploys chart {named.text if named else directory} ({version})"
        space = document.text("namespace") or document.text("defaultNamespace") or "default"
        layers = (*_fleet_values(reader, directory, helm), *_fleet_values(reader, directory, own))
        repository = own.text("repo") or helm.text("repo")
        chosen = _fleet_chart(repository, named.text if named else "", own.text("version") or helm.text("version"))
        name = helm.text("releaseName")
        yield Setting(where, place, title, name, space, layers, root, None if local else chosen)


def _fleet_chart(repository: str, chart: str, version: str) -> Wanted | Unfetched:
    if repository:
        return of_repository(repository, chart, version)
    if chart.startswith("oci://"):
        return in_oci(chart, version)
    return Unfetched("an archive without a repository has no digest to check it by")


def _fleet_values(reader: Reader, directory: str, helm: Mapping) -> Iterator[Mapping | Absent]:
    for file in helm.items("valuesFiles"):
        yield from _values(reader, directory, file)
    for source in helm.items("valuesFrom"):
        if isinstance(source, Mapping):
            yield Absent(Place(source.file, source.line), "a ConfigMap or Secret of the cluster")
    yield helm.mapping("values")


# ── helmfile ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _helmfile(reader: Reader, path: str, document: Mapping) -> Iterator[Setting | Gap]:
    decided = [key for key in _DECIDED if document.get(key) is not None]
    if decided:
        why = f"{decided[0]} of the helmfile decide what is deployed"
        yield unrendered(Place(path, document.line), "helmfile", f"{why}: render it with `helmfile template`")
    directory = posixpath.dirname(path) or "."
    for release in document.items("releases"):
        chart = release.scalar("chart") if isinstance(release, Mapping) else None
        if chart is None or not isinstance(release, Mapping) or release.text("installed") == "false":
            continue
        if after := [key for key in _AFTER for one in (release, document.mapping("helmDefaults")) if one.get(key)]:
            why = f"{after[0]} of release {release.text('name')} changes what its chart makes, and is not run"
            yield unrendered(Place(path, release.line), "helmfile", f"{why}: render it with `helmfile template`")
        local = chart.text.startswith(("./", "../")) and "{{" not in chart.text
        version = release.text("version") or "any version"
        title = f"release {release.text('name')} deploys chart {chart.text} ({version})"
        yield Setting(
            join(directory, chart.text) if local else directory,
            chart.place("chart"),
            title,
            release.text("name"),
            release.text("namespace") or "default",
            tuple(_release_values(reader, directory, release)),
            directory,
            None if local else of_helmfile(document, chart.text, release.text("version")),
            _helmfile_terms(document, release),
        )


def _helmfile_terms(document: Mapping, release: Mapping) -> Terms:
    """What a release says of the cluster, else what the file says of it. `skipCRDs` is of `helmDefaults` too."""
    own, all_ = terms(release), terms(document)
    skips = release.text("skipCRDs") or document.mapping("helmDefaults").text("skipCRDs")
    return Terms(
        own.kube_version or all_.kube_version, own.api_versions or all_.api_versions, skips != "true", own.tests
    )


def _release_values(reader: Reader, directory: str, release: Mapping) -> Iterator[Mapping | Absent]:
    for item in release.items("values"):
        if isinstance(item, Mapping):
            yield item
        else:
            yield from _values(reader, directory, item)
    for item in release.items("set"):
        value = item.get("value") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(value, Scalar):
            yield nested(item.text("name"), typed(value, text=False))


def _values(reader: Reader, directory: str, file: Node) -> Iterator[Mapping | Absent]:
    """The values of a file that is named relative to a directory."""
    if not isinstance(file, Scalar):
        return
    try:
        path = reader.resolve(join(directory, file.text))
    except OutOfTree:
        path = None
    what = f"values file {file.text}"
    yield Absent(file.place(), what) if path is None else first(reader.documents(path), file.place(), what)
