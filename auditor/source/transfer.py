"""One command that fetches, within its bounds: it and its children are ended when it takes too long or writes too much."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from auditor.source.commands import Commands, GitFailed, Network, Process

_LOOK_SECONDS: Final = 0.1
_OUTPUT_BYTES: Final = 1 << 20


class Ended(Exception):  # noqa: N818 - as GitFailed
    """A command that was ended because of a bound; the message says which."""


class TooLarge(Ended):
    """A command that wrote more than it may."""


class Stopped(Ended):
    """A command that was ended because whoever waits for it must end."""


class Bounds(Struct, frozen=True):
    """How long a command may take, and by how many bytes it may make a folder larger. Once `stop` is set, it is ended."""

    folder: Path
    seconds: float
    bytes: int
    stop: threading.Event = field(default_factory=threading.Event)


def transfer(
    commands: Commands, arguments: tuple[str, ...], network: Network, bounds: Bounds, stdin: bytes = b""
) -> bytes:
    """Run one, and return what it prints: a line or two. Raises GitFailed, and Ended where it had to be."""
    with commands.running(*arguments, network=network) as process, _watched(process, bounds) as watch:
        with suppress(BrokenPipeError):  # it has ended; its status tells why
            process.stdin.write(stdin)
            process.stdin.close()
        output = process.stdout.read(_OUTPUT_BYTES)
        try:
            process.finish()
        except GitFailed:
            if watch.reason is not None:
                raise watch.reason from None
            raise
    return output


class _Watch:
    """Looks after one command until it is stopped."""

    def __init__(self, process: Process, bounds: Bounds) -> None:
        self.reason: Ended | None = None
        self.over = threading.Event()
        self._process = process
        self._bounds = bounds
        self._until = time.monotonic() + bounds.seconds
        self._most = folder_bytes(bounds.folder) + bounds.bytes

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(_LOOK_SECONDS):
            if self._bounds.stop.is_set():
                self.reason = Stopped("the run must end")
            elif time.monotonic() > self._until:
                self.reason = Ended(f"no end after {self._bounds.seconds:g} seconds")
            elif folder_bytes(self._bounds.folder) > self._most:
                self.reason = TooLarge(f"more than {self._bounds.bytes:,} bytes")
            if self.reason is not None:
                self._process.end()
                return


@contextmanager
def _watched(process: Process, bounds: Bounds) -> Iterator[_Watch]:
    watch = _Watch(process, bounds)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()


def folder_bytes(folder: Path) -> int:
    """The sizes of all files below, together; those that vanish meanwhile do not count."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118 - called ten times a second
    return total
