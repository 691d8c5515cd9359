"""YAML as a tree of texts with places: nothing is ever constructed, so `0123`, `yes` and `1.10` stay what is written.

Nodes are shared freely (anchors, unchanged parts of a patched object) and never changed after they are built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct, field

from auditor.model.place import Place
from auditor.model.use import Via


class Scalar(Struct, eq=False):
    """A scalar's text and where it is written: 1-based line and column; of a block scalar its first text line.

    `literal` marks a `|` block: its text keeps the lines of the file. `key_path` is set where the scalar is not written
    at the path where it ends up (an `images:` entry). `via` and `base` tell who wrote it over what.
    """

    text: str
    file: str
    line: int
    column: int
    null: bool = False
    literal: bool = False
    via: Via = Via.BASE
    base: Place | None = None
    overrides: str | None = None
    """The text that stood at `base`."""
    key_path: str = ""
    inner: tuple[Node, ...] = ()
    """Objects written inside the text (YAML or JSON in a ConfigMap), where it holds any of interest."""
    quoted: bool = True
    """Whether it is text whatever it looks like; unquoted, `1.10` is a number and `yes` a truth value."""

    def place(self, key_path: str = "") -> Place:
        """Where it is written; `key_path` is the path at which it was found."""
        return Place(self.file, self.line, self.column, self.key_path or key_path)


class Mapping(Struct, eq=False):
    """Keys and values in file order, merge keys flattened. A key may stand twice: the last one wins, each is seen."""

    entries: list[tuple[str, Node]] = field(default_factory=list)
    file: str = ""
    line: int = 0

    def get(self, key: str) -> Node | None:
        """The value under `key` (the last, where it stands twice)."""
        found: Node | None = None
        for name, value in self.entries:
            if name == key:
                found = value
        return found

    def text(self, key: str) -> str:
        """The text of the scalar under `key`; empty for null, for other nodes and where there is none."""
        value = self.get(key)
        return value.text if isinstance(value, Scalar) and not value.null else ""

    def scalar(self, key: str) -> Scalar | None:
        """The scalar under `key`, unless it is null or empty."""
        value = self.get(key)
        return value if isinstance(value, Scalar) and not value.null and value.text else None

    def mapping(self, key: str) -> Mapping:
        """The mapping under `key`; an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Mapping) else Mapping()

    def items(self, key: str) -> list[Node]:
        """The elements of the sequence under `key`; empty where there is none."""
        value = self.get(key)
        return value.items if isinstance(value, Sequence) else []

    def first(self, *keys: str) -> Scalar | None:
        """The scalar under the first of these keys that has one."""
        return next((found for key in keys if (found := self.scalar(key)) is not None), None)

    def mappings(self, key: str) -> list[Mapping]:
        """The mappings among the elements of the sequence under `key`."""
        return [item for item in self.items(key) if isinstance(item, Mapping)]

    def updated(self, *fresh: tuple[str, Node]) -> Mapping:
        """The same mapping with these entries, in the place of those that have their keys."""
        keys = {key for key, _ in fresh}
        kept = [entry for entry in self.entries if entry[0] not in keys]
        return Mapping([*kept, *fresh], self.file, self.line)


class Sequence(Struct, eq=False):
    """Elements in order."""

    items: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | Mapping | Sequence


def texts(mapping: Mapping) -> dict[str, str]:
    """The scalar entries of a mapping (labels, annotations) as plain text."""
    return {key: value.text for key, value in mapping.entries if isinstance(value, Scalar) and not value.null}


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar below, in order."""
    if isinstance(node, Scalar):
        yield node
    for child in _below(node):
        yield from scalars(child)


def expanded(node: Node, sizes: dict[int, int] | None = None) -> int:
    """How many nodes there are when every alias is followed; takes time only for the distinct ones."""
    sizes = {} if sizes is None else sizes
    known = sizes.get(id(node))
    if known is None:
        known = sizes[id(node)] = 1 + sum(expanded(child, sizes) for child in _below(node))
    return known


def _below(node: Node) -> Iterable[Node]:
    match node:
        case Scalar():
            return node.inner
        case Mapping():
            return (value for _, value in node.entries)
        case Sequence():
            return node.items
