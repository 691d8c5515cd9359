"""Patches, each as something that can be put on an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from msgspec import Struct

from auditor.manifests.kustomize import jsonpatch, merge
from auditor.manifests.kustomize.schema import Schemas, schema_for
from auditor.manifests.kustomize.select import same_object, selected
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object, identify


class Merge(Struct, frozen=True):
    """A strategic merge patch. `schemas`: the kustomization brings schemas of its own."""

    document: Mapping
    target: Mapping | None
    options: Mapping
    schemas: Schemas | None = None

    def wants(self, item: Object) -> bool:
        """Whether the object is meant."""
        return selected(item, self.target) if self.target is not None else same_object(item, self.document)

    def might_want(self, item: Object) -> bool:
        """Whether the object is meant if it has the labels and annotations that are asked for."""
        return self.target is not None and selected(item, self.target, marked=True)

    def on(self, item: Object) -> Object | None:
        """The object after the patch; None where it is deleted."""
        schema = schema_for(item, self.schemas)
        kind, name = (self.options.text(f"allow{what}Change") == "true" for what in ("Kind", "Name"))
        item = item.settled()
        node = merge.merge(item.node, self.document, schema, kind=kind, name=name)
        return item.with_node(node) if node is not None else None

    def loses(self, _item: Object) -> bool:
        """A merge patch brings all that it writes."""
        return False

    def alone(self) -> Object:
        """The patch as an object, where the one that it is for is not known."""
        return identify(merge.written_alone(self.document), self.document.file, self.document.line)


class Json(Struct, frozen=True):
    """A JSON patch (RFC 6902): a list of operations."""

    operations: Sequence
    target: Mapping | None

    def wants(self, item: Object) -> bool:
        """Whether the object is meant."""
        return self.target is not None and selected(item, self.target)

    def might_want(self, item: Object) -> bool:
        """Whether the object is meant if it has the labels and annotations that are asked for."""
        return self.target is not None and selected(item, self.target, marked=True)

    def on(self, item: Object) -> Object | None:
        """The object after the operations."""
        item = item.settled()
        return item.with_node(jsonpatch.apply(item.node, self.operations))

    def loses(self, item: Object) -> bool:
        """Whether it copies something that was not read to where images may stand."""
        lost: list[Mapping] = []
        jsonpatch.apply(item.node, self.operations, lost)
        return any(not operation.text("path").startswith("/metadata/") for operation in lost)

    def alone(self) -> Object:
        """What the operations write, where the object that they are for is not known."""
        target = self.target or Mapping()
        file, line = next(((i.file, i.line) for i in self.operations.items if isinstance(i, Mapping)), ("", 0))
        version = f"{target.text('group')}/{target.text('version')}".strip("/")
        named: list[tuple[str, Node]] = [
            ("kind", Scalar(target.text("kind"), file, line, 1)),
            ("apiVersion", Scalar(version, file, line, 1)),
        ]
        node = jsonpatch.apply(Mapping(named, file, line), self.operations)
        return replace(identify(node, file, line), name=target.text("name"), namespace=target.text("namespace"))


Patch: TypeAlias = Merge | Json


def patches(
    documents: Iterable[Node], target: Mapping | None, options: Mapping | None = None, schemas: Schemas | None = None
) -> Iterator[Patch]:
    """A list of operations is a JSON patch, a mapping a strategic merge patch, a list of objects several of these."""
    for document in documents:
        if isinstance(document, Sequence):
            yield Json(document, target)
        elif isinstance(document, Mapping):
            held = document.items("items") if document.text("kind").endswith("List") else [document]
            for one in held:
                if isinstance(one, Mapping):
                    yield Merge(one, target, options or Mapping(), schemas)
