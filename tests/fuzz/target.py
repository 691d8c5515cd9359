"""What a target of the search is, and how one is registered.

A target takes any bytes. It may raise what it says it raises; everything else is a finding. `AssertionError` never is its own:
what a target promises beyond that is asserted in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct


class Target(Struct, frozen=True):
    """One parser: what it is called, how it is run, the errors that are its own, and inputs to begin with."""

    name: str
    run: Callable[[bytes], object]
    own: tuple[type[Exception], ...]
    seeds: Callable[[], Iterable[bytes]]


TARGETS: Final[dict[str, Target]] = {}


def target(
    seeds: Callable[[], Iterable[bytes]], *own: type[Exception]
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Register a function as a target under its own name."""

    def register(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[run.__name__] = Target(run.__name__, run, own, seeds)
        return run

    return register
