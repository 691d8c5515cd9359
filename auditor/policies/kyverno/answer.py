"""Yes, no, or nobody can tell from here: how parts of a policy are answered and joined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Maybe: TypeAlias = bool | None
"""None: it depends on something that the tree does not say."""


def both(*answers: Maybe) -> Maybe:
    """Whether all hold: a no decides, whatever else is unknown."""
    return every(answers)


def every(answers: Iterable[Maybe]) -> Maybe:
    """Whether all hold; of nothing, yes."""
    found: Maybe = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            found = None
    return found


def some(answers: Iterable[Maybe]) -> Maybe:
    """Whether one holds; of nothing, no."""
    found: Maybe = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            found = None
    return found


def negated(answer: Maybe) -> Maybe:
    """The opposite."""
    return None if answer is None else not answer
