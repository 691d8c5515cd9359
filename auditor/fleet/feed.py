"""Questions that come while others are asked already: from whoever reads trees to whoever asks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from auditor.judge.ask import Ask


class Feed:
    """Thread-safe. Iterating takes the questions out, and waits for more until it is closed."""

    def __init__(self) -> None:
        self._waiting = deque[Ask]()
        self._given: list[Ask] = []
        self._closed = False
        self._changed = threading.Condition()

    @property
    def given(self) -> tuple[Ask, ...]:
        """Every question that it was ever given, taken or not."""
        with self._changed:
            return tuple(self._given)

    def drained(self) -> tuple[Ask, ...]:
        """As `given`; nothing of it is there to be taken any more."""
        with self._changed:
            self._waiting.clear()
            return tuple(self._given)

    def put(self, asks: Iterable[Ask]) -> None:
        """Give some more. Those that come after it was closed are nobody's."""
        with self._changed:
            if self._closed:
                return
            some = tuple(asks)
            self._given.extend(some)
            self._waiting.extend(some)
            self._changed.notify_all()

    def close(self) -> None:
        """No more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, seconds: float | None = None) -> tuple[Ask, ...] | None:
        """All that are there, as soon as there are some; none after so many seconds; None once it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, seconds)
            some = tuple(self._waiting)
            self._waiting.clear()
            return some if some or not self._closed else None

    def __iter__(self) -> Iterator[Ask]:
        while (some := self.take()) is not None:
            yield from some
