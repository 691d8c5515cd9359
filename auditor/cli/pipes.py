"""Reports into named pipes: written as fast as somebody reads, and not waited for without end."""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_AGAIN: Final = 0.05
"""Seconds after which it is looked again whether somebody has opened the pipe."""


def pour(pipe: Path, pieces: Iterable[str], seconds: float) -> None:
    """Write pieces into a pipe. Raises OSError where for so many seconds nobody opens it, or nobody reads."""
    descriptor = _opened(pipe, seconds)
    try:
        for piece in pieces:
            _write(descriptor, memoryview(piece.encode("utf-8")), seconds)
    finally:
        os.close(descriptor)


def _opened(pipe: Path, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        if time.monotonic() >= deadline:
            raise _unread(seconds)
        time.sleep(_AGAIN)


def _write(descriptor: int, left: memoryview, seconds: float) -> None:
    while left:
        if not select.select([], [descriptor], [], seconds)[1]:
            raise _unread(seconds)
        left = left[_written(descriptor, left) :]


def _written(descriptor: int, content: memoryview) -> int:
    try:
        return os.write(descriptor, content)
    except BlockingIOError:  # somebody else has filled it meanwhile
        return 0


def _unread(seconds: float) -> OSError:
    return TimeoutError(errno.ETIMEDOUT, f"nobody has read from it for {seconds:g} seconds")
