"""A plain folder as a tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from auditor.errors import SourceError
from auditor.limits import DEFAULT, Limits
from auditor.source.commit import too_many_files
from auditor.source.files import Folder
from auditor.source.identity import identity
from auditor.source.tree import Entry, EntryKind


class FolderTree:
    """A `Tree` over a folder that is no git repository. Git's own folders are left out, symlinks are not followed."""

    def __init__(self, path: Path, limits: Limits = DEFAULT) -> None:
        self.label = str(path)
        self._path = path
        self._limits = limits
        self._folder = Folder(path, limits.file_bytes)
        self._ids: dict[str, str] = {}

    def entries(self) -> Mapping[str, Entry]:
        """Every file and symlink by path. Raises SourceError for a folder that cannot be read, or with too many files."""
        return self._entries

    def content_id(self, path: str) -> str:
        """A hash of the file's bytes. Raises KeyError."""
        if path not in self._ids:
            self._ids[path] = identity(self.label, path, self.read)
        return self._ids[path]

    def read(self, path: str) -> bytes:
        """The file's bytes, or a symlink's target text. Raises Unreadable and KeyError."""
        entry = self._entries[path]
        return self._folder.link(path) if entry.kind is EntryKind.SYMLINK else self._folder.read(path)

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        found = []
        for entry in self._walk():
            found.append(entry)
            if len(found) > self._limits.files:
                raise too_many_files(self.label, self._limits)
        return {entry.path: entry for entry in sorted(found, key=lambda entry: entry.path)}

    def _walk(self) -> Iterator[Entry]:
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            for item in self._scan(prefix):
                path = prefix + item.name
                if item.is_symlink():
                    yield Entry(path, EntryKind.SYMLINK)
                elif item.is_dir(follow_symlinks=False):
                    waiting += [path + "/"] if item.name != ".git" else []
                elif item.is_file(follow_symlinks=False):
                    yield Entry(path, EntryKind.FILE, _size(item))

    def _scan(self, prefix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self._path}/{prefix}") as found:
                return list(found)
        except OSError as error:
            raise SourceError(
                f"{self._path}/{prefix} cannot be read: {error.strerror}", help="give a folder that you may read"
            ) from error


def _size(item: os.DirEntry[str]) -> int | None:
    """None for what has gone meanwhile: reading it tells."""
    try:
        return item.stat(follow_symlinks=False).st_size
    except OSError:
        return None
