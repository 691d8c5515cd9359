"""How far a run is, as a bar draws it."""

from __future__ import annotations

from msgspec import Struct


class Seen(Struct):
    """What is to be seen of a run now."""

    phase: str = "starting"
    images: int = 0
    resolved: int = 0
    answered: int = 0
    wait: tuple[str, float] | None = None
    """A host that limits the rate of requests, and until when (monotonic seconds)."""
