"""One root as the real kustomize builds it, each image with the line that a reviewer must edit.

    1. only roots that our own reading finds complete: all that they load is in the tree, nothing is fetched
    2. a private copy of what the root loads, and a kustomization beside it that loads the root and asks for origins
    3. `kustomize build` in a sandbox, root-only loads, no plugins
    4. each image of the output is looked up in our own reading, which knows its lines; else in the files that the output
       names as its origin, the last one that changed it first

The output says which images there are, our reading only where. Where kustomize fails, our reading is what there is: it has
every image that kustomize could deploy, and perhaps some that it would not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from auditor.manifests.contents import read_contents
from auditor.manifests.extract.extract import extract
from auditor.manifests.extract.found import Found
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.helm.terms import USUAL, Terms
from auditor.manifests.helm.values import written
from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, find, join, read
from auditor.manifests.nodes import Scalar, expanded, scalars
from auditor.manifests.objects import Object
from auditor.manifests.render.sandbox import Failed, run
from auditor.manifests.render.stage import Stage
from auditor.manifests.render.tools import Renderers, Tool
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import prefilter
from auditor.model.use import Via
from auditor.source.tree import Unreadable

_OUTPUT: Final = "rendered"
_ORIGIN: Final = "config.kubernetes.io/origin"
_CHANGES: Final = "alpha.config.kubernetes.io/transformations"
_CRD: Final = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (rb"^kind: CustomResourceDefinition$", rb"^apiVersion: apiextensions\.k8s\.io/")
)
_WRAPPER: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [{root}]
buildMetadata: [originAnnotations, transformerAnnotations]
"""


Read: TypeAlias = list[tuple[Object, list[Found]]]
"""Objects with the references in them."""


class Kustomize(Struct):
    """Builds roots of one tree. `folder` is private to this reading; `end` is when time for all roots is up (monotonic)."""

    reader: Reader
    renderers: Renderers
    stage: Stage
    folder: Path
    end: float
    kube_version: str
    api_versions: tuple[str, ...] = ()
    """The cluster that charts are rendered for, as `helm template` takes it; what an entry says of it counts instead."""
    _count: int = 0

    def render(
        self,
        root: str,
        own: Read,
        seen: Iterable[str],
        *,
        inflates: bool = False,
        laid: Kustomization | None = None,
        served: Terms = USUAL,
    ) -> Read:
        """Every object that the root deploys, with its references.

        `own`: what our reading finds; `seen`: all that it looked at; `inflates`: whether it has charts; `laid`: what stands
        for the root's own kustomization, with what its deployer puts on top; `served`: what that says of the cluster.
        Raises Failed.
        """
        self.stage.add(dict.fromkeys((*seen, *self._named(seen))))
        with self.stage.swapped(self._laid(root, laid)):
            output = self._build(root, served, inflates=inflates)
        contents = read_contents(_without_crds(output), _OUTPUT, self._pruner())
        if contents.gaps:
            raise Failed(f"the output of kustomize cannot be read: {contents.gaps[0].why}")
        places = _Places(self.reader, root, [(item, one) for item, found in own for one in found], list(seen))
        kinds = self.reader.kinds
        return [(item, [places.placed(item, one) for one in extract(item, kinds)]) for item in contents.objects]

    def _laid(self, root: str, laid: Kustomization | None) -> dict[str, bytes]:
        """The kustomization that a controller writes into the directory before it builds."""
        if laid is None:
            return {}
        if laid.problems:
            # What was read of it is not all of it: built, it would lack what the real one has.
            raise Failed(f"its kustomization cannot be read: {laid.problems[0].why}")
        if expanded(laid.node) > self.reader.limits.object_nodes:
            raise Failed(f"a kustomization of more than {self.reader.limits.object_nodes} nodes")
        try:
            path = find(self.reader, root) or join(root, NAMES[0])
        except OutOfTree as error:
            raise Failed(str(error)) from error
        return {path: written(laid.node).encode("utf-8", "replace")}

    def _pruner(self) -> Pruner:
        return Pruner(self.reader.kinds, prefilter(self.reader.kinds.words), self.reader.limits)

    def _named(self, seen: Iterable[str]) -> Iterator[str]:
        """Files that the kustomizations among these name: settings that our reading has no use for."""
        for path in list(seen):
            directory, _, name = path.rpartition("/")
            if name in NAMES and path in self.reader.files:
                kustomization = read(self.reader, directory or ".", path)
                for scalar in scalars(kustomization.node):
                    yield from self._file(directory, scalar.text)

    def _file(self, directory: str, text: str) -> Iterator[str]:
        for name in (text, text.partition("=")[2]):
            if name and "\n" not in name and (path := join(directory or ".", name)) in self.reader.files:
                yield path

    def _build(self, root: str, served: Terms, *, inflates: bool) -> bytes:
        tool = self.renderers.kustomize
        if tool is None:
            raise Failed("kustomize is not installed")
        patience = self.renderers.patience(self.end)
        if not patience.left(self.reader.limits):
            seconds = min(self.reader.limits.render_seconds_together, self.renderers.seconds)
            raise patience.failed(f"renderers have used up their {seconds:g} seconds")
        self._count += 1
        wrapper = self.folder / f"root-{self._count}"
        named = "../tree" if root == "." else f"../tree/{root}"
        with self.stage.told():
            wrapper.mkdir()
            (wrapper / "kustomization.yaml").write_text(_WRAPPER.format(root=_quoted(named)))
        self.renderers.note("kustomize", tool)
        build = ["kustomize", str(wrapper)] if tool.name == "kubectl" else ["build", str(wrapper)]
        charts = self._charts(self.renderers.helm, served) if inflates and self.renderers.helm else ()
        return run([*tool.command, *build, *charts], self.folder / "home", self.reader.limits, patience)

    def _charts(self, helm: Tool, served: Terms) -> Iterator[str]:
        yield from ("--enable-helm", f"--helm-command={helm.path}")
        yield from (f"--helm-{option}" for option in served.cluster(self.kube_version, self.api_versions))


def _without_crds(output: bytes) -> bytes:
    """The output without CRDs, most of its bytes. Kustomize writes it anew: only keys at the top start a line."""
    return b"\n---\n".join(part for part in output.split(b"\n---\n") if not all(mark.search(part) for mark in _CRD))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(slots=True)
class _Places:
    """Where the references of a root's output are written, as our own reading of the root knows it."""

    reader: Reader
    root: str
    known: list[tuple[Object, Found]]
    seen: list[str]
    _by_text: dict[str, list[tuple[Object, Found]]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_text = defaultdict(list)
        for item, found in self.known:
            self._by_text[found.text].append((item, found))

    def placed(self, item: Object, found: Found) -> Found:
        """The reference at the line to edit."""
        same = self._by_text.get(found.text)
        if same:
            nearest = max(same, key=lambda pair: _likeness(item, found, *pair))[1]
            return replace(nearest, path=found.path, container=found.container, confidence=found.confidence)
        return replace(found, scalar=self._searched(item, found.text))

    def _searched(self, item: Object, text: str) -> Scalar:
        """The first line that holds the text in the files that made the object; else the object's file as a whole.

        First the files that changed it, then its own, then whatever else the root loads: a patch may stand in any of them.
        """
        origin, changes = _origins(item)
        own = self._tree_path(origin)
        changed = [path for file in changes if (path := self._tree_path(file)) is not None]
        others = [path for path in reversed(self.seen) if path in self.reader.files]
        for path in dict.fromkeys((*changed, *((own,) if own else ()), *others)):
            scalar = self._line(path, text, Via.BASE if path == own else Via.PATCH)
            if scalar is not None:
                return scalar
        return Scalar(text, own or self._own(), 0, 0)

    def _line(self, path: str, text: str, via: Via) -> Scalar | None:
        try:
            lines = self.reader.bytes_of(path).decode("utf-8", "replace").split("\n")
        except Unreadable:
            return None
        pattern = re.compile(rf"(?<![\w./:@-]){re.escape(text)}(?![\w.@-])")
        for number, line in enumerate(lines, 1):
            if text in line and (match := pattern.search(line)):
                return Scalar(text, path, number, match.start() + 1, via=via)
        return None

    def _tree_path(self, written: str) -> str | None:
        """`../tree/base/app.yaml` → `base/app.yaml`, if it is a file of the tree."""
        try:
            return self.reader.resolve(written.partition("../tree/")[2]) if "../tree/" in written else None
        except OutOfTree:
            return None

    def _own(self) -> str:
        try:
            return find(self.reader, self.root) or self.root
        except OutOfTree:
            return self.root


def _origins(item: Object) -> tuple[str, list[str]]:
    """The file that an object comes from, and those that changed it, the last first."""
    notes = item.annotations
    changes = [line.partition("configuredIn:")[2].strip() for line in notes.get(_CHANGES, "").splitlines()]
    origin = next(
        (line[5:].strip() for line in notes.get(_ORIGIN, "").splitlines() if line.startswith("path:")),
        "",
    )
    return origin, [file for file in reversed(changes) if file]


def _likeness(item: Object, found: Found, other: Object, known: Found) -> tuple[bool, bool, bool, bool, bool]:
    """How well a reference of the output fits one of our reading: the object first, then the place in it."""
    names = {other.name, *(name for name, _ in other.earlier)}
    return (
        item.kind == other.kind and item.name in names,
        item.kind == other.kind,
        found.container == known.container,
        found.path == known.path,
        item.namespace == other.namespace,
    )
