"""Documents → Kubernetes objects: lists and templates opened, each with its place and its names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, texts
from auditor.model.use import Workload

_LEGACY_TEMPLATE: Final = ("v1", "template.openshift.io/v1")
_NESTED: Final = 8
"""Lists of lists: one level is real."""
SEVERAL: Final = "|"
"""Between the kinds of an object that says several: no kind holds it."""


@dataclass(frozen=True, slots=True)
class Object:
    """One Kubernetes object (or a document that is none: then `kind` is empty).

    `prefix` is the path of the object inside its document (`items[0].`). `earlier` are the names and namespaces it had
    before a kustomization renamed it: patches may still use them.
    """

    node: Mapping
    file: str
    line: int
    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    prefix: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    holder: Mapping | None = field(default=None, compare=False)
    """The OpenShift template around it, whose parameters it names."""
    marks: tuple[tuple[str, Mapping], ...] = field(default=(), compare=False)
    """`labels` and `annotations` that kustomizations add to it, in order."""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The API version without its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def deploys(self) -> bool:
        """Whether a cluster would take it: it says what it is."""
        return bool(self.kind and self.api_version)

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self._marks("labels")

    @property
    def annotations(self) -> dict[str, str]:
        """Its short annotations."""
        return self._marks("annotations")

    def _marks(self, key: str) -> dict[str, str]:
        found = texts(self.node.mapping("metadata").mapping(key))
        for name, added in self.marks:
            if name == key:
                found |= texts(added)
        return found

    def with_node(self, node: Mapping) -> Object:
        """The same object after a patch: what the patch changed of its names is read anew, the old ones remembered."""
        old, new = identify(self.node, self.file, self.line), identify(node, self.file, self.line)
        name = new.name if new.name != old.name else self.name
        namespace = new.namespace if new.namespace != old.namespace else self.namespace
        kind = new.kind if new.kind != old.kind else self.kind
        api_version = new.api_version if new.api_version != old.api_version else self.api_version
        return replace(self.renamed(name, namespace), node=node, kind=kind, api_version=api_version)

    def renamed(self, name: str, namespace: str) -> Object:
        """The same object under another name or namespace."""
        if (name, namespace) == (self.name, self.namespace):
            return self
        return replace(self, name=name, namespace=namespace, earlier=(*self.earlier, (self.name, self.namespace)))

    def marked(self, key: str, added: Mapping) -> Object:
        """The same object with more `labels` or `annotations`."""
        return replace(self, marks=(*self.marks, (key, added)))

    def settled(self) -> Object:
        """The same object with the marks in its node, where a patch can change them."""
        if not self.marks:
            return self
        node = self.node
        for key, added in self.marks:
            metadata = node.mapping("metadata")
            marked = metadata.updated((key, metadata.mapping(key).updated(*added.entries)))
            node = node.updated(("metadata", marked))
        return replace(self, node=node, marks=())

    def workload(self) -> Workload | None:
        """How reports name it."""
        if not self.kind:
            return None
        return Workload(self.kind, self.name, self.namespace, self.api_version, self.labels)


def identify(node: Mapping, file: str, line: int, prefix: str = "") -> Object:
    """Read what an object says about itself."""
    metadata = node.mapping("metadata")
    return Object(
        node,
        file,
        line,
        _said(node, "apiVersion"),
        _said(node, "kind"),
        metadata.text("name") or metadata.text("generateName"),
        metadata.text("namespace"),
        prefix,
    )


def _said(node: Mapping, key: str) -> str:
    """What stands under a key; every different text of one that stands twice, so that neither of two readers is fooled."""
    said = [value.text for name, value in node.entries if name == key and isinstance(value, Scalar) and not value.null]
    return SEVERAL.join(dict.fromkeys(said))


def objects(node: Node, file: str, prefix: str = "", depth: int = 0, holder: Mapping | None = None) -> Iterator[Object]:
    """The objects of one document, lists and OpenShift `Template` opened; of a document that is a list its elements.

    Whatever holds objects under `items` is a list to kubectl, Flux and Argo CD; kustomize goes by the kind, and applies the
    holder: both are yielded where they disagree.
    """
    if isinstance(node, Sequence) and not depth:
        for index, item in enumerate(node.items):
            yield from objects(item, file, f"{prefix}[{index}].", depth + 1)
    if not isinstance(node, Mapping):
        return
    found = replace(identify(node, file, node.line, prefix), holder=holder)
    key = _holder(found)
    if key is None or depth >= _NESTED:
        yield found
        return
    if key == "items" and not found.kind.endswith("List"):
        yield found
    for index, item in enumerate(node.items(key)):
        around = node if key == "objects" else holder
        yield from objects(item, file, f"{prefix}{key}[{index}].", depth + 1, around)


def _holder(found: Object) -> str | None:
    """The key under which a list or template keeps its objects."""
    if any(
        isinstance(item, Mapping) and item.get("kind") and item.get("apiVersion") for item in found.node.items("items")
    ):
        return "items"
    if found.kind.endswith("List") and found.node.items("items"):
        return "items"
    if found.kind == "Template" and found.api_version in _LEGACY_TEMPLATE and found.node.items("objects"):
        return "objects"
    return None
