"""Which commit HEAD names, read from the files of a repository: for telling what has not changed without starting git.

Nothing rests on it but the decision not to read a commit again that was read before, with git and all its checks. Whatever is not
plain (worktrees, other ways to store references, broken files) is not told here.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH: Final = re.compile(r"ref: (refs/heads/(?!\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,200})")
_LONG: Final = 1024
"""Bytes of a file that holds one reference."""
_PACKED: Final = 4 * 1024 * 1024
"""Bytes of a file that holds many: above that git is asked."""


def head_commit(path: Path) -> str | None:
    """The full name of the commit that HEAD names in the repository at `path`, bare or not; None where git must be asked."""
    own = path / ".git"
    if os.path.lexists(own) and not own.is_dir():
        return None  # a worktree or submodule: a file HEAD beside it is of the tree, and says what its author likes
    folder = own if own.is_dir() else path
    try:
        head = _read(folder / "HEAD", _LONG)
        if _COMMIT.fullmatch(head):
            return head
        branch = _BRANCH.fullmatch(head)
        if branch is None or ".." in head or (folder / "commondir").exists():
            return None
        loose = folder / branch[1]
        found = _read(loose, _LONG) if loose.is_file() else _packed(folder / "packed-refs", branch[1])
    except (OSError, UnicodeDecodeError):
        return None
    return found if _COMMIT.fullmatch(found) else None


def _read(file: Path, most: int) -> str:
    """Of a file; empty of whatever else stands there, such as a pipe that nobody writes to."""
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return ""
        return stream.read(most).decode("ascii").removesuffix("\n")


def _packed(file: Path, branch: str) -> str:
    """Its line in the file of packed references (git-pack-refs(1)); empty where there is none."""
    lines = _read(file, _PACKED).split("\n")
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {branch}")), "")
