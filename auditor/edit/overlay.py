"""A tree with some of its files replaced: what would be read after an edit."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from auditor.source.identity import blob_id
from auditor.source.tree import Entry, Tree


class Overlaid:
    """A `Tree` over another one. Only files that it has are replaced."""

    def __init__(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        self.label = tree.label
        self._tree = tree
        self._files = files

    def entries(self) -> Mapping[str, Entry]:
        """Every file by path, in path order."""
        return {path: self._sized(entry) for path, entry in self._tree.entries().items()}

    def content_id(self, path: str) -> str:
        """A hash of the file's bytes. Raises KeyError."""
        return blob_id(self._files[path]) if path in self._files else self._tree.content_id(path)

    def read(self, path: str) -> bytes:
        """The file's bytes. Raises Unreadable and KeyError."""
        return self._files[path] if path in self._files else self._tree.read(path)

    def _sized(self, entry: Entry) -> Entry:
        content = self._files.get(entry.path)
        return entry if content is None else replace(entry, size=len(content))
