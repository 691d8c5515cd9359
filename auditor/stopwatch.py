"""What took how long: the stages of one run, in the order of their beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from auditor.progress import SILENT, Progress


@dataclass(slots=True)
class Stopwatch:
    """`timer` in seconds from any start. `laps` are seconds by stage. `progress` is told of each stage."""

    timer: Callable[[], float]
    progress: Progress = SILENT
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
        self.progress.begin(stage)
        try:
            yield
        finally:
            seconds = self.timer() - start
            self.laps[stage] = self.laps.get(stage, 0.0) + seconds
            self.progress.end(stage, seconds)
