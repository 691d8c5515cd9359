"""Programs on disks that are really full: file systems in memory of a few kilobytes, in a mount namespace of the program's own."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "--")
_PAGE = 4096


@cache
def _refused() -> str:
    """Why this machine gives nobody a mount namespace; "" where it does."""
    try:
        tried = subprocess.run(
            [*_UNSHARE, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except OSError as error:
        return str(error)
    return tried.stderr.strip() if tried.returncode else ""


def on_small_disks(
    command: Sequence[str], disks: Mapping[Path, int], *, full: Sequence[Path] = (), readonly: Sequence[Path] = ()
) -> list[str]:
    """The command that runs another with disks of so many bytes at these folders.

    Those that are `full` have no byte left, those that are `readonly` take none.
    What is in a folder is on its disk when the command starts; what is on the disk when it ends is beside the folder (`after`). Skips
    where the machine does not allow it.
    """
    if why := _refused():
        pytest.skip(f"no mount namespace on this machine ({why})")
    lines = ["set -e"]
    for folder, size in disks.items():
        folder.mkdir(parents=True, exist_ok=True)
        here, before = shlex.quote(str(folder)), shlex.quote(f"{folder}.before")
        lines.append(f"cp -a {here} {before}; mount -t tmpfs -o size={max(size, _PAGE)} none {here}")
        lines.append(f"cp -a {before}/. {here}/; rm -r {before}")
    lines += [f"cat /dev/zero > {shlex.quote(str(folder / 'full'))} 2> /dev/null || :" for folder in full]
    lines += [f"mount -o remount,ro {shlex.quote(str(folder))}" for folder in readonly]
    lines.append(f"status=0; {shlex.join(command)} || status=$?")
    lines += [f"cp -a {shlex.quote(str(folder))} {shlex.quote(str(after(folder)))}" for folder in disks]
    lines.append("exit $status")
    return [*_UNSHARE, "sh", "-c", "\n".join(lines)]


def after(folder: Path) -> Path:
    """Where what was on the disk is afterwards."""
    return folder.with_name(f"{folder.name}.after")
