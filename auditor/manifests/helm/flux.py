"""A Flux HelmRelease → the chart of this tree that it deploys, with its values. Source: helm-controller, API v2."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from auditor.manifests.contents import complete
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.needs import MISSING, Absent, Lookup, first, nested
from auditor.manifests.helm.terms import Terms
from auditor.manifests.helm.values import merged
from auditor.manifests.kustomize import images
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.kustomize.patches import patches
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.objects import Object
from auditor.manifests.skeleton import origin_of
from auditor.manifests.yaml import Broken

_LOCAL = frozenset({"GitRepository", "Bucket"})
"""Sources whose charts are directories; of a HelmRepository and an OCIRepository they are archives elsewhere."""


def chart_path(item: Object) -> str | None:
    """The directory of the chart; None where it comes from a repository of charts."""
    chart = item.node.mapping("spec").mapping("chart").mapping("spec")
    if chart.mapping("sourceRef").text("kind") not in _LOCAL or not chart.text("chart"):
        return None
    return join(".", chart.text("chart").lstrip("/"))


def named(item: Object) -> tuple[str, str]:
    """Release name and namespace."""
    spec = item.node.mapping("spec")
    target = spec.text("targetNamespace")
    name = spec.text("releaseName") or (f"{target}-{item.name}" if target else item.name)
    return name, target or item.namespace or "default"


def terms(item: Object) -> Terms:
    """Flux asks the cluster what it serves. It takes the CRDs of a chart unless neither installing nor upgrading does."""
    spec = item.node.mapping("spec")
    install, upgrade = spec.mapping("install").text("crds") or "Create", spec.mapping("upgrade").text("crds") or "Skip"
    return Terms(crds=not install == upgrade == "Skip")


def layers(item: Object, lookup: Lookup) -> Iterator[Mapping | Absent]:
    """Its values, the strongest last, and what of them is not in the tree."""
    spec = item.node.mapping("spec")
    for reference in spec.items("valuesFrom"):
        if isinstance(reference, Mapping):
            yield from _referenced(reference, lookup)
    yield spec.mapping("values")


def values_files(item: Object) -> tuple[Scalar, ...]:
    """Files whose values, merged, stand for the values.yaml of the chart (source-controller, OverwriteChartDefaultValues)."""
    files = item.node.mapping("spec").mapping("chart").mapping("spec").items("valuesFiles")
    return tuple(file for file in files if isinstance(file, Scalar) and file.text)


def defaults(item: Object, reader: Reader) -> tuple[Mapping | None, tuple[Absent, ...]]:
    """What stands for the chart's own values (None: nothing does), and which of it is missing.

    The files are relative to the top of the source, a later one over an earlier. Source: mergeFileValues.
    """
    files = values_files(item)
    lenient = item.node.mapping("spec").mapping("chart").mapping("spec").text("ignoreMissingValuesFiles") == "true"
    found = [_in_file(reader, file) for file in files]
    absent = tuple(one for one in found if isinstance(one, Absent))
    held = merged(one for one in found if isinstance(one, Mapping))
    told = tuple(one for one in absent if not lenient or one.why != MISSING)
    # Where every file is missing and that may be, the chart keeps its own values.
    return (held if len(absent) < len(files) else None), told


def _in_file(reader: Reader, file: Scalar) -> Mapping | Absent:
    try:
        path = reader.resolve(join(".", file.text))
    except OutOfTree:
        path = None
    what = f"values file {file.text}"
    return Absent(file.place(), what) if path is None else first(reader.documents(path), file.place(), what)


def _referenced(reference: Mapping, lookup: Lookup) -> Iterator[Mapping | Absent]:
    kind, name = reference.text("kind"), reference.text("name")
    key = reference.text("valuesKey") or "values.yaml"
    scalar = _value(lookup(kind, name), key)
    if scalar is None:
        if reference.text("optional") != "true":
            place = reference.scalar("name") or Scalar("", reference.file, reference.line, 1)
            yield Absent(place.place(), f"{key} of {kind} {name}")
        return
    if target := reference.text("targetPath"):
        yield nested(target, scalar)
        return
    read = complete(scalar.text.encode("utf-8", "replace"), scalar.file, origin_of(scalar))
    yield first(read, scalar.place(), f"{key} of {kind} {name}")


def _value(found: Mapping | None, key: str) -> Scalar | None:
    """A value of a ConfigMap or Secret; of a Secret's `data` decoded."""
    if found is None:
        return None
    plain = found.mapping("stringData").get(key)
    value = plain if isinstance(plain, Scalar) else found.mapping("data").get(key)
    if not isinstance(value, Scalar):
        return None
    if found.text("kind") != "Secret" or value is plain:
        return value
    try:
        return replace(
            value, text=base64.b64decode(value.text, validate=False).decode("utf-8", "replace"), literal=False
        )
    except (binascii.Error, ValueError):
        return value


class PostRenderer(Struct, frozen=True):
    """What Flux does to the objects of a chart before it applies them: the parts that can change an image."""

    item: Object

    def on(self, objects: list[Object]) -> list[Object]:
        """The objects after every patch and images entry, in kustomize's order."""
        for index, renderer in enumerate(self.item.node.mapping("spec").items("postRenderers")):
            settings = renderer.mapping("kustomize") if isinstance(renderer, Mapping) else Mapping()
            path = f"spec.postRenderers[{index}].kustomize"
            objects = self._patched(objects, settings)
            for number, entry in enumerate(settings.items("images")):
                if isinstance(entry, Mapping):
                    change = images.entry(entry, f"{path}.images[{number}]")
                    objects = [images.apply(one, change, images.Fields()) for one in objects]
        return objects

    def _patched(self, objects: list[Object], settings: Mapping) -> list[Object]:
        keys = ("patchesStrategicMerge", "patches", "patchesJson6902")
        for entry in (one for key in keys for one in settings.items(key)):
            target = entry.get("target") if isinstance(entry, Mapping) else None
            documents = list(_documents(entry))
            for patch in patches(documents, target if isinstance(target, Mapping) else None):
                changed = [patch.on(one) if patch.wants(one) else one for one in objects]
                objects = [one for one in changed if one is not None]
        return objects


def _documents(entry: Node) -> Iterator[Node]:
    """What a patch says: an object, a list of operations, or either in a text."""
    patch = entry.get("patch") if isinstance(entry, Mapping) else None
    if patch is None:
        yield entry
    elif isinstance(patch, Scalar):
        read = complete(patch.text.encode("utf-8", "replace"), patch.file, origin_of(patch))
        yield from (one for one in read if not isinstance(one, Broken))
    else:
        yield patch
