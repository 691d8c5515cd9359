"""Reading a policy document: a node, where it is written, and how one gets there.

What is absent is a cursor as well: empty, at the place of what should hold it, so that a mistake always has a line.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, texts
from auditor.manifests.objects import Object
from auditor.model.place import Place


class Mistake(Struct, frozen=True):
    """What is wrong with one field of a policy: where, and what the engine makes of it."""

    place: Place
    message: str

    def __str__(self) -> str:
        where = f"{self.place.key_path}: " if self.place.key_path else ""
        return f"{where}{self.message}"


class Cursor(Struct, frozen=True):
    """One node of a document. `above` is the place of what holds it."""

    node: Node | None
    path: str
    above: Place

    @classmethod
    def at(cls, found: Object) -> Cursor:
        """The whole object."""
        return cls(found.node, found.prefix.removesuffix("."), Place(found.file, found.line))

    def __getitem__(self, key: str) -> Cursor:
        """What is under a key; empty where there is none."""
        below = self.node.get(key) if isinstance(self.node, Mapping) else None
        return Cursor(below, f"{self.path}.{key}" if self.path else key, self.place)

    def __iter__(self) -> Iterator[Cursor]:
        """The elements of a list; none where there is none."""
        items = self.node.items if isinstance(self.node, Sequence) else ()
        for index, item in enumerate(items):
            yield Cursor(item, f"{self.path}[{index}]", self.above)

    def __bool__(self) -> bool:
        """Whether something is there that is not null."""
        return self.node is not None and not (isinstance(self.node, Scalar) and self.node.null)

    @property
    def text(self) -> str:
        """The text of a scalar; empty for null and for everything else."""
        return self.node.text if isinstance(self.node, Scalar) and not self.node.null else ""

    @property
    def yes(self) -> bool:
        """Whether a scalar is YAML's true."""
        return self.text in {"true", "True", "TRUE"}

    @property
    def texts(self) -> dict[str, str]:
        """The scalar entries of a mapping."""
        return texts(self.node) if isinstance(self.node, Mapping) else {}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a mapping, in file order."""
        return tuple(key for key, _ in self.node.entries) if isinstance(self.node, Mapping) else ()

    @property
    def place(self) -> Place:
        """Where it is written; of something absent, and of a list, where that is which holds it."""
        match self.node:
            case Scalar():
                return self.node.place(self.path)
            case Mapping() if self.node.line:
                return Place(self.node.file or self.above.file, self.node.line, 1, self.path)
            case _:
                return Place(self.above.file, self.above.line, self.above.column, self.path)

    def mistake(self, message: str) -> Mistake:
        """Something wrong here."""
        return Mistake(self.place, message)
