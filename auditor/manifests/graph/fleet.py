"""A Fleet bundle (`fleet.yaml`) → the kustomizations that it deploys. Source: rancher/fleet, internal/bundlereader."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from auditor.manifests.files import Reader
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.directories import has_kustomization
from auditor.manifests.helm.settings import bundle
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping
from auditor.model.gap import Gap
from auditor.model.place import Place

NAMES: Final = frozenset({"fleet.yaml", "fleet.yml"})


def deployments(path: str, reader: Reader) -> Iterator[Deployment | Gap]:
    """The directories that a bundle names: for all clusters, and for some (`targetCustomizations`)."""
    here = posixpath.dirname(path) or "."
    for written in reader.documents(path):
        if isinstance(written, Mapping):
            document = bundle(written)
            for part in (document, *document.items("targetCustomizations")):
                if isinstance(part, Mapping) and (found := _named(path, here, part, reader)) is not None:
                    yield found


def _named(path: str, here: str, part: Mapping, reader: Reader) -> Deployment | Gap | None:
    written = part.mapping("kustomize").scalar("dir")
    if written is None:
        return None
    directory = join(here, written.text)
    if directory.startswith("../") or directory == ".." or not has_kustomization(reader, directory):
        why = f"the bundle {path} deploys {written.text}, where this tree has no kustomization"
        return unrendered(written.place("kustomize.dir"), "missing kustomization", why)
    return Deployment(directory, f"Fleet bundle {path}", Place(path, written.line, written.column, "kustomize.dir"))
