"""The process that asks registries (`asking.py`), as the one that needs it has it: started, ended, started anew.

It takes as long to start as some hundred requests do. So it is started as soon as it is known that it will be needed, before the rest of
an audit is loaded; nothing of that is loaded here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

_MANY: Final = 100
"""Trees; more will ask so much, so that it is started before they are read."""
_COMMAND: Final = ("-P", "-m", "auditor.fleet.engines.asking")
"""`-P`: the folder in which an audit is run is nowhere that programs are loaded from."""


class Child:
    """At most one process at a time. Thread-safe. A context manager: leaving it ends the process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.is_over = False
        """Whether no process is started any more."""

    @property
    def is_worthwhile(self) -> bool:
        """Whether it would run beside this process."""
        return len(os.sched_getaffinity(0)) > 1

    def expect(self, trees: int) -> None:
        """Start it where what so many trees ask will need it."""
        if trees > _MANY and self.is_worthwhile:
            self.started()

    def started(self) -> subprocess.Popen[bytes] | None:
        """The process, started where there is none. None where it cannot be, or must not any more."""
        with self._lock:
            if self._process is None and not self.is_over:
                with contextlib.suppress(OSError):
                    self._process = subprocess.Popen(
                        [sys.executable, *_COMMAND],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env=self._environ,
                    )
            return self._process

    def stop(self) -> None:
        """End it, and start no other. Who reads from it sees its end, and clears away."""
        with self._lock:
            self.is_over = True
            if self._process is not None:
                self._process.kill()

    def clear(self) -> None:
        """End it, and give back what it holds: another can be started then."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.clear()
