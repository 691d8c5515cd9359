"""Kyverno's wildcards (`ext/wildcard`, go-wildcard 1.0.3): `*` is any run, `?` one character, all else literal, anchored.

Brackets are literal, `*` crosses `/` and `:`, and an empty pattern matches the empty text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from auditor.config.names import compile_regex

_LITERAL: Final = frozenset("\\.+()|[]{}^$")


@lru_cache(maxsize=65_536)  # fifty policies ask the same of one image
def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Raises InvalidPattern for a pattern that is too long."""
    return _matcher(pattern)(text)


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Callable[[str], bool]:
    if "*" not in pattern and "?" not in pattern:
        return lambda text: text == pattern
    parts = {"*": "(?s:.*)", "?": "(?s:.)"}
    program = compile_regex("".join(parts.get(each) or _literal(each) for each in pattern))
    start = pattern[: min(at for at in map(pattern.find, "*?") if at >= 0)]
    # Most patterns differ from most texts in their first letters: asking RE2 costs ten times as much.
    return lambda text: text.startswith(start) and program.fullmatch(text) is not None


def _literal(character: str) -> str:
    return f"\\{character}" if character in _LITERAL else character
