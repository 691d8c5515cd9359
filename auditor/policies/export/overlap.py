"""Can one name match two patterns of `images:`? The two patterns and the grammar of names walk together."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_HOST: Final = frozenset(string.ascii_letters + string.digits + ".-:[]")
_PATH: Final = frozenset(string.ascii_lowercase + string.digits + "._-")
_SLASH: Final = frozenset("/")
_EDGES: Final = {0: ((_HOST, 1),), 1: ((_HOST, 1), (_SLASH, 2)), 2: ((_PATH, 3),), 3: ((_PATH, 3), (_SLASH, 2))}
_END: Final = 3

Unit = tuple[str, bool]
"""A character, or `*` and `**`, and whether it repeats."""


@lru_cache(maxsize=4096)
def overlap(one: str, other: str) -> bool:
    """Whether some normalised name matches both."""
    left, right = _units(one), _units(other)
    seen: set[tuple[int, int, int]] = set()
    open_ = [(0, 0, 0)]
    while open_:
        at = open_.pop()
        if at in seen:
            continue
        seen.add(at)
        first, second, state = at
        if first == len(left) and second == len(right) and state == _END:
            return True
        open_ += _skips(left, right, at)
        if first < len(left) and second < len(right):
            open_ += _steps(left[first], right[second], at)
    return False


def _units(glob: str) -> tuple[Unit, ...]:
    parts = re.split(r"(\*\*|\*)", glob)
    return tuple(
        unit for part in parts for unit in ([(part, True)] if part.startswith("*") else [(c, False) for c in part])
    )


def _skips(left: tuple[Unit, ...], right: tuple[Unit, ...], at: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    first, second, state = at
    if first < len(left) and left[first][1]:
        yield first + 1, second, state
    if second < len(right) and right[second][1]:
        yield first, second + 1, state


def _steps(left: Unit, right: Unit, at: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    first, second, state = at
    for characters, after in _EDGES[state]:
        if any(_takes(left, each) and _takes(right, each) for each in characters):
            yield first + (not left[1]), second + (not right[1]), after


def _takes(unit: Unit, character: str) -> bool:
    text, repeats = unit
    return (text == "**" or character != "/") if repeats else text == character
