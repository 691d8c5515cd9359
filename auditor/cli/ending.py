"""Runs that must be over by a time: `--max-time`, and whoever asks the process to end. What there is by then is reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Ending:
    """Why a run must end, once it must. `stop` is then called, in a thread of its own, to end whatever is being waited for."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._why = ""

    def why(self) -> str:
        """The reason; "" as long as there is none."""
        return self._why

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """End after so long."""
        timer = threading.Timer(seconds, self._end, ("its time was over (--max-time)",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def on_termination(self) -> Iterator[None]:
        """End on SIGTERM, as service managers and clusters send it some time before they kill."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(_number: int, _frame: FrameType | None) -> None:
            # The handler interrupts whatever this thread does, and may not wait for a lock that it holds.
            threading.Thread(target=self._end, args=("it was asked to end (SIGTERM)",), daemon=True).start()

        before = signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _end(self, why: str) -> None:
        if not self._why:
            self._why = why
            self._stop()
