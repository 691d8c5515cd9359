"""The only door to a YAML library: bytes → raw documents, whose marks carry the place.

libyaml composes (ten times faster than Python) and keeps the marks. What it refuses and Go's parser accepts is read another
way: duplicate anchors by composing from events, surrogate pairs in JSON by blanking them. A document that does not parse
is a `Broken`, and the documents before and after it are still read: `---` at the start of a line always ends a document
(YAML 1.2.2, section 9.1.2).
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, cast

import yaml
from msgspec import Struct
from yaml._yaml import CParser
from yaml.nodes import MappingNode as RawMapping
from yaml.nodes import Node as RawNode
from yaml.nodes import ScalarNode as RawScalar
from yaml.nodes import SequenceNode as RawSequence

from auditor.limits import DEFAULT, Limits

__all__ = [
    "MERGE",
    "NULL",
    "TEXT",
    "Broken",
    "Origin",
    "RawMapping",
    "RawNode",
    "RawScalar",
    "RawSequence",
    "documents",
]

_SEPARATOR: Final = re.compile(rb"^---(?=[ \t\r\n#]|\Z)", re.MULTILINE)
_GLUED_COMMENT: Final = re.compile(rb"\A---#[^\n]*")
"""Kubernetes' and kustomize's readers take `---#` for a separator, though YAML wants white space before a comment."""
_NOTHING: Final = re.compile(rb"(?:[ \t]*(?:[#%][^\n]*)?(?:\r?\n|\Z))*\Z")
_SURROGATES: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
NULL, MERGE, TEXT = "null", "merge", "text"
"""Tags of nodes without an explicit one."""


class Broken(Struct, frozen=True):
    """A document that does not parse: the 1-based line, the parser's words, and the bytes of the document."""

    line: int
    why: str
    first_line: int
    content: bytes


class Origin(Struct):
    """Where a chunk of text stands in a file: added to the marks of the nodes in it.

    `line` and `column` count from 0. A `flat` text (inside a quoted scalar) has lost its lines: all of it is at the start.
    """

    file: str
    line: int = 0
    column: int = 0
    flat: bool = False
    content: bytes = b""

    def indent(self, line: int) -> tuple[int, int]:
        """Of the block scalar whose header is on this line of the chunk: first text line, its indentation."""
        lines = self.content.split(b"\n", line + 1)[-1].split(b"\n", 64)
        for offset, text in enumerate(lines):
            if text.strip():
                return line + 1 + offset, len(text) - len(text.lstrip(b" "))
        return line + 1, 0


class _Stream:
    """A chunk for libyaml. The name of a stream is handed on in every mark: here it is the chunk's origin."""

    def __init__(self, content: bytes, origin: Origin) -> None:
        self.name = origin
        self.read = io.BytesIO(content).read


class _Loader(CParser):
    """libyaml's parser and composer with a resolver that tells only null and merge keys from text."""

    def __init__(self, content: bytes, origin: Origin) -> None:
        super().__init__(cast("Any", _Stream(content, origin)))

    def resolve(self, kind: type[RawNode], value: str, implicit: tuple[bool, bool]) -> str:
        """Tag of a node without an explicit one."""
        if kind is RawScalar and implicit[0]:
            if value in _NULLS:
                return NULL
            if value == "<<":
                return MERGE
        return TEXT

    def descend_resolver(self, current_node: RawNode | None, current_index: object) -> None:
        """Called by libyaml's composer; paths do not change how a node is resolved."""

    def ascend_resolver(self) -> None:
        """Called by libyaml's composer."""


RawDocument: TypeAlias = RawNode


def documents(
    content: bytes,
    file: str,
    *,
    origin: Origin | None = None,
    want: Callable[[bytes], bool] | None = None,
    limits: Limits = DEFAULT,
) -> Iterator[RawDocument | Broken]:
    """Every document of a file, in order; those that `want` refuses by their bytes are skipped without parsing."""
    for chunk in chunks(content, origin or Origin(file), limits):
        if isinstance(chunk, Broken):
            yield chunk
        elif want is None or want(chunk.content):
            yield from composed(chunk)


def chunks(content: bytes, start: Origin, limits: Limits = DEFAULT) -> Iterator[Origin | Broken]:
    """A file cut where documents begin, nothing parsed. What is composed of each is the same wherever its line is the same."""
    line = start.line
    for count, chunk in enumerate(_chunks(_utf8(content))):
        if count >= limits.documents:
            yield Broken(line + 1, f"more than {limits.documents} documents", line + 1, b"")
            return
        yield Origin(start.file, line, start.column, start.flat, chunk)
        line += 0 if start.flat else chunk.count(b"\n")


def composed(chunk: Origin) -> Iterator[RawDocument | Broken]:
    """The documents of a chunk."""
    yield from _compose(chunk.content, chunk)


def _utf8(content: bytes) -> bytes:
    """UTF-16 with a mark is legal YAML; splitting and searching want UTF-8."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if content.startswith(mark):
            rest = content[len(mark) :]
            return rest if encoding == "utf-8" else rest.decode(encoding, "replace").encode()
    return content


def _chunks(content: bytes) -> Iterator[bytes]:
    begin = 0
    for separator in _SEPARATOR.finditer(content):
        if separator.start() > begin:
            yield _GLUED_COMMENT.sub(b"---", content[begin : separator.start()])
        begin = separator.start()
    if begin < len(content):
        yield _GLUED_COMMENT.sub(b"---", content[begin:])


def _compose(chunk: bytes, origin: Origin) -> Iterator[RawDocument | Broken]:
    """The documents of one chunk: usually one, more where `...` ends them, none where it holds only comments."""
    try:
        yield from _composed(_Loader(chunk, origin))
    except yaml.composer.ComposerError as error:
        if "duplicate anchor" not in str(error):
            yield _broken(error, chunk, origin)
            return
        yield from _by_events(chunk, origin)
    except (yaml.YAMLError, UnicodeError) as error:
        plain = _SURROGATES.sub(rb"\\uFFFD      ", chunk)
        if plain != chunk:
            yield from _compose(plain, origin)
        elif not _NOTHING.match(chunk):
            yield _broken(error, chunk, origin)


def _composed(loader: _Loader) -> Iterator[RawDocument]:
    try:
        while loader.check_node():
            yield cast("RawNode", loader.get_node())
    finally:
        loader.dispose()


def _broken(error: Exception, chunk: bytes, origin: Origin) -> Broken:
    mark = getattr(error, "problem_mark", None)
    offset = mark.line if mark is not None and not origin.flat else 0
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return Broken(origin.line + offset + 1, str(why)[:200], origin.line + 1, chunk)


def _by_events(chunk: bytes, origin: Origin) -> Iterator[RawDocument | Broken]:
    """Compose as Go does: a later anchor of the same name replaces the earlier one."""
    loader = _Loader(chunk, origin)
    try:
        while (event := loader.get_event()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                yield _node(loader, loader.get_event(), {})
    except (yaml.YAMLError, UnicodeError) as error:
        yield _broken(error, chunk, origin)
    finally:
        loader.dispose()


def _node(loader: _Loader, following: object, anchors: dict[str, RawNode]) -> RawNode:
    event: Any = following
    if isinstance(following, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise yaml.composer.ComposerError(None, None, f"found undefined alias {event.anchor!r}", event.start_mark)
        return anchors[event.anchor]
    if isinstance(following, yaml.ScalarEvent):
        tag = event.tag or loader.resolve(RawScalar, event.value, event.implicit)
        scalar = RawScalar(tag, event.value, event.start_mark, event.end_mark, style=event.style)
        return _anchored(scalar, event, anchors)
    if isinstance(following, yaml.SequenceStartEvent):
        sequence = RawSequence(event.tag or TEXT, [], event.start_mark, event.end_mark, flow_style=event.flow_style)
        _anchored(sequence, event, anchors)
        while not isinstance(item := loader.get_event(), yaml.SequenceEndEvent):
            sequence.value.append(_node(loader, item, anchors))
        return sequence
    mapping = RawMapping(event.tag or TEXT, [], event.start_mark, event.end_mark, flow_style=event.flow_style)
    _anchored(mapping, event, anchors)
    while not isinstance(name := loader.get_event(), yaml.MappingEndEvent):
        key = _node(loader, name, anchors)
        mapping.value.append((key, _node(loader, loader.get_event(), anchors)))
    return mapping


def _anchored(node: RawNode, event: Any, anchors: dict[str, RawNode]) -> RawNode:
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node
