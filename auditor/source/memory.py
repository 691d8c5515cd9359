"""Files that are already in memory as a tree: standard input, a rendered chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from auditor.source.identity import blob_id
from auditor.source.tree import Entry, EntryKind


class Kept(Struct, frozen=True):
    """One file, as it stands in a tree."""

    path: str
    content: bytes


def contents(files: Iterable[Kept]) -> dict[str, bytes]:
    """Files by path."""
    return {each.path: each.content for each in files}


class MemoryTree:
    """A `Tree` over a mapping of path to content."""

    def __init__(self, files: Mapping[str, bytes], label: str) -> None:
        self.label = label
        self._files = dict(sorted(files.items()))

    def entries(self) -> Mapping[str, Entry]:
        """Every file by path, in path order."""
        return {path: Entry(path, EntryKind.FILE, len(content)) for path, content in self._files.items()}

    def content_id(self, path: str) -> str:
        """A hash of the file's bytes. Raises KeyError."""
        return blob_id(self._files[path])

    def read(self, path: str) -> bytes:
        """The file's bytes. Raises KeyError."""
        return self._files[path]
