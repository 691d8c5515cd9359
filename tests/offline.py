"""Run a command in a network namespace that holds nothing but loopback: `python -m tests.offline COMMAND…`.

Exits with the command's status, or with 0 and a message where the machine gives nobody a namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
"""From <sched.h>, <linux/sockios.h> and <net/if.h>."""


def enter_namespace() -> str | None:
    """Leave the network. None on success, else why it cannot be left."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:  # with the rights of root
        return None
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return os.strerror(ctypes.get_errno())
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - a kernel file
            file.write(content)
    return None


def raise_loopback() -> None:
    """Bring `lo` up: a new namespace has it, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def refusal() -> str | None:
    """Why this machine gives us no namespace; None once we are in one."""
    if sys.platform != "linux":
        return "it does not run Linux"
    try:
        return enter_namespace()
    except OSError as error:
        return str(error)


def main(command: list[str]) -> None:
    """Enter, check that no route leads out, and become the command."""
    if why := refusal():
        print(f"SKIPPED: no network namespace on this machine ({why})")  # noqa: T201
        return
    raise_loopback()
    header, *routes = Path("/proc/net/route").read_text("ascii").splitlines()
    if routes:
        sys.exit(f"the namespace has routes:\n{header}\n{routes}")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
