"""One writer at a time: a lock beside the history, held by the operating system and gone with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from auditor.history.store import HistoryError

_LONGEST: Final = 200
"""Bytes of a lock that are read: a process number and a time."""


@contextmanager
def locked(history: Path, now: datetime) -> Iterator[None]:
    """Hold the lock of a history. The file `<history>.lock` tells others who does. Raises HistoryError where somebody else does.

    The file stays: removing it would let two processes hold locks on two files of one name.
    """
    path = history.with_name(history.name + ".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HistoryError(
            f"{path} cannot be opened: {error.strerror}",
            help="check its permissions, name another file (--history), or remember nothing (--no-history)",
        ) from error
    try:
        _take(descriptor, history)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {now.isoformat(timespec='seconds')}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, history: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process, _, since = os.pread(descriptor, _LONGEST, 0).decode("ascii", "replace").strip().partition(" ")
        who = f"process {process} since {since}" if since else "another process"
        raise HistoryError(
            f"the history {history} is in use by {who}",
            help="wait for that audit to end, or give this one a history of its own (--history FILE)",
        ) from None
    except OSError as error:
        raise HistoryError(
            f"the history {history} cannot be locked: {error.strerror}", help="keep it on a local file system"
        ) from error
