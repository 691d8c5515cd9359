"""What one authority says of an image, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from auditor.policies.rego.evaluate import Json


class Satisfied(Struct, frozen=True):
    """The authority is content. `said` makes what a policy over all authorities sees of it; `why` names the signer."""

    why: str
    said: Callable[[], dict[str, Json]]


class Unsatisfied(Struct, frozen=True):
    """It is not; why."""

    why: str


class Unclear(Struct, frozen=True):
    """Nobody can tell from here; why."""

    why: str


Answer: TypeAlias = Satisfied | Unsatisfied | Unclear


def worst(answers: Sequence[Unsatisfied | Unclear]) -> Unsatisfied | Unclear:
    """Of keys none of which is content: what is unclear counts before what is not."""
    unclear = next((each for each in answers if isinstance(each, Unclear)), None)
    return unclear or (answers[0] if answers else Unsatisfied("there are no public keys"))
