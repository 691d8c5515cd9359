"""Files that Argo CD lays over a directory, where the Application is in another repository: updaters write them into this one.

`.argocd-source-<application>.yaml` says which images and parameters that Application deploys. What it lays over a kustomization is
read besides what is written there: the file alone is no proof that anybody reads it. What it lays over a chart is a gap.
Source: argo-cd, reposerver/repository (mergeSourceParameters), and the write-back of Argo CD Image Updater.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.graph.argo import overlay
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.helm.argo import spelled_source
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping
from auditor.manifests.yaml import Broken
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind

START = ".argocd-source"
"""How the name of such a file begins."""


def is_override(path: str) -> bool:
    """Whether a path has the name of such a file."""
    name = posixpath.basename(path)
    return name.startswith(START) and name.endswith(".yaml")


def overrides(
    reader: Reader, kustomizations: Container[str], applied: Container[str]
) -> Iterator[tuple[str, Deployment | Gap]]:
    """By directory: what such files lay over it, where no Application of this tree deploys it (`applied`)."""
    count = 0
    for path, entry in reader.files.items():
        if START not in path or not is_override(path) or entry.kind is EntryKind.SUBMODULE:
            continue
        directory = posixpath.dirname(path) or "."
        if directory in applied:
            continue
        count += 1
        if count > reader.limits.deployments:
            why = f"more than {reader.limits.deployments} files are laid over directories: this one is not looked at"
            yield directory, unrendered(Place(path), "too many deployments", why)
            return
        for found in _of(reader, path, directory, kustomizations):
            yield directory, found


def _of(reader: Reader, path: str, directory: str, kustomizations: Container[str]) -> Iterator[Deployment | Gap]:
    try:
        target = reader.resolve(path)
    except OutOfTree:
        target = None
    for document in reader.documents(target) if target is not None else ():
        if isinstance(document, Broken):
            yield unrendered(
                Place(path, document.line), "overrides of a source", f"{path} cannot be read: {document.why}"
            )
            continue
        if not isinstance(document, Mapping):
            continue
        source = spelled_source(document)
        if directory in kustomizations:
            on_top = Mapping(list(overlay(source.mapping("kustomize"))), path, document.line)
            if on_top.entries:
                place = Place(path, document.line)
                yield Deployment(directory, f"Application of {posixpath.basename(path)}", place, on_top, "kustomize")
        elif join(directory, "Chart.yaml") in reader.files and source.mapping("helm").entries:
            why = f"{path} changes what an Application of another repository deploys of the chart {directory}"
            yield unrendered(Place(path, document.line), "overrides of a source", f"{why}: its images are unknown")
