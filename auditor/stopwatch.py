"""What took how long: the stages of one run, in the order of their beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stopwatch:
    """`timer` in seconds from any start. `laps` are seconds by stage."""

    timer: Callable[[], float]
    laps: dict[str, float] = field(default_factory=dict)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.timer()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return self.timer() - self._started

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        """Count what happens meanwhile as this stage."""
        start = self.timer()
        try:
            yield
        finally:
            self.laps[stage] = self.laps.get(stage, 0.0) + self.timer() - start
