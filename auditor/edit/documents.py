"""What the bytes of a file say to a YAML parser: which scalar stands where, and what an edit changed.

Places in raw documents are offsets of libyaml within a chunk; `Index` gives them as lines and columns of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, cast

from msgspec import Struct, field

from auditor.edit.splice import offset_of
from auditor.limits import DEFAULT
from auditor.manifests.yaml import Broken, Origin, RawMapping, RawNode, RawScalar, RawSequence, documents

At: TypeAlias = tuple[int, int]
"""1-based line and column."""


class Entry(Struct, frozen=True):
    """A scalar value in a mapping or list: its raw node, the key before it (None in a list), the mapping around it."""

    scalar: RawScalar
    key: RawScalar | None
    around: RawMapping | None


class Index(Struct):
    """The scalars of a file by place. `slots` counts how often each stands in the documents, aliases followed once."""

    documents: tuple[RawNode, ...]
    broken: bool
    entries: dict[At, Entry] = field(default_factory=dict)
    slots: dict[At, int] = field(default_factory=dict)
    blocks: list[tuple[int, int]] = field(default_factory=list)
    """First and last line of each block scalar: what stands in it has no entry."""

    def in_block(self, line: int) -> bool:
        """Whether a line is text of a block scalar."""
        return any(first <= line <= last for first, last in self.blocks)


def index(content: bytes, file: str) -> Index:
    """Every scalar value of a file."""
    raw = tuple(documents(content, file))
    found = Index(tuple(each for each in raw if not isinstance(each, Broken)), any(isinstance(e, Broken) for e in raw))
    seen: set[int] = set()
    for document in found.documents:
        _walk(document, None, None, found, seen)
    return found


def start_of(raw: RawNode) -> At:
    """Where a node begins; of a block scalar its first text line, as `manifests.yaml.scalar` has it."""
    mark = raw.start_mark
    origin = cast("Origin", mark.name)
    line, column = mark.line, mark.column
    if isinstance(raw, RawScalar) and raw.style in ("|", ">"):
        line, column = origin.indent(line)
    return origin.line + line + 1, column + 1


def end_of(raw: RawNode) -> At:
    """Where a node ends."""
    mark = raw.end_mark
    return cast("Origin", mark.name).line + mark.line + 1, mark.column + 1


def line_behind(content: bytes, item: RawNode) -> int | None:
    """Where the line after an item begins, or the end of the file; None where that is not UTF-8."""
    inner = item
    while isinstance(inner, RawMapping | RawSequence) and inner.value and not inner.flow_style:
        inner = inner.value[-1][1] if isinstance(inner, RawMapping) else inner.value[-1]
    line, column = end_of(inner)
    offset = offset_of(content, line, column)
    if offset is None or (column == 1 and line > start_of(inner)[0]):
        return offset  # a block scalar ends where the next line begins
    end = content.find(b"\n", offset)
    return len(content) if end < 0 else end + 1


def _walk(node: RawNode, key: RawScalar | None, around: RawMapping | None, found: Index, seen: set[int]) -> None:
    waiting = [(node, key, around)]
    while waiting:
        node, key, around = waiting.pop()
        if isinstance(node, RawScalar):
            at = start_of(node)
            found.entries.setdefault(at, Entry(node, key, around))
            found.slots[at] = found.slots.get(at, 0) + 1
            if node.style in ("|", ">"):
                found.blocks.append((at[0], end_of(node)[0]))
        elif id(node) not in seen:
            seen.add(id(node))
            waiting += _below(node)


def _below(node: RawNode) -> Iterator[tuple[RawNode, RawScalar | None, RawMapping | None]]:
    if isinstance(node, RawSequence):
        yield from ((item, None, None) for item in node.value)
    elif isinstance(node, RawMapping):
        for key, value in node.value:
            yield value, key if isinstance(key, RawScalar) else None, node


class Difference(Struct, frozen=True):
    """A scalar whose text is another now (`old` and `new`), or a node that was added (`old` None)."""

    at: At
    old: str | None
    new: str | None


def differences(before: Index, after: Index) -> list[Difference] | None:
    """What two readings of a file differ in; None where something is gone, moved, or of another sort."""
    if before.broken != after.broken or len(before.documents) != len(after.documents):
        return None
    found: dict[At, Difference] = {}
    seen: set[tuple[int, int]] = set()
    waiting = list(zip(before.documents, after.documents, strict=True))
    while waiting:
        one, other = waiting.pop()
        if (id(one), id(other)) in seen:
            continue
        seen.add((id(one), id(other)))
        below = _compared(one, other, found)
        if below is None or len(seen) > DEFAULT.yaml_nodes:
            return None
        waiting += below
    return list(found.values())


def _compared(one: RawNode, other: RawNode, found: dict[At, Difference]) -> list[tuple[RawNode, RawNode]] | None:
    """The pairs below two nodes; None where they are not the same but for scalars and additions at the end."""
    if isinstance(one, RawScalar) and isinstance(other, RawScalar):
        if one.value != other.value:
            found[start_of(one)] = Difference(start_of(one), str(one.value), str(other.value))
        return []
    if type(one) is not type(other):
        return None
    if isinstance(one, RawSequence) and isinstance(other, RawSequence):
        added = other.value[len(one.value) :]
        found.update((start_of(each), Difference(start_of(each), None, None)) for each in added)
        return list(zip(one.value, other.value, strict=False)) if len(other.value) >= len(one.value) else None
    return _pairs(cast("RawMapping", one), cast("RawMapping", other), found)


def _pairs(one: RawMapping, other: RawMapping, found: dict[At, Difference]) -> list[tuple[RawNode, RawNode]] | None:
    """Keys and values side by side; `other` may have keys that `one` lacks."""
    pairs: list[tuple[RawNode, RawNode]] = []
    rest = iter(one.value)
    expected = next(rest, None)
    for key, value in other.value:
        if expected is not None and _same_key(expected[0], key):
            pairs += [(expected[0], key), (expected[1], value)]
            expected = next(rest, None)
        else:
            found[start_of(key)] = Difference(start_of(key), None, str(key.value))
    return pairs if expected is None else None


def _same_key(one: RawNode, other: RawNode) -> bool:
    if isinstance(one, RawScalar) and isinstance(other, RawScalar):
        return bool(one.value == other.value)
    return type(one) is type(other)
