"""Can a glob match any name at all? Exact: the glob and the grammar of names walk together.

A grammar is a list of edges between states: from the state, the characters, to the state. What an engine sees of a name is
a language of its own: where names are pinned before they are matched, no tag is ever there.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

ANY: Final = None
"""A run of any characters; a frozen set is a run of these, a text stands for itself."""

_HOST: Final = frozenset(string.ascii_letters + string.digits + ".-:[]")
_PATH: Final = frozenset(string.ascii_lowercase + string.digits + "._-")
_TAG: Final = frozenset(string.ascii_letters + string.digits + "._-")
_HEX: Final = frozenset(string.digits + "abcdef")
_NOT_SLASH: Final = frozenset(set(string.printable) - {"/"})

Part = str | frozenset[str] | None
"""A literal text, a run of some characters, or a run of any."""


class Names(Struct, frozen=True):
    """A grammar of names: edges by state, the states in which a name may end."""

    edges: Mapping[int, tuple[tuple[frozenset[str], int], ...]]
    ends: frozenset[int]


def _grammar(*, tags: bool) -> Names:
    """`host/path(/path)*`, then `@sha256:` and 64 digits; with `tags` also `:tag`."""
    edges: dict[int, list[tuple[frozenset[str], int]]] = {0: [(_HOST, 1)]}
    edges[1] = [(_HOST, 1), (frozenset("/"), 2)]
    edges[2] = [(_PATH, 3)]
    edges[3] = [(_PATH, 3), (frozenset("/"), 2), (frozenset("@"), 10)]
    for offset, character in enumerate("sha256:"):
        edges[10 + offset] = [(frozenset(character), 11 + offset)]
    for offset in range(64):
        edges[17 + offset] = [(_HEX, 18 + offset)]
    ends = {17 + 64}
    if tags:
        edges[3].append((frozenset(":"), 4))
        edges[4] = edges[5] = [(_TAG, 5)]
        ends.add(5)
    return Names({state: tuple(out) for state, out in edges.items()}, frozenset(ends))


PINNED: Final = _grammar(tags=False)
"""What policy-controller matches."""
TAGGED: Final = _grammar(tags=True)
"""What Kyverno matches: a tag, or else a digest."""


def can_match(parts: Sequence[Part], names: Names) -> bool:
    """Whether some name of the grammar is matched by these parts."""
    glob = _units(parts)
    seen: set[tuple[int, int]] = set()
    open_ = [(0, 0)]
    while open_:
        pair = open_.pop()
        if pair in seen:
            continue
        seen.add(pair)
        at, state = pair
        if at == len(glob):
            if state in names.ends:
                return True
            continue
        characters, repeats = glob[at]
        if repeats:
            open_.append((at + 1, state))
        for edge, after in names.edges.get(state, ()):
            if characters is None or edge & characters:
                open_.append((at if repeats else at + 1, after))
    return False


def _units(parts: Sequence[Part]) -> list[tuple[frozenset[str] | None, bool]]:
    """Single characters, and runs."""
    units: list[tuple[frozenset[str] | None, bool]] = []
    for part in parts:
        if isinstance(part, str):
            units += [(frozenset(character), False) for character in part]
        else:
            units.append((part, True))
    return units


def starred(parts: Sequence[str]) -> list[Part]:
    """`*` inside a segment and `**` across, as policy-controller splits a glob."""
    return [{"*": _NOT_SLASH, "**": ANY}.get(part, part) for part in parts]


def wild(pattern: str) -> list[Part]:
    """Kyverno's wildcard: `*` is any run. `?` is one character: taken for a run here, which can only match more."""
    parts: list[Part] = []
    literal = ""
    for character in pattern:
        if character in "*?":
            parts += [literal, ANY]
            literal = ""
        else:
            literal += character
    return [*parts, literal]
