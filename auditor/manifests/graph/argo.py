"""An Argo CD Application → the directories that it deploys, and what it puts on top of each.

Source: argo-cd, reposerver/repository (GenerateManifests) and util/kustomize. Which repository a `repoURL` is, a tree does not
know: it counts as this one where its path exists here; the top of a tree exists everywhere, and counts only for an address
under which other paths do. Charts and values are read with the charts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from auditor.manifests.files import Reader
from auditor.manifests.fingerprint import fingerprinted
from auditor.manifests.graph.deployment import Deployment
from auditor.manifests.graph.directories import has_kustomization, jsonnet, listed, normal
from auditor.manifests.helm.argo import Source, sources
from auditor.manifests.helm.needs import HOLE
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.kustomize.images import split
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

GROUP: Final = "argoproj.io"
_PINNED: Final = re.compile(r"[0-9a-f]{40}|v?[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:[-+][\w.-]+)?", re.ASCII)
_FIELDS: Final = ("namespace", "namePrefix", "nameSuffix", "components", "patches")
_CHARTS: Final = ("kubeVersion", "apiVersions")
"""What Argo CD hands to kustomize as options, for the charts of all kustomizations that it builds."""


def is_application(item: Object) -> bool:
    """Whether the object is an Application."""
    return item.kind == "Application" and item.group == GROUP


def directories(item: Object) -> Iterator[str]:
    """The directories that it deploys, whichever repository they are of."""
    yield from (source.path for source in sources(item) if source.path is not None)


def home(item: Object, reader: Reader) -> Iterator[str]:
    """Addresses under which paths of this tree are deployed."""
    for source in sources(item):
        if source.path not in (None, ".") and reader.identity(f"{source.path}/"):
            yield address(source.node.text("repoURL"))


def address(url: str) -> str:
    """An address of a repository without what may be written in several ways."""
    bare = re.sub(r"^(?:\w+://)?(?:[^@/]*@)?", "", url.strip()).replace(":", "/", 1)
    return bare.removesuffix("/").removesuffix(".git").lower()


def deployments(item: Object, reader: Reader, here: frozenset[str]) -> Iterator[Deployment | Gap]:
    """What it deploys of this tree by kustomizations and plain manifests. `here`: the addresses of this repository."""
    for source in sources(item):
        written = source.node.scalar("path")
        if written is None or source.node.text("chart") or source.is_templated:
            continue
        directory = normal(written.text)
        if directory is None:
            yield unrendered(written.place(), "path out of the tree", f"{_named(item)} deploys {written.text!r}")
            continue
        if not _is_here(reader, directory, source, here):
            why = f"{_named(item)} deploys {directory} of {source.node.text('repoURL') or 'a repository'}, "
            gap = unrendered(
                written.place(), "deployed from elsewhere", f"{why}which is not in this tree: its images are unknown"
            )
            yield fingerprinted(replace(gap, given=source.given), [source.node], reader)
            continue
        yield from _in_tree(item, reader, source, directory, written.place())


def _is_here(reader: Reader, directory: str, source: Source, here: frozenset[str]) -> bool:
    if directory == ".":
        return address(source.node.text("repoURL")) in here
    return bool(reader.identity(f"{directory}/"))


def _in_tree(item: Object, reader: Reader, source: Source, directory: str, place: Place) -> Iterator[Deployment | Gap]:
    revision = source.node.scalar("targetRevision")
    if revision is not None and _PINNED.fullmatch(revision.text):
        why = f"{_named(item)} deploys {directory} at revision {revision.text}, and not as it is in this tree"
        yield unrendered(revision.place(), "deployed at another revision", why)
    whole, unread = source.overridden(reader)
    yield from (unrendered(one.place, "overrides of a source", f"{one.what} {one.why}") for one in unread)
    node = whole.node
    if node.mapping("plugin").entries:
        why = f"{_named(item)} deploys {directory} by a plugin: it is not run, and its images are unknown"
        gap = replace(unrendered(place, "plugin", why), given=(*source.given, f"{directory}/{HOLE}values{HOLE}"))
        yield fingerprinted(gap, [node], reader)
        return
    if reader.resolve(join(directory, "Chart.yaml")) is not None:
        return  # a chart
    if has_kustomization(reader, directory):
        on_top = Mapping(list(overlay(node.mapping("kustomize"))), item.file, item.line)
        above = f"{item.prefix}{_path_of(source)}.kustomize"
        charts = _picked(node.mapping("kustomize"), _CHARTS)
        yield Deployment(directory, _named(item), place, on_top, above, charts=Mapping(list(charts)))
        return
    how = node.mapping("directory")
    recurse, include, exclude = how.text("recurse") == "true", how.text("include"), how.text("exclude")
    files = listed(reader, directory, recurse=recurse, include=include, exclude=exclude)
    if (program := jsonnet(reader, directory, recurse=recurse)) is not None:
        why = f"{_named(item)} deploys {program}: Jsonnet is not run, and its images are unknown"
        yield unrendered(place, "Jsonnet program", why)
    yield Deployment(directory, _named(item), place, files=files)


def _path_of(source: Source) -> str:
    """The key path of a source."""
    beside = source.spec.items("sources")
    index = next((index for index, one in enumerate(beside) if one is source.node), None)
    if index is not None:
        return f"spec.sources[{index}]"
    return "spec.source" if source.spec.get("source") is source.node else "spec.sourceHydrator.drySource"


def _named(item: Object) -> str:
    return f"Application {item.name}"


def overlay(kustomize: Mapping) -> Iterator[tuple[str, Node]]:
    """What `kustomize` of a source puts on top of a directory, as a kustomization would write it."""
    yield from _picked(kustomize, _FIELDS)
    images = [image(item) for item in kustomize.items("images") if isinstance(item, Scalar)]
    if images:
        yield "images", Sequence(list(images))


def _picked(kustomize: Mapping, fields: Iterable[str]) -> Iterator[tuple[str, Node]]:
    for key in fields:
        value = kustomize.get(key)
        if value is not None and not (isinstance(value, Scalar) and (value.null or not value.text)):
            yield key, value


def image(written: Scalar) -> Mapping:
    """`name=newName:tag@digest`, as `kustomize edit set image` reads it: an entry of `images:`."""
    name, equals, rest = written.text.partition("=")
    new, tag, digest = split(rest if equals else name)
    parts = {"name": name if equals else new, "newName": new if equals else "", "newTag": tag, "digest": digest}
    entries: list[tuple[str, Node]] = [
        (key, Scalar(text, written.file, written.line, written.column)) for key, text in parts.items() if text
    ]
    return Mapping(entries, written.file, written.line)
