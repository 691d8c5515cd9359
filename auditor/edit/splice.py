"""Bytes and the few of them that are replaced."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

_PROPERTIES: Final = re.compile(rb"(?:[&!][^\s,\[\]{}]*[ \t]+)*")
"""An anchor or a tag before a scalar (YAML 1.2.2, section 6.9)."""
_TOKENS: Final = (
    re.compile(rb'"(?P<text>[^"\\\r\n]*)"'),
    re.compile(rb"'(?P<text>[^'\r\n]*)'(?!')"),
    re.compile(rb"""(?P<text>[A-Za-z0-9_./:@~+=-]+)(?=[\s,\]}"';]|\Z)"""),
)
"""Scalars whose bytes are their text: quoted without escapes, or plain ones of the characters of references."""
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Splice(Struct, frozen=True):
    """The bytes from `start` to `end` are replaced by `text`; an insertion where the two are equal."""

    start: int
    end: int
    text: bytes


class Token(Struct, frozen=True):
    """A scalar's text and where its bytes are, without its quotes."""

    start: int
    end: int
    text: str


def ordered(splices: Iterable[Splice]) -> list[Splice]:
    """By place; what is inserted at the same one stays in the order that it was given in."""
    return sorted(splices, key=lambda each: (each.start, each.end))


def spliced(content: bytes, splices: Iterable[Splice]) -> bytes:
    """The bytes after all of them. Two that overlap are a ValueError."""
    parts, done = [], 0
    for each in ordered(splices):
        if each.start < done:
            raise ValueError("two edits of the same bytes")
        parts += [content[done : each.start], each.text]
        done = each.end
    return b"".join([*parts, content[done:]])


def offset_of(content: bytes, line: int, column: int) -> int | None:
    """Where a 1-based line and column (in characters) begins; None where the file has no such place, or is UTF-16."""
    if content.startswith(_MARKS):
        return None
    start = len(codecs.BOM_UTF8) if line == 1 and content.startswith(codecs.BOM_UTF8) else 0
    for _ in range(line - 1):
        start = content.find(b"\n", start) + 1
        if not start:
            return None
    end = content.find(b"\n", start)
    try:
        text = content[start : end if end >= 0 else len(content)].decode()
    except UnicodeDecodeError:
        return None
    return start + len(text[: column - 1].encode()) if 0 < column <= len(text) + 1 else None


def token_at(content: bytes, start: int) -> Token | None:
    """The scalar that begins at an offset, behind its anchor and tag; None where its bytes are not simply its text."""
    properties = _PROPERTIES.match(content, start)
    begin = properties.end() if properties else start
    for pattern in _TOKENS:
        if match := pattern.match(content, begin):
            return Token(match.start("text"), match.end("text"), match["text"].decode("utf-8", "replace"))
    return None


def within_line(content: bytes, start: int, text: str) -> Token | None:
    """A reference inside a longer scalar, from an offset to the end of its line; None unless it stands there exactly once."""
    end = content.find(b"\n", start)
    line = content[start : end if end >= 0 else len(content)]
    found = [
        match
        for match in re.finditer(re.escape(text.encode()), line)
        if not re.match(rb"[A-Za-z0-9_.:@/-]", line[match.end() :])
        and not re.search(rb"[A-Za-z0-9_.:@-]\Z|(?<!:/)/\Z", line[: match.start()])
    ]
    return Token(start + found[0].start(), start + found[0].end(), text) if len(found) == 1 else None


def line_of(content: bytes, offset: int) -> bytes:
    """The line that an offset stands in, without its end."""
    start = content.rfind(b"\n", 0, offset) + 1
    end = content.find(b"\n", offset)
    return content[start : end if end >= 0 else len(content)]


def line_end(content: bytes) -> bytes:
    """How the lines of a file end: as the first one does."""
    first = content.find(b"\n")
    return b"\r\n" if first > 0 and content[first - 1 : first] == b"\r" else b"\n"
