"""A Flux Kustomization → the directory that it deploys, and what it puts on top.

Source: kustomize-controller, API v1; github.com/fluxcd/pkg/kustomize, Generator.WriteFile. A tree does not know under which
address it is cloned. So a source counts as this repository where the path exists here; the top of a tree exists
everywhere, and counts only for the source that Flux is bootstrapped with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Values
from typing import Final

from auditor.manifests.files import Reader
from auditor.manifests.fingerprint import fingerprinted
from auditor.manifests.graph import artifacts
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.directories import generated, has_kustomization, normal
from auditor.manifests.graph.settings import Settings
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

GROUP: Final = "kustomize.toolkit.fluxcd.io"
_BOOTSTRAP: Final = "flux-system"
_CHOOSES: Final = re.compile(r"image|tag|repo|registry|digest|sha|version|release|hub", re.IGNORECASE)
_FIELDS: Final = (
    ("targetNamespace", "namespace"),
    ("namePrefix", "namePrefix"),
    ("nameSuffix", "nameSuffix"),
    ("components", "components"),
    ("images", "images"),
    ("patchesStrategicMerge", "patchesStrategicMerge"),
    ("patches", "patches"),
    ("patchesJson6902", "patchesJson6902"),
)
"""A field of the specification, and the field of a kustomization that it is written to."""


def is_flux(item: Object) -> bool:
    """Whether the object is a Flux Kustomization."""
    return item.kind == "Kustomization" and item.group == GROUP


def deployments(
    item: Object, reader: Reader, settings: Settings, root: str, above: Deployment | None
) -> Iterator[Deployment | Gap]:
    """What it deploys of this tree. One for each set of values, where it is not certain which one it gets.

    `root` has the object; `above` is how the root itself is deployed.
    """
    spec = item.node.mapping("spec")
    path = spec.scalar("path")
    place = path.place() if path else Place(item.file, item.line)
    directory = normal(path.text if path else ".")
    if directory is None:
        yield unrendered(place, "path out of the tree", f"{_named(item)} deploys {path.text if path else ''!r}")
        return
    source = spec.mapping("sourceRef")
    here: tuple[str, ...] = (directory,) if _is_here(reader, directory, source) else ()
    if source.text("kind") == "ExternalArtifact":
        here = (
            artifacts.directories(source.text("name"), directory, item, root, reader=reader, settings=settings) or here
        )
    overlay = Mapping(list(_overlay(spec)), item.file, item.line)
    if not here:
        given: list[Node] = [overlay, *_versions(settings.of(item, root, above.values if above else None))]
        yield fingerprinted(_elsewhere(item, place, directory, source), given, reader)
    for one in here:
        files = None if has_kustomization(reader, one) else generated(reader, one)
        for values in settings.of(item, root, above.values if above else None):
            yield Deployment(one, _named(item), place, overlay, f"{item.prefix}spec", values, files)


def _is_here(reader: Reader, directory: str, source: Mapping) -> bool:
    if directory == ".":
        return source.text("name") == _BOOTSTRAP and source.text("kind") in ("GitRepository", "OCIRepository")
    return bool(reader.identity(f"{directory}/"))


def _elsewhere(item: Object, place: Place, directory: str, source: Mapping) -> Gap:
    name = f"{source.text('kind') or 'a source'} {source.text('name')}".strip()
    why = f"{_named(item)} deploys {directory} of {name}, which is not in this tree: its images are unknown"
    return unrendered(place, "deployed from elsewhere", why)


def _versions(sets: Iterable[Values[str, Scalar] | None]) -> Iterator[Scalar]:
    """Of the values that are filled in elsewhere those that choose an image by their name: most others do not."""
    for values in sets:
        yield from (value for name, value in (values or {}).items() if _CHOOSES.search(name))


def _named(item: Object) -> str:
    return f"Flux Kustomization {item.name}"


def _overlay(spec: Mapping) -> Iterator[tuple[str, Node]]:
    for field, key in _FIELDS:
        value = spec.get(field)
        if value is not None and not (isinstance(value, Scalar) and (value.null or not value.text)):
            yield key, value
