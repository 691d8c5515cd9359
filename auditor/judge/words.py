"""Bounded words for messages: nothing from a repository or a registry makes a sentence endless."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LONG: Final = 240


def cut(text: str, length: int = _LONG) -> str:
    """At most `length` characters, the rest as an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"


def listed(items: Sequence[str], most: int = 3) -> str:
    """`a, b and c`; of more than `most`, the first ones and a count."""
    if not items:
        return "nothing"
    shown = [cut(item) for item in items[:most]]
    if len(items) > most:
        return f"{', '.join(shown)} and {len(items) - most} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def count(number: int, noun: str) -> str:
    """`1 signature`, `2 signatures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
