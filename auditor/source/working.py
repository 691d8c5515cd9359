"""What stands in the working tree: tracked files as they are now, and untracked files that are not ignored."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from auditor.errors import SourceError
from auditor.limits import Limits
from auditor.source.commands import Commands, GitFailed, TooMuchOutput
from auditor.source.commit import text, too_many_files
from auditor.source.files import Folder
from auditor.source.identity import identity
from auditor.source.objects import Blobs
from auditor.source.tree import Entry, EntryKind, Unreadable


class WorkingTree:
    """A `Tree` over the working tree of a repository.

    Bytes are those on disk; git's filters are not run, and nothing is compared by time stamps. A content identity is the
    blob name of the bytes read, so a file that equals the commit's shares its identity. A file left out by a sparse
    checkout is not deleted: it is read from the object database.
    """

    def __init__(self, commands: Commands, blobs: Blobs, top: Path, algorithm: str, limits: Limits) -> None:
        self.label = str(top)
        self._commands = commands
        self._blobs = blobs
        self._algorithm = algorithm
        self._limits = limits
        self._folder = Folder(top, limits.file_bytes)
        self._ids: dict[str, str] = {}
        self._sparse: dict[str, str] = {}

    def entries(self) -> Mapping[str, Entry]:
        """Every file, symlink and submodule by path. Raises SourceError if there are too many."""
        return self._entries

    def content_id(self, path: str) -> str:
        """The blob name of the bytes on disk; for a submodule the commit it should stand at. Raises KeyError."""
        known = self._ids.get(self._entries[path].path)
        if known is None:
            known = self._ids[path] = identity(self.label, path, self.read, self._algorithm)
        return known

    def read(self, path: str) -> bytes:
        """The file's bytes, or a symlink's target text. Raises Unreadable and KeyError."""
        entry = self._entries[path]
        if path in self._sparse:
            return self._blobs.read(self._sparse[path], path)
        match entry.kind:
            case EntryKind.SYMLINK:
                return self._folder.link(path)
            case EntryKind.SUBMODULE:
                raise Unreadable(f"{path}: a submodule, its files are in another repository")
            case EntryKind.FILE:
                return self._folder.read(path)

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        found: dict[str, Entry] = {}
        try:
            for entry in (*self._tracked(), *self._untracked()):
                found[entry.path] = entry
        except TooMuchOutput as error:
            raise too_many_files(self.label, self._limits) from error
        except GitFailed as error:
            raise SourceError(
                f"the index of {self.label} cannot be read: {error.message}", help="run `git status` there"
            ) from error
        return dict(sorted(found.items()))

    def _list(self, *options: str) -> Iterator[bytes]:
        limits = self._limits
        return self._commands.records("ls-files", "-z", *options, limit=limits.listing_bytes, count=limits.files)

    def _tracked(self) -> Iterator[Entry]:
        r"""`<tag> <mode> <name> <stage>\t<path>` each; tag `S` marks what a sparse checkout leaves out."""
        for record in self._list("-t", "--stage"):
            meta, _, raw = record.partition(b"\t")
            tag, mode, name, _ = meta.split(b" ")
            path = text(raw)
            if mode == b"160000":
                self._ids[path] = name.decode("ascii")
                yield Entry(path, EntryKind.SUBMODULE)
                continue
            entry = self._on_disk(path)
            if entry is None and tag == b"S":
                self._sparse[path] = self._ids[path] = name.decode("ascii")
                entry = Entry(path, EntryKind.SYMLINK if mode == b"120000" else EntryKind.FILE)
            if entry is not None:
                yield entry

    def _untracked(self) -> Iterator[Entry]:
        """Paths; one that ends in a slash is a repository inside this one."""
        for raw in self._list("--others", "--exclude-standard"):
            path = text(raw)
            entry = Entry(path[:-1], EntryKind.SUBMODULE) if path.endswith("/") else self._on_disk(path)
            if entry is not None:
                yield entry

    def _on_disk(self, path: str) -> Entry | None:
        """None for what is deleted, stands behind a symlink, or is neither file nor symlink."""
        state = self._folder.stat(path)
        if state is None:
            return None
        if stat.S_ISLNK(state.st_mode):
            return Entry(path, EntryKind.SYMLINK)
        return Entry(path, EntryKind.FILE, state.st_size) if stat.S_ISREG(state.st_mode) else None
