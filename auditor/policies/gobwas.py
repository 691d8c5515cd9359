r"""Globs as gobwas/glob reads them without separators: `*`, `**` and `?` cross everything, `[a-c]`, `[!a]`, `{a,b}`, `\\` escapes."""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import Any, Final

from auditor.config.names import InvalidPattern, compile_regex
from auditor.limits import DEFAULT

_WILD: Final = "(?s:.*)"
_SPECIAL: Final = frozenset("\\.+()|[]{}^$*?-&~")
_BORDERS: Final = frozenset("*?\\[]{}")


@lru_cache(maxsize=65_536)  # fifty policies ask the same of one image
def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Raises InvalidPattern for what is no glob."""
    start, program = _compiled(pattern)
    # Most globs differ from most texts in their first letters: asking RE2 costs ten times as much.
    return text.startswith(start) and program.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[str, Any]:
    """What every match begins with, and the program."""
    literal = "".join(takewhile(lambda character: character not in _BORDERS, pattern))
    return literal, compile_regex(_Translation(pattern).whole())


class _Translation:
    """One glob on its way to a regular expression."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._at = 0

    def whole(self) -> str:
        text = self._sequence("", 0)
        if self._at < len(self._glob):
            raise InvalidPattern("a brace is closed that was never opened")
        return text

    def _sequence(self, ends: str, depth: int) -> str:
        parts = []
        while self._at < len(self._glob) and self._glob[self._at] not in ends:
            parts.append(self._one(depth))
        return "".join(parts)

    def _one(self, depth: int) -> str:
        character = self._glob[self._at]
        self._at += 1
        match character:
            case "*":
                return _WILD
            case "?":
                return "(?s:.)"
            case "\\":
                return self._escaped()
            case "[":
                return self._set()
            case "{":
                return self._alternatives(depth + 1)
            case "}" if depth == 0:
                raise InvalidPattern("a brace is closed that was never opened")
            case _:
                return _literal(character)

    def _escaped(self) -> str:
        if self._at >= len(self._glob):
            raise InvalidPattern("ends with a backslash")
        self._at += 1
        return _literal(self._glob[self._at - 1])

    def _set(self) -> str:
        end = self._glob.find("]", self._at)
        if end < 0:
            raise InvalidPattern("a bracket is not closed")
        inner = self._glob[self._at : end]
        self._at = end + 1
        negated = inner.startswith("!")
        inner = inner.removeprefix("!")
        if not inner or "\\" in inner:
            raise InvalidPattern("a set of characters that is empty or holds a backslash")
        if len(inner) == 3 and inner[1] == "-":
            body = f"{_literal(inner[0])}-{_literal(inner[2])}"
        elif "-" in inner:
            raise InvalidPattern("a set is one range, or a list of characters without '-'")
        else:
            body = "".join(_literal(each) for each in inner)
        return f"[{'^' if negated else ''}{body}]"

    def _alternatives(self, depth: int) -> str:
        if depth > DEFAULT.glob_depth:
            raise InvalidPattern(f"braces are nested more than {DEFAULT.glob_depth} deep")
        parts = [self._sequence(",}", depth)]
        while self._at < len(self._glob) and self._glob[self._at] == ",":
            self._at += 1
            parts.append(self._sequence(",}", depth))
        if self._at >= len(self._glob):
            raise InvalidPattern("a brace is not closed")
        self._at += 1
        # With such an alternative gobwas 0.2.3 misses texts that the glob as written describes.
        if any(not part or _WILD in part for part in parts):
            raise InvalidPattern("an alternative in braces is empty or holds a star")
        return f"(?:{'|'.join(parts)})"


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character
