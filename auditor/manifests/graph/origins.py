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
from auditor.manifests.helm.needs import HOLE, covers, is_free
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping as Node
from auditor.manifests.nodes import Scalar, Sequence
from auditor.manifests.objects import Object, objects
from auditor.manifests.reach.written import surest
from auditor.manifests.text import plain
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Tree, Unreadable

_FLUX_SOURCES: Final = frozenset({"GitRepository", "Bucket"})
_CHARTS: Final = frozenset({"GitRepository", "HelmChart", "HelmRepository", "OCIRepository"})
_ARGO: Final = frozenset({"Application", "ApplicationSet"})
_UNKNOWN: Final = frozenset({"helm chart", "operator"})
"""What gaps are called that hide something with values."""
_GIVEN: Final = frozenset({"values", "valuesFrom", "valuesFileRefs"})
"""Fields that name ConfigMaps and Secrets with values."""
_BY: Final = {
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
}
REFERRING: Final = frozenset(
    {
        ("PackageInstall", "packaging.carvel.dev"),
        ("RootSync", "configsync.gke.io"),
        ("RepoSync", "configsync.gke.io"),
        ("Release", "helm.crossplane.io"),
        ("Release", "helm.m.crossplane.io"),
        ("HelmOp", "fleet.cattle.io"),
        ("Bundle", "fleet.cattle.io"),
        ("HelmRelease", "helm.fluxcd.io"),
    }
)
"""Other kinds than those of Flux and Argo CD, with their groups, that take values from ConfigMaps and Secrets."""
_WORDS: Final = (b"argoproj.io", b"toolkit.fluxcd.io")


class Origin(Struct, frozen=True):
    """Repository and revision, where they are written.

    `source`: what of base must have it for a new deployer to take it too: of Argo CD address and revision, without spelling
    variants, of Flux kind and name of the source. `defines`: the same of a source's own object.
    """

    text: str
    place: Place
    source: tuple[str, str] | None = None
    defines: tuple[str, str] | None = None


def moved(before: tuple[Tree, ...], after: Tree, changed: frozenset[str]) -> Iterator[Gap]:
    """A gap for each deployer that the change turns to something else. `changed`: the paths that differ."""
    new = [found for path in _candidates(after, changed) for found in _origins(after, path)]
    if not new:
        return
    old: dict[str, Origin] = {}
    known: set[tuple[str, str]] = set()
    for tree in before:
        for path in _candidates(tree, tree.entries()):
            for key, origin in _origins(tree, path):
                if origin.source is not None:
                    known.add(origin.source)
                if path in changed:
                    old[key] = origin
    for key, origin in new:
        why = _turned(origin, old[key]) if key in old else _begun(origin, known)
        if why:
            yield _gap(origin, f"{key} takes {origin.text}, {why}")


def _turned(origin: Origin, earlier: Origin) -> str:
    return f"and took {earlier.text}" if earlier.text != origin.text else ""


def _begun(origin: Origin, known: set[tuple[str, str]]) -> str:
    if _is_strange(origin.source, known):
        return "from which nothing was deployed before"
    return "and was not in this tree before" if origin.defines in known else ""


def _is_strange(source: tuple[str, str] | None, known: set[tuple[str, str]]) -> bool:
    """Whether nothing of base is deployed from there, though something is by the same program."""
    return source is not None and source not in known and any(program == source[0] for program, _ in known)


def revalued(after: Tree, gaps: Iterable[Gap], changed: frozenset[str], before: Iterable[Gap] = ()) -> Iterator[Gap]:
    """A gap for each chart that nobody rendered and whose values the change changes in another file.

    None where its content, which is not the same as in the gaps `before`, says so already.
    """
    gaps, known = tuple(gaps), {(gap.why, gap.content) for gap in before}
    turned = [gap.why for gap in gaps if gap.content and (gap.why, gap.content) not in known]
    yield from _given(after, gaps, changed)
    files = sorted({gap.place.file for gap in gaps if gap.what in _UNKNOWN} - changed)
    held = (item for path in files if path in after.entries() for item in _objects(after, path))
    charts = [item for item in held if item.kind not in _ARGO and not _is_among(item, turned)]
    asked = [(item, what) for item in charts for what in values_of(item)]
    names = tuple({surest(what[1]) for _, what in asked if isinstance(what, tuple)})
    # What changes may be large, and most of it has none of the names.
    given = {(item.kind, item.name) for path in _candidates(after, changed) for item in _objects(after, path, names)}
    for item, what in asked:
        if what in given or what in changed:
            name = what if isinstance(what, str) else "/".join(what)
            what_changes = "its chart" if isinstance(what, tuple) and what[0] in _CHARTS else "its values"
            why = f"{item.kind} {item.name} is not rendered, and this change changes {what_changes} ({name})"
            yield unrendered(Place(item.file, item.line), "values of a chart", f"{why}: its images are unknown")


def _is_among(item: Object, reasons: Iterable[str]) -> bool:
    return any(why.startswith(f"{item.kind} {item.name} deploys ") for why in reasons)


def _given(after: Tree, gaps: tuple[Gap, ...], changed: frozenset[str]) -> Iterator[Gap]:
    """Where a deployer's own reading says which files give it values."""
    found = {pattern: _first(pattern, after, changed) for gap in gaps for pattern in gap.given}
    for gap in gaps:
        path = next((path for pattern in gap.given if (path := found[pattern])), None)
        if path is not None and gap.place.file not in changed:
            why = f"{gap.why.partition(': its images')[0]}, and this change changes {path}"
            yield unrendered(gap.place, "values of a chart", f"{why}: its images are unknown")


def _first(pattern: str, after: Tree, changed: frozenset[str]) -> str | None:
    """A changed path that a pattern covers; where nothing is written of it, no values that a chart of the tree begins with."""
    if HOLE not in pattern:
        return pattern if pattern in changed else None
    found = (path for path in sorted(changed) if covers(pattern, path))
    return next((path for path in found if not (is_free(pattern) and _is_of_chart(path, after))), None)


def _is_of_chart(path: str, after: Tree) -> bool:
    directory, _, name = path.rpartition("/")
    return name == "values.yaml" and join(directory or ".", "Chart.yaml") in after.entries()


def values_of(item: Object) -> Iterator[str | tuple[str, str]]:
    """Files of the tree, and objects (kind and name), that a chart or its values come from."""
    if item.kind in _ARGO and item.group == "argoproj.io":
        yield from _in_sources(item)
    elif (item.kind, item.group) in REFERRING:
        yield from _referred(item.node.mapping("spec"))
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


def _in_sources(item: Object) -> Iterator[str]:
    for source in sources(item):
        yield from source.files
        for file in source.node.mapping("helm").items("valueFiles"):
            if isinstance(file, Scalar):
                beside = "" if file.text.startswith(("$", "/")) else source.node.text("path")
                inside = file.text.partition("/")[2] if file.text.startswith(("$", "/")) else file.text
                yield join(beside or ".", inside)


def _referred(node: Node, key: str = "") -> Iterator[tuple[str, str]]:
    """ConfigMaps and Secrets below fields for values."""
    for name, value in node.entries:
        below = key or (name if name in _GIVEN else "")
        if below and name in _BY and isinstance(value, Node):
            yield _BY[name], value.text("name")
        for each in value.items if isinstance(value, Sequence) else [value]:
            if isinstance(each, Node):
                if below == "valuesFileRefs":
                    yield "ConfigMap", each.text("name")
                yield from _referred(each, below)


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
    """The objects of a file that may hold one of the words."""
    try:
        content = tree.read(path)
    except Unreadable:
        return  # the reading of the tree says so
    text = plain(content) if words else b""
    if text is None or any(word in text for word in words):
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
                yield f"{key}[{number}]", Origin(text, _place(item, source.node, "repoURL"), _argo(source.node))
    elif item.kind in _FLUX_SOURCES and item.group == "source.toolkit.fluxcd.io":
        text = _said(spec, ("url", "endpoint", "bucketName", "ref"))
        yield key, Origin(text, _place(item, spec, "url"), defines=("Flux", f"{item.kind} {item.name}"))
    elif item.kind == "Kustomization" and item.group == "kustomize.toolkit.fluxcd.io":
        yield key, Origin(_said(spec, ("sourceRef",)), _place(item, spec, "path"), _flux(spec.mapping("sourceRef")))


def _argo(source: Node) -> tuple[str, str] | None:
    found = address(source.text("repoURL"))
    return ("Argo CD", f"{found} at {source.text('targetRevision') or 'HEAD'}") if found else None


def _flux(source: Node) -> tuple[str, str] | None:
    """None where the tree itself says what it is made of (`auditor.manifests.graph.artifacts`)."""
    kind, name = source.text("kind"), source.text("name")
    return ("Flux", f"{kind} {name}") if kind in _FLUX_SOURCES else None


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
