"""Ends what is waited for in vain: one thread that looks after all waits of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_LOOK_SECONDS: Final = 0.5


class Silence:
    """Waits that have an end. Thread-safe. The thread begins with the first wait, and stays."""

    def __init__(self) -> None:
        self._waits: dict[object, tuple[float, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._looks = False

    @contextmanager
    def bounded(self, seconds: float, give_up: Callable[[], None]) -> Iterator[None]:
        """`give_up` is called, once and by another thread, where the block takes longer."""
        if not self._looks:
            self._begin()
        wait = object()
        self._waits[wait] = time.monotonic() + seconds, give_up
        try:
            yield
        finally:
            self._waits.pop(wait, None)

    def _begin(self) -> None:
        with self._lock:
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._look, name="silence", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            late = [wait for wait, (until, _) in list(self._waits.items()) if now > until]
            for _, give_up in filter(None, (self._waits.pop(wait, None) for wait in late)):
                give_up()


SILENCE: Final = Silence()
"""Of this process."""
