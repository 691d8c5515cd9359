"""What stands in the working tree: tracked files as they are now, and untracked files that are not ignored."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from auditor.errors import SourceError
from auditor.limits import Limits
from auditor.source.commands import Commands, GitFailed, TooMuchOutput
from auditor.source.commit import text, too_many_files
from auditor.source.files import Folder
from auditor.source.identity import identity
from auditor.source.objects import Blobs
from auditor.source.tree import Entry, EntryKind, Unreadable

_ENCODING: Final = b"working-tree-encoding"
_NO_ENCODING: Final = frozenset({b"unspecified", b"unset", b"UTF-8", b"utf-8"})
_PIPE: Final = 60_000
"""Bytes that a pipe takes without a reader (65,536 on Linux, pipe(7))."""


class WorkingTree:
    """A `Tree` over the working tree of a repository.

    Bytes are those on disk; git's filters are not run, and nothing is compared by time stamps. A content identity is the
    blob name of the bytes read, so a file that equals the commit's shares its identity. A file left out by a sparse
    checkout is not deleted: it is read from the object database. One that git stores in another encoding than it writes to
    disk (`working-tree-encoding`) cannot be read here: a cluster may well deploy what is stored.
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
        self._attributes: dict[str, str] = {}

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
            case EntryKind.FILE if path in self._recoded:
                raise Unreadable(f"{path}: git stores it in another encoding (working-tree-encoding); read a commit")
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
            if path.rpartition("/")[2].lower() == ".gitattributes":
                self._attributes[path] = name.decode("ascii")
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

    @cached_property
    def _recoded(self) -> frozenset[str]:
        """Files that have the attribute, by the index: what is on disk may itself be in an encoding that nobody reads."""
        paths = [os.fsencode(path) for path in self._entries]
        if not any(self._mentions_encoding(path, name) for path, name in self._attributes.items()):
            return frozenset()
        return frozenset(path for batch in _batches(paths) for path in self._with_encoding(batch))

    def _mentions_encoding(self, path: str, name: str) -> bool:
        try:
            return _ENCODING in self._blobs.read(name, path)
        except Unreadable:
            return True

    def _with_encoding(self, batch: bytes) -> Iterator[str]:
        """Of NUL-ended paths those that have it. The batch fits into a pipe, so that writing it never waits for git."""
        with self._commands.running("check-attr", "-z", "--stdin", "--cached", _ENCODING.decode()) as process:
            process.stdin.write(batch)
            process.stdin.close()
            answers = process.stdout.read().split(b"\0")
            process.finish()
        yield from (
            text(path) for path, value in zip(answers[::3], answers[2::3], strict=False) if value not in _NO_ENCODING
        )


def _batches(paths: Iterable[bytes]) -> Iterator[bytes]:
    batch = b""
    for path in paths:
        if len(batch) + len(path) >= _PIPE:
            yield batch
            batch = b""
        batch += path + b"\0"
    yield batch
