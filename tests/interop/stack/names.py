"""Real names on loopback: a hosts file of our own, in a mount namespace of our own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

_CLONE_NEWNS = 0x20000
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x4000 | 0x40000
"""From <sched.h> and <sys/mount.h>."""


def call_by_name(addresses: Mapping[str, str], folder: Path) -> str | None:
    """From now on this process and its children find these names at these addresses. None on success, else why not.

    To be called in the namespace of `tests.offline`, before there are threads.
    """
    hosts = folder / "hosts"
    lines = [f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **addresses}.items()]
    hosts.write_text("".join(lines))
    libc = ctypes.CDLL(None, use_errno=True)
    failed = (
        libc.unshare(_CLONE_NEWNS) != 0
        or libc.mount(None, b"/", None, _MS_REC_PRIVATE, None) != 0
        or libc.mount(os.fsencode(hosts), b"/etc/hosts", None, _MS_BIND, None) != 0
    )
    return os.strerror(ctypes.get_errno()) if failed else None
