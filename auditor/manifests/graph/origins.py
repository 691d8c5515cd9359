"""Where deployers take what they deploy from.

A tree does not tell its own address, so a path that exists in it counts as its own. Then a change that only turns a deployer to
another repository or revision would deploy what nobody has seen. So what a change does to these is looked at for itself:
a deployer whose repository or revision differs is a gap, and so is a new one of a repository that base takes nothing from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from auditor.manifests.contents import complete
from auditor.manifests.files import MANIFESTS
from auditor.manifests.graph.argo import address
from auditor.manifests.helm.argo import sources
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping as Node
from auditor.manifests.nodes import Scalar
from auditor.manifests.objects import Object, objects
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Tree, Unreadable

_FLUX_SOURCES: Final = frozenset({"GitRepository", "Bucket"})
_CHARTS: Final = frozenset({"GitRepository", "HelmChart", "HelmRepository", "OCIRepository"})
_ARGO: Final = frozenset({"Application", "ApplicationSet"})
_WORDS: Final = (b"argoproj.io", b"toolkit.fluxcd.io")


class Origin(Struct, frozen=True):
    """Repository and revision, where they are written; `address` of an Argo CD source without spelling variants."""

    text: str
    place: Place
    address: str = ""


def moved(before: tuple[Tree, ...], after: Tree, changed: frozenset[str]) -> Iterator[Gap]:
    """A gap for each deployer that the change turns to something else. `changed`: the paths that differ."""
    new = [found for path in _candidates(after, changed) for found in _origins(after, path)]
    if not new:
        return
    old: dict[str, Origin] = {}
    known: set[str] = set()
    for tree in before:
        for path in _candidates(tree, tree.entries()):
            for key, origin in _origins(tree, path):
                known.add(origin.address)
                if path in changed:
                    old[key] = origin
    for key, origin in new:
        earlier = old.get(key)
        if earlier is not None and earlier.text != origin.text:
            yield _gap(origin, f"{key} takes {origin.text}, and took {earlier.text}")
        elif earlier is None and origin.address and known - {""} and origin.address not in known:
            yield _gap(origin, f"{key} takes {origin.text}, from which nothing was deployed before")


def revalued(after: Tree, gaps: Iterable[Gap], changed: frozenset[str]) -> Iterator[Gap]:
    """A gap for each chart that nobody rendered and whose values the change changes in another file."""
    given = {(item.kind, item.name) for path in _candidates(after, changed) for item in _objects(after, path)}
    for path in sorted({gap.place.file for gap in gaps if gap.what == "helm chart"} - changed):
        for item in _objects(after, path) if path in after.entries() else ():
            for what in values_of(item):
                if what in given or what in changed:
                    name = what if isinstance(what, str) else "/".join(what)
                    what_changes = "its chart" if isinstance(what, tuple) and what[0] in _CHARTS else "its values"
                    why = f"{item.kind} {item.name} is not rendered, and this change changes {what_changes} ({name})"
                    yield unrendered(Place(item.file, item.line), "values of a chart", f"{why}: its images are unknown")


def values_of(item: Object) -> Iterator[str | tuple[str, str]]:
    """Files of the tree, and objects (kind and name), that a chart or its values come from."""
    if item.kind in _ARGO and item.group == "argoproj.io":
        for source in sources(item):
            for file in source.node.mapping("helm").items("valueFiles"):
                if isinstance(file, Scalar):
                    beside = "" if file.text.startswith(("$", "/")) else source.node.text("path")
                    inside = file.text.partition("/")[2] if file.text.startswith(("$", "/")) else file.text
                    yield join(beside or ".", inside)
    elif item.kind == "HelmRelease":
        spec = item.node.mapping("spec")
        chart = spec.mapping("chart").mapping("spec")
        named = (spec.mapping("chartRef"), chart.mapping("sourceRef"), *spec.items("valuesFrom"))
        for entry in named:
            if isinstance(entry, Node) and entry.text("name"):
                yield entry.text("kind"), entry.text("name")
        for file in chart.items("valuesFiles"):
            if isinstance(file, Scalar):
                yield join(".", file.text)


def _gap(origin: Origin, why: str) -> Gap:
    return unrendered(origin.place, "deployed from elsewhere", f"{why}: what it deploys from there is unknown")


def _candidates(tree: Tree, paths: Iterable[str]) -> Iterator[str]:
    entries = tree.entries()
    for path in paths:
        entry = entries.get(path)
        if entry is not None and entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS):
            yield path


def _origins(tree: Tree, path: str) -> Iterator[tuple[str, Origin]]:
    for item in _objects(tree, path, _WORDS):
        yield from _origins_of(item)


def _objects(tree: Tree, path: str, words: tuple[bytes, ...] = (b"",)) -> Iterator[Object]:
    """The objects of a file that holds one of the words."""
    try:
        content = tree.read(path)
    except Unreadable:
        return  # the reading of the tree says so
    if any(word in content for word in words):
        for document in complete(content, path, None):
            if isinstance(document, Node):
                yield from objects(document, path)


def _origins_of(item: Object) -> Iterator[tuple[str, Origin]]:
    spec = item.node.mapping("spec")
    key = "/".join(part for part in (item.kind, item.namespace, item.name) if part)
    if item.kind in _ARGO and item.group == "argoproj.io":
        for number, source in enumerate(sources(item)):
            if not source.node.text("chart"):
                text = f"{source.node.text('repoURL')} at {source.node.text('targetRevision') or 'HEAD'}"
                yield f"{key}[{number}]", Origin(text, _place(item, source.node, "repoURL"), _address(source.node))
    elif item.kind in _FLUX_SOURCES and item.group == "source.toolkit.fluxcd.io":
        yield key, Origin(_said(spec, ("url", "endpoint", "bucketName", "ref")), _place(item, spec, "url"))
    elif item.kind == "Kustomization" and item.group == "kustomize.toolkit.fluxcd.io":
        yield key, Origin(_said(spec, ("sourceRef",)), _place(item, spec, "path"))


def _address(source: Node) -> str:
    return address(source.text("repoURL"))


def _said(spec: Node, keys: Iterable[str]) -> str:
    found = (
        spec.text(key) or " ".join(f"{name} {spec.mapping(key).text(name)}" for name in _names(spec, key))
        for key in keys
    )
    return ", ".join(text for text in found if text)


def _names(spec: Node, key: str) -> Mapping[str, None]:
    return dict.fromkeys(sorted(name for name, _ in spec.mapping(key).entries))


def _place(item: Object, node: Node, key: str) -> Place:
    scalar = node.scalar(key)
    return scalar.place() if scalar else Place(item.file, item.line)
