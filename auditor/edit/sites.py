"""One place that makes images → the ways to write a digest there, the best first.

Whole references and tags get `@sha256:…` behind them: that is what registries, kustomize's `newTag`, charts that join repository
and tag, Renovate and Flux's image automation all read. A `digest:` that stands there, empty, is filled first, unless a bot keeps
the tag by a marker: it would move the tag and leave the digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.edit.documents import Entry, Index, start_of
from auditor.edit.splice import Splice, Token, line_end, line_of, offset_of, token_at, within_line
from auditor.limits import DEFAULT
from auditor.manifests.text import without_scheme
from auditor.model.reference import Digest, Reference
from auditor.model.use import Confidence, Use, Via

BOT: Final = re.compile(rb"\$imagepolicy|#\s*renovate:")
"""Comments by which Flux's image automation and Renovate find what they keep up to date."""
_EDITED: Final = frozenset({Via.BASE, Via.IMAGES_ENTRY, Via.PATCH, Via.VALUES})
_NAMES: Final = frozenset({"repository", "repo", "name", "path", "imageName", "imageRepository", "newName", "url"})
_EMPTY: Final = re.compile(rb"""(?:""|'')(?=[ \t]*(?:\#|\r?\n|\Z|[,}]))|(?=[ \t]*(?:\r?\n|\Z))""")
_ROUND: Final = re.compile(r"0|[1-9][0-9]*|(?:0|[1-9][0-9]*)\.[0-9]*[1-9]", re.ASCII)
"""Numbers that stay what they are when a YAML parser makes a number of them."""


class ByHand(Exception):  # noqa: N818 - a fact about one place, told to the reader
    """A place that is not edited. The message says why."""


class Way(Struct, frozen=True):
    """One way to write the digest: the bytes to replace, and what the parsed file gains."""

    splice: Splice
    adds: str | None = None
    """The key that is new in the mapping; None where only a scalar changes."""
    opens: bytes = b""
    """What must stand before it, once for all that are inserted at the same place: the head of a new section."""
    item: bool = False
    """Whether it is another item of a list."""


class Site(Struct, frozen=True):
    """A place in a file, and the uses that an edit there changes."""

    content: bytes
    found: Index
    uses: tuple[Use, ...]
    digest: Digest

    def ways(self) -> tuple[Way, ...]:
        """How the digest can be written here. Raises ByHand."""
        use = self.uses[0]
        if use.via not in _EDITED:
            raise ByHand(f"it is made by a {use.via.value}")
        if any(_reads_otherwise(each) for each in self.uses):
            raise ByHand("YAML reads the tag as another number: put it in quotes first")
        place = use.place
        start = offset_of(self.content, place.line, place.column) if place.line else None
        entry = self.found.entries.get((place.line, place.column))
        if start is None or (entry is None and not self.found.in_block(place.line)):
            raise ByHand("the line is not read as YAML")
        slots = self.found.slots.get((place.line, place.column), 1)
        sure = {each.place.key_path for each in self.uses if each.confidence is not Confidence.LOW}
        if slots > 1 and slots > len(sure):
            raise ByHand("its anchor is used for something else too")
        ways = tuple(self._ways(start, entry))
        if not ways:
            raise ByHand("the reference is not written there as one text")
        return ways

    def _ways(self, start: int, entry: Entry | None) -> Iterator[Way]:
        reference = Reference.parse(self.uses[0].reference)
        token = token_at(self.content, start)
        written = self.uses[0].place.key_path.rpartition(".")[2]
        key = str(entry.key.value) if entry and entry.key else written
        names = key in _NAMES and self.uses[0].confidence is not Confidence.HIGH
        if token is None:
            inside = within_line(self.content, start, self.uses[0].reference)
            yield from (self._behind(each) for each in (inside,) if each)
        elif without_scheme(token.text) in {each.reference for each in self.uses} and not names:
            yield self._behind(token, entry)
        elif token.text == reference.tag:
            # Renovate leaves an entry of a kustomization alone that has both newTag and digest.
            fill = self._filled(entry) if entry and self.uses[0].via is not Via.IMAGES_ENTRY else None
            if fill is not None and not self._kept_by_bot(start):
                yield fill
            yield self._behind(token, entry)
            if fill is None and self.uses[0].via is Via.VALUES and entry and entry.around:
                yield from self._beside(entry, "digest", str(self.digest))
        elif key == "newName" and reference.tag and entry:
            yield from self._beside(entry, "newTag", f"{reference.tag}@{self.digest}")
        elif key in _NAMES and self.uses[0].via is Via.VALUES and entry:
            yield from self._beside(entry, "digest", str(self.digest))
        elif key not in _NAMES:
            inside = within_line(self.content, start, self.uses[0].reference)
            if inside is not None:
                yield self._behind(inside)

    def _behind(self, token: Token, entry: Entry | None = None) -> Way:
        """The digest behind a text. A plain scalar in flow style gets quotes: some parsers take no colon there."""
        flow = entry is not None and entry.around is not None and entry.around.flow_style and not entry.scalar.style
        if flow and ":" not in token.text:
            return Way(Splice(token.start, token.end, f'"{token.text}@{self.digest}"'.encode()))
        return Way(Splice(token.end, token.end, f"@{self.digest}".encode()))

    def _kept_by_bot(self, start: int) -> bool:
        """Whether a bot keeps this line: by a comment on it or on the line above."""
        begin = self.content.rfind(b"\n", 0, start) + 1
        above = line_of(self.content, begin - 1) if begin else b""
        return any(BOT.search(line) for line in (line_of(self.content, start), above))

    def _filled(self, entry: Entry) -> Way | None:
        """`digest: ""` (or `sha: ""`, which wants the digits alone) in the same mapping."""
        for key, value in entry.around.value if entry.around else ():
            if key.value in ("digest", "sha", "imageDigest") and not value.value:
                offset = offset_of(self.content, *start_of(value))
                match = _EMPTY.match(self.content, offset) if offset is not None else None
                if match is None:
                    return None
                text = self.digest.hex if key.value == "sha" else str(self.digest)
                at = match.start() + (1 if match[0] else 0)
                return Way(Splice(at, at, (b"" if match[0] else b" ") + text.encode()))
        return None

    def _beside(self, entry: Entry, key: str, text: str) -> Iterator[Way]:
        """A new key in the line after the scalar, or behind it in a flow mapping."""
        around, name = entry.around, entry.key
        if around is None or name is None or any(each.value == key for each, _ in around.value):
            return
        start = offset_of(self.content, *start_of(entry.scalar))
        token = token_at(self.content, start) if start is not None else None
        if token is None or start_of(name)[0] != start_of(entry.scalar)[0]:
            return
        quote = b'"' if name.style == '"' else b""
        pair = quote + key.encode() + quote + b": " + (quote or b'"') + text.encode() + (quote or b'"')
        if around.flow_style:
            end = token.end + (entry.scalar.style in ("'", '"'))
            yield Way(Splice(end, end, b", " + pair), key)
            return
        end = self.content.find(b"\n", token.end)
        indent = b" " * (start_of(name)[1] - 1)
        newline = line_end(self.content)
        if end < 0:
            end = len(self.content)
            yield Way(Splice(end, end, newline + indent + pair), key)
        else:
            yield Way(Splice(end + 1, end + 1, indent + pair + newline), key)


def _reads_otherwise(use: Use) -> bool:
    if not use.bare_number:
        return False
    tag = Reference.parse(use.reference).tag or ""
    return len(tag) > DEFAULT.text or not _ROUND.fullmatch(tag)
