"""Where threads run. Those that wait for registries share one interpreter, so that one processor is all they can use.

On several, each thread that an answer wakes fights with the one that runs for the interpreter's lock, from another processor: a fifth
to a quarter of all processor time went into that (`docs/decisions/0007-…`). Where threads really run at the same time (a Python
without that lock), nothing is done here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/thread-self/stat")
_PROCESSOR: Final = 36
"""Where proc_pid_stat(5) has `processor` (field 39), counted behind the name in parentheses (field 2)."""


def waiting_pool(threads: int) -> ThreadPoolExecutor:
    """A pool for work that mostly waits; its threads, and what they start, keep to the processor that this thread runs on."""
    return ThreadPoolExecutor(threads, thread_name_prefix="auditor", initializer=keep_to, initargs=(current(),))


def current() -> int | None:
    """The processor that this thread runs on; None where that can't be told, or where threads run at the same time."""
    if not hasattr(os, "sched_setaffinity") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    try:
        return int(_STAT.read_text("utf-8", "replace").rpartition(")")[2].split()[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return None


def keep_to(processor: int | None) -> None:
    """Let this thread, and what it starts from now on, run there alone. None, or one that it may not use, changes nothing."""
    if processor is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {processor})
