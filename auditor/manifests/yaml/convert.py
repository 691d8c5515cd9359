"""Raw documents → nodes with places, bounded: merge keys flattened, aliases followed once, circles refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final, cast

from auditor.limits import DEFAULT, Limits
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.yaml.parse import MERGE, NULL, TEXT, Origin, RawMapping, RawNode, RawScalar, RawSequence

_BINARY: Final = "tag:yaml.org,2002:binary"
_MERGE: Final = "tag:yaml.org,2002:merge"


class Tangled(Exception):  # noqa: N818 - a fact about one document, turned into a gap by the reader
    """A document that is nested too deeply, contains itself, or grows beyond the limit when aliases are followed."""


def text_of(raw: RawNode) -> str:
    """The text of a scalar, `!!binary` decoded as Go's parser does; of a template in braces its text; else empty."""
    if isinstance(raw, RawScalar):
        value = cast("str", raw.value)
        if raw.tag == _BINARY:
            try:
                return base64.b64decode(value, validate=False).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                return value
        return value
    return template_text(raw) or ""


def template_text(raw: RawNode) -> str | None:
    """`{{ .Values.x }}` unquoted is a mapping whose key is a mapping: what a template looks like to a YAML parser."""
    if isinstance(raw, RawMapping) and len(raw.value) == 1 and isinstance(raw.value[0][0], RawMapping):
        inner = raw.value[0][0].value
        if len(inner) == 1 and isinstance(inner[0][0], RawScalar):
            return f"{{{{ {inner[0][0].value} }}}}"
    return None


def is_merge(key: RawNode) -> bool:
    """Whether a key merges: `<<` as it is, or with its own tag (then quoted too), as Go's parser takes it."""
    return key.tag == MERGE or (key.tag == _MERGE and isinstance(key, RawScalar) and key.value == "<<")


def is_null(raw: RawNode) -> bool:
    """Whether a scalar is null: `~`, `null`, or nothing at all, unquoted."""
    return raw.tag == NULL


def scalar(raw: RawNode) -> Scalar:
    """The scalar with its place; of a block scalar the place of its first text line."""
    mark = raw.start_mark
    origin = cast("Origin", mark.name)
    style = raw.style if isinstance(raw, RawScalar) else None
    line, column = mark.line, mark.column
    if origin.flat:
        line = column = 0
    elif style in ("|", ">"):
        line, column = origin.indent(line)
    return Scalar(
        text_of(raw),
        origin.file,
        origin.line + line + 1,
        origin.column + column + 1,
        is_null(raw),
        style == "|",
        quoted=bool(style) or raw.tag not in (TEXT, NULL),
    )


def mapping_at(raw: RawNode, entries: list[tuple[str, Node]]) -> Mapping:
    """A mapping with these entries at the place of the raw one."""
    origin = cast("Origin", raw.start_mark.name)
    return Mapping(entries, origin.file, origin.line + (0 if origin.flat else raw.start_mark.line) + 1)


class Descent:
    """Bounds a conversion: depth, self-containing anchors, entries merged; each anchored node is converted once.

    `doubts` are the lines (from 1) of mappings that two readers take for different things.
    """

    def __init__(self, limits: Limits = DEFAULT, budget: list[int] | None = None) -> None:
        self._limits = limits
        self._budget = budget if budget is not None else [limits.yaml_nodes]
        self.doubts: list[int] = []
        self._open: set[int] = set()
        self._done: dict[int, Node | None] = {}

    def fresh(self) -> Descent:
        """One that remembers nothing, on the same budget: where the same node must be converted in another way."""
        other = Descent(self._limits, self._budget)
        other._open = self._open
        other.doubts = self.doubts
        return other

    def enter(self, raw: RawNode) -> None:
        """Begin with a mapping or sequence. Raises Tangled."""
        if id(raw) in self._open:
            raise Tangled("an anchor contains itself")
        if len(self._open) >= self._limits.yaml_depth:
            raise Tangled(f"nested more than {self._limits.yaml_depth} deep")
        self._open.add(id(raw))
        self._spend(len(raw.value), 0)

    def leave(self, raw: RawNode, node: Node | None) -> Node | None:
        """Done with it: remembered for its aliases."""
        self._open.discard(id(raw))
        self._done[id(raw)] = node
        return node

    def known(self, raw: RawNode) -> bool:
        """Whether an alias leads to something that is converted already."""
        return id(raw) in self._done

    def recall(self, raw: RawNode) -> Node | None:
        """What it was converted to."""
        return self._done[id(raw)]

    def pairs(self, raw: RawMapping, depth: int = 0) -> list[tuple[RawNode, RawNode]]:
        """Keys and values, merge keys (`<<`) flattened. Raises Tangled.

        What the mapping says itself wins, then the first merge. But Kubernetes' reader lets a merge override whatever is written
        above it, another merge included, so all values of those are kept: the overridden ones first.
        """
        self._spend(0, depth)
        if not any(is_merge(key) for key, _ in raw.value):
            return cast("list[tuple[RawNode, RawNode]]", raw.value)
        own = [(key, value) for key, value in raw.value if not is_merge(key)]
        named = {text_of(key) for key, _ in own}
        above: set[str] = set()
        doubtful: list[tuple[RawNode, RawNode]] = []
        for key, value in raw.value:
            if is_merge(key):
                own.extend(self._merged(value, named, depth + 1))
                merged = list(self._merged(value, set(), depth + 1))
                doubtful.extend(pair for pair in merged if text_of(pair[0]) in above)
                above.update(text_of(each) for each, _ in merged)
            else:
                above.add(text_of(key))
        self._note(raw, own, doubtful)
        return [*doubtful, *own]

    def _note(
        self, raw: RawMapping, own: list[tuple[RawNode, RawNode]], doubtful: list[tuple[RawNode, RawNode]]
    ) -> None:
        said = {text_of(key): value for key, value in own} if doubtful else {}
        if any(not _is_same(value, said[text_of(key)]) for key, value in doubtful):
            self.doubts.append(raw.start_mark.line + 1)

    def _spend(self, entries: int, depth: int) -> None:
        self._budget[0] -= entries
        if self._budget[0] < 0 or depth > self._limits.yaml_depth:
            raise Tangled(f"more than {self._limits.yaml_nodes} entries when aliases are followed")

    def _merged(self, value: RawNode, named: set[str], depth: int) -> Iterator[tuple[RawNode, RawNode]]:
        if isinstance(value, RawSequence):
            for item in value.value:
                if isinstance(item, RawMapping):
                    yield from self._merged(item, named, depth)
        elif isinstance(value, RawMapping):
            self._spend(len(value.value), depth)
            for key, inner in self.pairs(value, depth):
                if (name := text_of(key)) not in named:
                    named.add(name)
                    yield key, inner


def _is_same(one: RawNode, other: RawNode) -> bool:
    if isinstance(one, RawScalar) and isinstance(other, RawScalar):
        return bool(one.value == other.value and one.tag == other.tag)
    return one is other


def full(raw: RawNode, descent: Descent | None = None) -> Node:
    """The whole document as nodes. Raises Tangled."""
    descent = descent or Descent()
    if isinstance(raw, RawScalar) or template_text(raw) is not None:
        return scalar(raw)
    if descent.known(raw):
        return cast("Node", descent.recall(raw))
    descent.enter(raw)
    node: Node
    if isinstance(raw, RawMapping):
        node = mapping_at(raw, [(text_of(key), full(value, descent)) for key, value in descent.pairs(raw)])
    else:
        node = Sequence([full(item, descent) for item in raw.value])
    descent.leave(raw, node)
    return node
