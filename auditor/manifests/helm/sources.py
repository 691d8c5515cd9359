"""What deploys a chart that is not in the tree → which chart of which repository that is.

Source: fluxcd helm-controller and source-controller (HelmRepository, OCIRepository, HelmChart), Argo CD's sources, kustomize's
`helmCharts`, fleet.yaml, helmfile, and `dependencies` of a chart.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from auditor.manifests.files import Reader
from auditor.manifests.graph.settings import nearness
from auditor.manifests.helm.semver import is_exact
from auditor.manifests.helm.wanted import Unfetched, Wanted, in_oci, wanted
from auditor.manifests.holding import holding
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import Object, objects

_KINDS: Final = ("HelmRepository", "OCIRepository", "HelmChart")
_WORDS: Final = tuple(kind.encode() for kind in _KINDS)


class Sources(Struct):
    """The Flux sources of one tree, found when they are first asked for."""

    reader: Reader
    _found: dict[tuple[str, str], list[Object]] = field(default_factory=dict)
    _files: tuple[str, ...] | None = None

    def of_release(self, item: Object) -> Wanted | Unfetched:
        """The chart of a HelmRelease that is not a directory of the tree."""
        spec = item.node.mapping("spec")
        reference = spec.mapping("chartRef")
        if reference.text("name"):
            return self._referenced(item, reference)
        return self._chart(item, spec.mapping("chart").mapping("spec"))

    def _referenced(self, item: Object, reference: Mapping) -> Wanted | Unfetched:
        kind, name = reference.text("kind"), reference.text("name")
        source = self._source(item, kind, name, reference.text("namespace"))
        if isinstance(source, Unfetched):
            return source
        if kind == "HelmChart":
            return self._chart(source, source.node.mapping("spec"))
        spec = source.node.mapping("spec")
        ref = spec.mapping("ref")
        # Precedence of the API: digest, then semver, then tag; without any the tag is `latest`.
        if ref.text("semver") and not ref.text("digest"):
            return in_oci(spec.text("url"), ref.text("semver"))
        return in_oci(spec.text("url"), ref.text("tag") or "latest", ref.text("digest"), is_tag=True)

    def _chart(self, item: Object, chart: Mapping) -> Wanted | Unfetched:
        reference = chart.mapping("sourceRef")
        kind, name = reference.text("kind"), reference.text("name")
        source = self._source(item, kind, name, reference.text("namespace"))
        if isinstance(source, Unfetched):
            return source
        url, version = source.node.mapping("spec").text("url"), chart.text("version")
        # The API's default is `*`: the newest release.
        version = "" if version == "*" else version
        if url.startswith("oci://"):
            return in_oci(f"{url.rstrip('/')}/{chart.text('chart')}", version)
        return wanted(url, chart.text("chart"), version)

    def _source(self, item: Object, kind: str, name: str, space: str) -> Object | Unfetched:
        """The source of that name. Where the tree has several, the nearest to the object, if they agree."""
        if kind not in _KINDS or not name:
            return Unfetched(f"its source is no repository of charts ({kind or 'none'})")
        held = [one for one in self._objects(kind, name) if not space or one.namespace in ("", space)]
        if not held:
            return Unfetched(f"{kind} {name} is not in the tree")
        best = max(nearness(one.file, item.file.rpartition("/")[0] or ".", item.file) for one in held)
        near = [one for one in held if nearness(one.file, item.file.rpartition("/")[0] or ".", item.file) == best]
        if len({_said(one) for one in near}) > 1:
            return Unfetched(f"the tree has several {kind} {name}, and they differ")
        return near[0]

    def _objects(self, kind: str, name: str) -> list[Object]:
        """The objects of that name. The files that may hold one are what the answer depends on."""
        if self._files is None:
            self._files = tuple(holding(self.reader, _WORDS))
            for path in self._files:
                for document in self.reader.documents(path):
                    if isinstance(document, Mapping):
                        for item in objects(document, path):
                            self._found.setdefault((item.kind, item.name), []).append(item)
        self.reader.note({path: self.reader.identity(path) for path in self._files})
        return self._found.get((kind, name), [])


def _said(item: Object) -> tuple[str, ...]:
    spec = item.node.mapping("spec")
    ref, source = spec.mapping("ref"), spec.mapping("sourceRef")
    named = tuple(ref.text(key) for key in ("digest", "semver", "tag"))
    return (*(spec.text(key) for key in ("url", "chart", "version")), *named, source.text("kind"), source.text("name"))


def of_argo(source: Mapping) -> Wanted | Unfetched:
    """The chart of an Argo CD source: an address without a scheme is an OCI registry."""
    url, name, version = source.text("repoURL"), source.text("chart"), source.text("targetRevision")
    if "://" not in url:
        url = f"oci://{url}"
    return of_repository(url, name, version)


def of_repository(url: str, name: str, version: str) -> Wanted | Unfetched:
    """A chart by its repository and name, as kustomize, Fleet and `dependencies` name it."""
    if url.startswith("oci://"):
        return in_oci(f"{url.rstrip('/')}/{name}", version)
    return wanted(url, name, version)


def of_dependency(needed: Mapping, locked: Mapping) -> Wanted | Unfetched:
    """The chart of a dependency: at the version of the lock file, where there is one."""
    pinned = next(
        (
            one.text("version")
            for one in locked.items("dependencies")
            if isinstance(one, Mapping) and one.text("name") == needed.text("name") and is_exact(one.text("version"))
        ),
        "",
    )
    return of_repository(needed.text("repository"), needed.text("name"), pinned or needed.text("version"))


def of_helmfile(document: Mapping, chart: str, version: str) -> Wanted | Unfetched:
    """The chart of a helmfile's release: `oci://…`, or `repository/chart` by the names that the file gives."""
    if chart.startswith("oci://"):
        return in_oci(chart, version)
    alias, _, name = chart.partition("/")
    for one in document.items("repositories"):
        if isinstance(one, Mapping) and one.text("name") == alias:
            url = one.text("url")
            oci = one.text("oci") == "true" and "://" not in url
            return of_repository(f"oci://{url}" if oci else url, name, version)
    return Unfetched(f"the helmfile names no repository {alias}")
