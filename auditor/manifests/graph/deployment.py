"""One deployer and one directory of the tree: what it puts on top of what is written there."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from collections.abc import Mapping as Values

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.extract.found import Found
from auditor.manifests.graph.envsubst import expand
from auditor.manifests.kustomize.kustomization import Kustomization
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.place import Place
from auditor.model.use import Via

UNTOUCHED = "kustomize.toolkit.fluxcd.io/substitute"
"""A label or annotation that says `disabled`: Flux leaves the object as it is."""


class Deployment(Struct, frozen=True):
    """A directory that `owner` deploys.

    `overlay` is written like a kustomization and goes on top of the directory's own. `files` are what is applied where the
    directory has none: paths of manifests and of directories with a kustomization. `values` are the variables that are
    filled in afterwards; None where nothing is filled in.
    """

    directory: str
    owner: str
    place: Place
    overlay: Mapping = field(default_factory=Mapping)
    above: str = ""
    """The key path under which the lists of the overlay are written: `spec`."""
    values: Values[str, Scalar] | None = None
    files: tuple[str, ...] | None = None
    charts: Mapping = field(default_factory=Mapping)
    """What it says of the cluster that charts are inflated for (`kubeVersion`, `apiVersions`); an entry's own counts instead."""
    homes: frozenset[str] = frozenset()
    """Where the owner is, and what deploys that: roots, and files of loose manifests. No part of what is deployed."""

    @property
    def identity(self) -> str:
        """What it does, as a hash over texts and places."""
        hashed = hashlib.sha256(f"{self.directory}\0{self.owner}\0".encode("utf-8", "surrogatepass"))
        for part in (*_written(self.overlay), *(self.files or ()), *_written(self.charts)):
            hashed.update(f"{part}\0".encode("utf-8", "surrogatepass"))
        for name, value in sorted((self.values or {}).items()):
            text = f"{name}\0{value.text}\0{value.file}\0{value.line}\0{value.column}\0"
            hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()

    def on(self, kustomization: Kustomization | None) -> Kustomization:
        """The directory's kustomization with the overlay in it, as the controllers write it before they build."""
        if kustomization is None:
            line, column = self.place.line, self.place.column
            names: list[Node] = [
                Scalar(self._relative(path), self.place.file, line, column) for path in self.files or ()
            ]
            node = Mapping([("resources", Sequence(names))], self.place.file, line)
            kustomization = Kustomization(self.directory, self.place.file, node)
        entries = [(key, value) for key, value in kustomization.node.entries if key not in _SET & self._keys()]
        node = Mapping(entries, kustomization.node.file, kustomization.node.line)
        for key, value in self.overlay.entries:
            node.entries = _put(node, key, value)
        return replace(kustomization, node=node, paths=dict(self._paths()))

    def _paths(self) -> Iterator[tuple[int, str]]:
        for key, value in self.overlay.entries:
            for index, item in enumerate(value.items if isinstance(value, Sequence) else []):
                yield id(item), f"{self.above}.{key}[{index}]"

    def _keys(self) -> set[str]:
        return {key for key, _ in self.overlay.entries}

    def _relative(self, path: str) -> str:
        return path if self.directory == "." else path.removeprefix(f"{self.directory}/")

    def filled(self, found: Found, item: Object) -> Found:
        """A reference after its variables are filled in: the line to edit is that of the last value."""
        if not self.values or "${" not in found.text or is_left_alone(item):
            return found
        done = expand(found.text, self._text)
        if done.text == found.text:
            return found
        return replace(found, text=done.text, scalar=self._scalar(found.scalar, found.path, done.names))

    def _text(self, name: str) -> str | None:
        value = (self.values or {}).get(name)
        return None if value is None else value.text

    def _scalar(self, scalar: Scalar, path: str, names: tuple[str, ...]) -> Scalar:
        text = expand(scalar.text, self._text).text
        source = (self.values or {})[names[-1]] if names else None
        if source is None or not source.file:
            return replace(scalar, text=text, via=Via.SUBSTITUTE if names else scalar.via)
        base = scalar.base or scalar.place(path)
        return replace(source, text=text, quoted=scalar.quoted, via=Via.SUBSTITUTE, base=base, overrides=None)

    def filled_object(self, item: Object) -> Object:
        """An object after its variables are filled in, for whoever reads more of it than its references."""
        if not self.values or is_left_alone(item):
            return item
        node = self._node(item.node)
        return dataclasses.replace(item, node=node) if isinstance(node, Mapping) else item

    def _node(self, node: Node) -> Node:
        match node:
            case Scalar():
                return self._in_scalar(node)
            case Mapping():
                entries = [(key, self._node(value)) for key, value in node.entries]
                same = all(new[1] is old[1] for new, old in zip(entries, node.entries, strict=True))
                return node if same else Mapping(entries, node.file, node.line)
            case Sequence():
                items = [self._node(item) for item in node.items]
                same = all(new is old for new, old in zip(items, node.items, strict=True))
                return node if same else Sequence(items)

    def _in_scalar(self, node: Scalar) -> Scalar:
        if "${" not in node.text:
            return node
        done = expand(node.text, self._text)
        inner = tuple(self._node(one) for one in node.inner)
        return node if done.text == node.text else replace(self._scalar(node, "", done.names), inner=inner)


_SET = frozenset({"namespace", "namePrefix", "nameSuffix"})
"""Fields that the deployer's value replaces; others are lists, and grow."""


def is_left_alone(item: Object) -> bool:
    """Whether an object says that Flux must not fill in anything."""
    return "disabled" in (item.labels.get(UNTOUCHED), item.annotations.get(UNTOUCHED))


def _put(node: Mapping, key: str, value: Node) -> list[tuple[str, Node]]:
    old = node.get(key)
    if not isinstance(value, Sequence) or not isinstance(old, Sequence):
        return [*((name, item) for name, item in node.entries if name != key), (key, value)]
    kept = old.items
    if key == "images":
        # An entry of the same name is replaced, not applied after the other.
        fresh = {item.text("name") for item in value.items if isinstance(item, Mapping)}
        kept = [item for item in kept if not (isinstance(item, Mapping) and item.text("name") in fresh)]
    return [*((name, item) for name, item in node.entries if name != key), (key, Sequence([*kept, *value.items]))]


def _written(node: Node) -> Iterator[str]:
    match node:
        case Scalar():
            yield f"{node.text}\0{node.file}\0{node.line}\0{node.column}\0{node.null}"
        case Mapping():
            for key, value in node.entries:
                yield key
                yield from _written(value)
        case Sequence():
            yield "["
            for item in node.items:
                yield from _written(item)
            yield "]"
