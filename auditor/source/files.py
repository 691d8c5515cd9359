"""Read one file of the file system without following symlinks, and without waiting for what is no file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from auditor.source.tree import Unreadable

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """A directory that reads never leave: a path below it counts only while no component of it is a symlink."""

    def __init__(self, top: Path, limit: int) -> None:
        self._top = os.path.realpath(top)
        self._limit = limit
        self._inside: dict[str, bool] = {"": True}

    def holds(self, path: str) -> bool:
        """Whether the directory of `path` is really below the top, no symlink on the way."""
        directory = path.rpartition("/")[0]
        known = self._inside.get(directory)
        if known is None:
            absolute = os.path.join(self._top, directory)  # noqa: PTH118 - a surrogate-safe string, not a Path
            known = self._inside[directory] = os.path.realpath(absolute) == absolute
        return known

    def stat(self, path: str) -> os.stat_result | None:
        """The state of the path itself; None where there is nothing, or only behind a symlink."""
        if not self.holds(path):
            return None
        try:
            return os.lstat(f"{self._top}/{path}")
        except OSError:
            return None

    def link(self, path: str) -> bytes:
        """The target text of a symlink. Raises Unreadable."""
        try:
            return os.fsencode(os.readlink(f"{self._top}/{path}"))  # noqa: PTH115 - as above
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from error

    def read(self, path: str) -> bytes:
        """The bytes of a regular file, at most `limit`. Raises Unreadable."""
        if not self.holds(path):
            raise Unreadable(f"{path}: leads through a symlink")
        try:
            descriptor = os.open(f"{self._top}/{path}", _FLAGS)
            with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
                return self._content(file.fileno(), path)
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from error

    def _content(self, descriptor: int, path: str) -> bytes:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Unreadable(f"{path}: not a regular file")
        if state.st_size > self._limit:
            raise Unreadable(f"{path}: {state.st_size:,} bytes, more than the {self._limit:,} that are read")
        parts = []
        left = state.st_size + 1
        while left > 0 and (chunk := os.read(descriptor, left)):
            parts.append(chunk)
            left -= len(chunk)
        return b"".join(parts)
