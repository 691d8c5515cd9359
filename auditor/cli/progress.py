"""Progress on standard error: a bar where somebody looks at a terminal, a line per phase in the log of a CI, else nothing.

Nothing is shown of what takes less than a second, and nothing of it is loaded.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from auditor.cli.seen import Seen
from auditor.cli.streams import tell
from auditor.progress import SILENT, Progress
from auditor.report.escape import terminal_text

if TYPE_CHECKING:
    from auditor.cli.bar import Bar

PATIENCE: Final = 1.0
"""Seconds that need no explanation."""


@contextmanager
def watching(options: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Progress]:
    """What a command tells how far it is; closed at its end, however that comes."""
    progress = _chosen(options, environ)
    try:
        yield progress
    finally:
        progress.close()


def _chosen(options: argparse.Namespace, environ: Mapping[str, str]) -> Progress:
    """With -v the log says more than a bar, and the two would write over each other."""
    if getattr(options, "log_format", "text") == "json":
        return Records()
    if getattr(options, "quiet", False) or getattr(options, "verbose", False):
        return SILENT
    if sys.stderr.isatty() and environ.get("TERM") != "dumb":
        return Later(color=not environ.get("NO_COLOR"))
    return Lines() if environ.get("CI", "").lower() not in {"", "0", "false"} else SILENT


class Lines:
    """For the log of a CI: one line for each phase that takes longer than a second, one for each host that makes us wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images = 0
        self._hosts: set[str] = set()

    def begin(self, phase: str) -> None:
        """Nothing is said before it is known how long it takes."""

    def end(self, phase: str, seconds: float) -> None:
        """The line, if it took long enough to be asked for."""
        if seconds >= PATIENCE:
            images = f", {self._images} image{'s' * (self._images != 1)}" if self._images else ""
            tell(f"{phase}: {seconds:.1f} s{images}")
        self._images = 0

    def expect(self, images: int) -> None:
        """The number is told with the phase. Added up: an audit asks in several steps."""
        with self._lock:
            self._images += images

    def resolved(self) -> None:
        """A log is no counter."""

    def answered(self) -> None:
        """A log is no counter."""

    def waiting(self, host: str, seconds: float) -> None:
        """Told once for each host: every question to it waits for the same."""
        with self._lock:
            if seconds < PATIENCE or host in self._hosts:
                return
            self._hosts.add(host)
        tell(f"{terminal_text(host)} limits the rate of requests: waiting {seconds:.0f} s")

    def close(self) -> None:
        """Every line is out."""


class Records:
    """For programs that read the log: a record for each phase, for each host that begins to make us wait, and of all its waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images = 0
        self._waits: dict[str, list[float]] = {}

    def begin(self, phase: str) -> None:
        """A record, so that a run that ends here has said where it was."""
        tell(f"{phase} begins", event="begin", phase=phase)

    def end(self, phase: str, seconds: float) -> None:
        """How long it took, and how many images it was about."""
        with self._lock:
            images, self._images = self._images, 0
        tell(f"{phase}: {seconds:.1f} s", event="phase", phase=phase, seconds=round(seconds, 3), images=images)

    def expect(self, images: int) -> None:
        """Added up: an audit asks in several steps."""
        with self._lock:
            self._images += images

    def resolved(self) -> None:
        """A log is no counter."""

    def answered(self) -> None:
        """A log is no counter."""

    def waiting(self, host: str, seconds: float) -> None:
        """Told once for each host; the others are added up."""
        with self._lock:
            waits = self._waits.setdefault(host, [])
            waits.append(seconds)
            first = len(waits) == 1
        if first:
            tell(f"{host} limits the rate of requests", event="waiting", host=host, seconds=round(seconds, 3))

    def close(self) -> None:
        """What was waited for each host, together; questions wait at the same time, so it may be more than the run took."""
        with self._lock:
            waits, self._waits = self._waits, {}
        for host, each in sorted(waits.items()):
            seconds, times = round(sum(each), 3), len(each)
            tell(f"waited {times} times for {host}", event="waited", host=host, seconds=seconds, times=times)


class Later:
    """Counts from the start, and is shown by `auditor.cli.bar` after a second: its library takes a tenth of one to load."""

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._lock = threading.Lock()
        self._seen = Seen()
        self._bar: Bar | None = None
        self._closed = False
        self._timer = threading.Timer(PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def begin(self, phase: str) -> None:
        """The phase is named; counting starts anew."""
        with self._lock:
            seen = self._seen
            seen.phase, seen.images, seen.resolved, seen.answered = phase, 0, 0, 0

    def end(self, phase: str, seconds: float) -> None:
        """The next phase will say that it is there."""

    def expect(self, images: int) -> None:
        """How long the bar is."""
        with self._lock:
            self._seen.images += images

    def resolved(self) -> None:
        """One more."""
        with self._lock:
            self._seen.resolved += 1

    def answered(self) -> None:
        """One more."""
        with self._lock:
            self._seen.answered += 1

    def waiting(self, host: str, seconds: float) -> None:
        """The last host that asked for patience is named while the wait lasts."""
        with self._lock:
            self._seen.wait = host, time.monotonic() + seconds

    def close(self) -> None:
        """The bar goes away, and none comes any more."""
        self._timer.cancel()
        with self._lock:
            self._closed = True
            bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    def _show(self) -> None:
        from auditor.cli.bar import Bar

        with self._lock:
            if self._closed:
                return
            bar = self._bar = Bar(self._seen, color=self._color)
            bar.start()
