"""Kyverno's wildcards (`ext/wildcard`, go-wildcard 1.0.3): `*` is any run, `?` one character, all else literal, anchored.

Brackets are literal, `*` crosses `/` and `:`, and an empty pattern matches the empty text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from auditor.config.names import InvalidPattern, compile_regex

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
    return lambda text: program.fullmatch(text) is not None


def _literal(character: str) -> str:
    return f"\\{character}" if character in _LITERAL else character


@lru_cache(maxsize=4096)
def expression(text: str) -> Any:
    """A regular expression as Go reads it, for `search`: unanchored. Raises InvalidPattern."""
    return compile_regex(text)


def invalid(text: str) -> str | None:
    """Why a regular expression cannot be used; None where it can."""
    try:
        expression(text)
    except InvalidPattern as problem:
        return str(problem)
    return None
