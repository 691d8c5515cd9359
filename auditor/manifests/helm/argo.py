"""An Argo CD Application → the charts of this tree that it deploys, with their values.

Source: argo-cd/reposerver/repository (helmTemplate): value files, then `values` or `valuesObject`, then parameters, then file
parameters. `$name/path` in a value file is a path of the source with `ref: name`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.contents import complete
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.charts import charts_of
from auditor.manifests.helm.needs import HOLE, MISSING, Absent, first, nested, opened, typed
from auditor.manifests.helm.terms import Terms, terms
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.kustomize.spelling import spelled
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.manifests.skeleton import origin_of
from auditor.manifests.yaml import Broken
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import Unreadable

_FIELDS: Final = frozenset(
    {
        *("repoURL", "path", "chart", "targetRevision", "ref", "name", "helm", "kustomize", "directory", "plugin"),
        *(
            "valueFiles",
            "parameters",
            "releaseName",
            "values",
            "valuesObject",
            "fileParameters",
            "value",
            "forceString",
        ),
        *("ignoreMissingValueFiles", "skipCrds", "skipTests", "namespace", "kubeVersion", "apiVersions"),
        *(
            "namePrefix",
            "nameSuffix",
            "images",
            "patches",
            "components",
            "replicas",
            "count",
            "patch",
            "target",
            "options",
        ),
        *(
            "group",
            "version",
            "kind",
            "labelSelector",
            "annotationSelector",
            "recurse",
            "include",
            "exclude",
            "jsonnet",
        ),
    }
)
"""Fields of an Application's source (argo-cd, pkg/apis/application/v1alpha1), in any case where a file has them."""


class Source(Struct, frozen=True):
    """One source of an Application, with what is beside it."""

    item: Object
    spec: Mapping
    node: Mapping

    @property
    def path(self) -> str | None:
        """The directory it deploys; None where it deploys a chart from a repository, or nothing."""
        written = self.node.text("path")
        return None if self.node.text("chart") or not written else join(".", written.lstrip("/"))

    @property
    def files(self) -> Iterator[str]:
        """Files of its directory that are laid over it: written by updaters, and read by Argo CD."""
        if self.path is not None and not self.is_templated:
            owners = ("", f"-{self.item.name}", f"-{self.item.namespace}_{self.item.name}")
            yield from (join(self.path, f".argocd-source{owner}.yaml") for owner in owners)

    def overridden(self, reader: Reader) -> tuple[Source, tuple[Absent, ...]]:
        """The same with what its files say, and those of them that cannot be read, or not in one way."""
        found, absent = self, []
        for file in self.files:
            try:
                path = reader.resolve(file)
            except OutOfTree:
                path = None
            for document in reader.documents(path) if path is not None else ():
                if isinstance(document, Broken):
                    absent.append(Absent(Place(file, document.line), file, f"cannot be read: {document.why}"))
                elif isinstance(document, Mapping):
                    fresh = spelled_source(document)
                    if _collides(found.node, document):
                        why = "writes a field in another case, beside that of the Application"
                        absent.append(Absent(Place(file, document.line), file, why))
                    found = Source(found.item, found.spec, _laid_over(found.node, fresh))
        return found, tuple(absent)

    @property
    def is_templated(self) -> bool:
        """Whether a generator fills in where the chart is."""
        return "{{" in self.node.text("path")

    @property
    def named(self) -> tuple[str, str]:
        """Release name and namespace."""
        helm = self.node.mapping("helm")
        space = helm.text("namespace") or self.spec.mapping("destination").text("namespace")
        return helm.text("releaseName") or self.item.name, space or "default"

    @property
    def terms(self) -> Terms:
        """For which cluster it is rendered. Argo CD takes the CRDs of a chart unless it is told not to."""
        helm = self.node.mapping("helm")
        return terms(helm, crds=helm.text("skipCrds") != "true")

    @property
    def given(self) -> tuple[str, ...]:
        """Files of the tree that its values come from, and what is laid over it, with holes where a generator fills in."""
        helm = self.node.mapping("helm")
        named = [file.text for file in helm.items("valueFiles") if isinstance(file, Scalar)]
        named += [one.text("path") for one in helm.items("fileParameters") if isinstance(one, Mapping)]
        return (*self.files, *(path for text in named if (path := self._file(opened(text))) is not None))

    def layers(self, reader: Reader) -> Iterator[Mapping | Absent]:
        """Its values, the strongest last, and what of them is not in the tree."""
        helm = self.node.mapping("helm")
        for file in helm.items("valueFiles"):
            if isinstance(file, Scalar):
                found = _in_file(reader, self._file(opened(file.text)), file)
                lenient = helm.text("ignoreMissingValueFiles") == "true"
                if isinstance(found, Mapping) or not lenient or found.why != MISSING:
                    yield found
        values = helm.scalar("values")
        if values is not None and not helm.mapping("valuesObject").entries:
            yield _in_text(values)
        yield helm.mapping("valuesObject")
        for parameter in helm.items("parameters"):
            value = parameter.get("value") if isinstance(parameter, Mapping) else None
            if isinstance(parameter, Mapping) and isinstance(value, Scalar):
                text = parameter.text("forceString") == "true"
                yield nested(parameter.text("name"), typed(value, text=text))
        for parameter in helm.items("fileParameters"):
            if isinstance(parameter, Mapping) and (named := parameter.scalar("path")) is not None:
                yield self._file_parameter(reader, parameter.text("name"), named)

    def _file(self, written: str) -> str | None:
        """The path of a value file in the tree; None where it is elsewhere."""
        if written.startswith("$"):
            name, _, rest = written[1:].partition("/")
            beside = (one for one in self.spec.items("sources") if isinstance(one, Mapping))
            return join(".", rest) if any(one.text("ref") == name for one in beside) else None
        if "://" in written:
            return None
        return join(".", written.lstrip("/")) if written.startswith("/") else join(opened(self.path or "."), written)

    def _file_parameter(self, reader: Reader, name: str, named: Scalar) -> Mapping | Absent:
        path, target = self._file(named.text), None
        try:
            target = reader.resolve(path) if path else None
            content = reader.bytes_of(target) if target else None
        except (OutOfTree, Unreadable):
            content = None
        if content is None:
            return Absent(named.place(), f"file {named.text}")
        return nested(name, Scalar(content.decode("utf-8", "replace"), target or "", 1, 1))


def sources(item: Object) -> Iterator[Source]:
    """Every source of an Application, or of the template of an ApplicationSet."""
    spec = item.node.mapping("spec")
    spec = spec.mapping("template").mapping("spec") if item.kind == "ApplicationSet" else spec
    # Of a hydrator what is rendered counts; where to that is pushed stands in no tree but that branch.
    dry = spec.mapping("sourceHydrator").mapping("drySource")
    for node in (spec.mapping("source"), *spec.items("sources"), dry):
        if isinstance(node, Mapping) and node.entries:
            yield Source(item, spec, node)


def spelled_source(document: Mapping) -> Mapping:
    """A file that is laid over a source, with its fields in the usual spelling."""
    return spelled(document, _FIELDS)


def _collides(old: Mapping, new: Mapping) -> bool:
    """Whether Go's reader would meet one field twice: the file's in its own spelling, and what was there."""
    for (key, value), (usual, _) in zip(new.entries, spelled(new, _FIELDS).entries, strict=True):
        before = old.get(usual)
        if before is not None and key != usual:
            return True
        if isinstance(before, Mapping) and isinstance(value, Mapping) and _collides(before, value):
            return True
    return False


def _laid_over(old: Mapping, new: Mapping) -> Mapping:
    """A JSON merge patch (RFC 7386)."""
    entries = dict(old.entries)
    for key, value in new.entries:
        before = entries.get(key)
        entries[key] = (
            _laid_over(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
        )
    return Mapping(list(entries.items()), old.file, old.line)


def with_charts(item: Object) -> Iterator[tuple[Source, Gap | None]]:
    """Every source; those that deploy a chart of a repository with the gap that it is unless it is fetched."""
    gaps = charts_of(item)
    for source in sources(item):
        yield source, next(gaps) if source.node.text("chart") else None


def _in_file(reader: Reader, path: str | None, file: Scalar) -> Mapping | Absent:
    if path is not None and HOLE in path:
        return Absent(file.place(), f"value file {file.text}", "has a name that a generator fills in", (path,))
    try:
        target = reader.resolve(path) if path else None
    except OutOfTree:
        target = None
    what = f"value file {file.text}"
    return Absent(file.place(), what) if target is None else first(reader.documents(target), file.place(), what)


def _in_text(values: Scalar) -> Mapping | Absent:
    read = complete(values.text.encode("utf-8", "replace"), values.file, origin_of(values))
    return first(read, values.place(), "values")
