"""The files of one commit, read from the object database: no checkout, no filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final

from msgspec import Struct

from auditor.errors import SourceError
from auditor.limits import Limits
from auditor.source.commands import Commands, GitFailed, TooMuchOutput
from auditor.source.objects import Blobs
from auditor.source.tree import Entry, EntryKind, Unreadable

_KINDS: Final = {b"120000": EntryKind.SYMLINK, b"160000": EntryKind.SUBMODULE}


class Listed(Struct, frozen=True):
    """One path of a tree: what it is, and the name of its object."""

    entry: Entry
    name: str


class CommitTree:
    """A `Tree` over one commit. Content identities are git's blob names, so trees of one repository share them."""

    def __init__(
        self, commands: Commands, blobs: Blobs, commit: str, limits: Limits, known: dict[bytes, Listed] | None = None
    ) -> None:
        """`known`: lines of listings by their bytes, shared by the trees of a repository, which are mostly the same."""
        self._known = {} if known is None else known
        self._commands = commands
        self._blobs = blobs
        self._limits = limits
        self.label = commit

    def entries(self) -> Mapping[str, Entry]:
        """Every file, symlink and submodule by path. Raises SourceError if there are too many."""
        return self._entries

    def content_id(self, path: str) -> str:
        """The blob's name; for a submodule the commit it stands at."""
        return self._listed[path].name

    def read(self, path: str) -> bytes:
        """The blob's bytes. Raises Unreadable (too large, a submodule, not in a partial clone) and KeyError."""
        listed = self._listed[path]
        if listed.entry.kind is EntryKind.SUBMODULE:
            raise Unreadable(f"{path}: a submodule, its files are in another repository")
        return self._blobs.read(listed.name, path)

    def expect(self, paths: Iterable[str]) -> None:
        """These will be read soon, in this order: git is asked for them ahead."""
        listed = (self._listed[path] for path in paths)
        self._blobs.expect(one.name for one in listed if one.entry.kind is not EntryKind.SUBMODULE)

    def sweep(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of files; of those with the same content one. What cannot be read is left out."""
        listed = ((path, self._listed[path]) for path in paths)
        names = {one.name: path for path, one in listed if one.entry.kind is not EntryKind.SUBMODULE}
        for name, content in self._blobs.sweep(names):
            yield names[name], content

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        return {path: listed.entry for path, listed in self._listed.items()}

    @cached_property
    def _listed(self) -> Mapping[str, Listed]:
        try:
            listed = sorted(self._read_listing(), key=lambda one: one.entry.path)
        except TooMuchOutput as error:
            raise too_many_files(self.label, self._limits) from error
        except GitFailed as error:
            raise SourceError(
                f"commit {self.label[:12]} cannot be read: {error.message}", help="run `git fsck` in the repository"
            ) from error
        return {one.entry.path: one for one in listed}

    def _read_listing(self) -> Iterator[Listed]:
        """Without sizes (`-l`): git would have to open every blob, and a partial clone lacks them."""
        limits = self._limits
        records = self._commands.records(
            "ls-tree", "-r", "-z", "--full-tree", self.label, limit=limits.listing_bytes, count=limits.files
        )
        for record in records:
            listed = self._known.get(record)
            if listed is None:
                meta, _, path = record.partition(b"\t")
                mode, _, name = meta.split(b" ")
                entry = Entry(text(path), _KINDS.get(mode, EntryKind.FILE))
                listed = self._known[record] = Listed(entry, name.decode("ascii"))
            yield listed


def text(path: bytes) -> str:
    """A path as Python writes it; bytes that are no UTF-8 survive as lone surrogates, as in `os.fsdecode`."""
    return path.decode("utf-8", "surrogateescape")


def too_many_files(label: str, limits: Limits) -> SourceError:
    """The error for a tree beyond the limits."""
    return SourceError(
        f"{label} has more than {limits.files:,} files, or paths longer than {limits.listing_bytes:,} bytes together",
        help="a tree of this size is not read; check the repository for a tree that contains itself",
    )
