"""The folder where bytes outlive a run: entries under a key, whole or not there at all.

Writing is atomic: several processes may share a folder, and one that is killed leaves no half entry. Each entry carries its own
checksum, which is compared whenever it is read. A folder that cannot be written or an entry that is damaged costs a request,
nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from msgspec import Struct

_VERSION: Final = "v1"
_TEMPORARY: Final = ".new"
_BEHIND: Final = 64
"""Entries that may wait for the thread that writes them: as many as a run has requests under way."""


class CacheSettings(Struct, frozen=True):
    """Where bytes are kept, and how old (seconds) answers about tags and listings may be.

    `refresh`: what was kept before is not used, only replaced.
    """

    folder: Path
    tag_seconds: float = 0.0
    listing_seconds: float = 0.0
    refresh: bool = False


class CacheInfo(Struct, frozen=True):
    """What a cache holds: entries, and bytes on disk."""

    entries: int
    size: int


class Cache:
    """The folder. Thread-safe and safe for concurrent processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _VERSION

    def read(self, key: str) -> bytes | None:
        """An entry, None if there is none or it is damaged (then it is removed)."""
        path = self._path(key)
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - a run reads thousands: pathlib costs more than the reading
                stored = file.read()
        except OSError:
            return None
        checksum, _, content = stored.partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() == checksum:
            return content
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - as above
        return None

    def write(self, key: str, content: bytes) -> None:
        """Keep an entry. Where that fails (no space, no permission) nothing is kept."""
        path = self._path(key)
        made = f"{path}.{secrets.token_hex(8)}{_TEMPORARY}"
        stored = hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        try:
            try:
                _create(made, stored)
            except FileNotFoundError:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _create(made, stored)
            os.replace(made, path)  # noqa: PTH105 - as in `read`
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(made)  # noqa: PTH108 - as in `read`

    def info(self) -> CacheInfo:
        """How much there is."""
        sizes = [size for _, size, _ in self._entries()]
        return CacheInfo(len(sizes), sum(sizes))

    def clear(self) -> CacheInfo:
        """Remove everything; what there was."""
        info = self.info()
        for _, _, path in self._entries():
            path.unlink(missing_ok=True)
        return info

    def trim(self, most: int) -> None:
        """Remove the entries that were written longest ago until at most `most` bytes are left."""
        entries = sorted(self._entries())
        over = sum(size for _, size, _ in entries) - most
        for _, size, path in entries:
            if over <= 0:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            over -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """When it was written, its size and path, for every file, those included that a killed process has left."""
        try:
            folders = [entry.path for entry in os.scandir(self._folder) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for folder in folders:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                yield from (found for entry in entries if (found := _about(entry)) is not None)

    def _path(self, key: str) -> str:
        name = hashlib.sha256(key.encode()).hexdigest()
        return f"{self._folder}/{name[:2]}/{name[2:]}"


class WriteBehind:
    """Entries of a cache, written by a thread of its own: whoever asks a registry does not wait for the disk. Thread-safe.

    Making a file can take longer than asking for what it holds. Python's lock is free meanwhile, but a thread that asks can
    only wait for one of the two. The thread keeps to the processors of whoever makes this.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._waiting: dict[str, bytes] = {}
        self._keys = SimpleQueue[str | None]()
        self._thread = threading.Thread(target=self._write_all, name="auditor-cache", daemon=True)
        self._thread.start()

    def read(self, key: str) -> bytes | None:
        """An entry, also one that still waits to be written; None as of `Cache.read`."""
        content = self._waiting.get(key)
        return self._cache.read(key) if content is None else content

    def write(self, key: str, content: bytes) -> None:
        """Keep an entry, sooner or later; at once where too many wait, so that what waits is bounded."""
        if len(self._waiting) >= _BEHIND:
            self._cache.write(key, content)
            return
        self._waiting[key] = content
        self._keys.put(key)

    def close(self) -> None:
        """Wait until everything is written. Nothing is written after that."""
        self._keys.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (key := self._keys.get()) is not None:
            content = self._waiting.get(key)
            if content is None:  # written in an earlier turn of the same key
                continue
            self._cache.write(key, content)
            if self._waiting.get(key) is content:
                del self._waiting[key]


def _create(path: str, content: bytes) -> None:
    """A new file with this content, readable by its owner. Raises OSError, also where not all of it could be written."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
        if file.write(content) != len(content):
            raise OSError(errno.ENOSPC, "not all of it was written")


def _about(entry: os.DirEntry[str]) -> tuple[float, int, Path] | None:
    """None for what is no file, or not there any more: other processes clear and trim as well."""
    try:
        status = entry.stat(follow_symlinks=False)
        return (status.st_mtime, status.st_size, Path(entry.path)) if entry.is_file(follow_symlinks=False) else None
    except OSError:
        return None
