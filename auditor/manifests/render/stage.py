"""A private copy of those files of a tree that a renderer needs, so that it can reach nothing else.

Regular files are written as they are. Of a symlink a new one is made, to the place that the reader found it leads to, and
only inside the copy. Names that a file system would take for a way out are left out.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.render.sandbox import Failed
from auditor.source.tree import EntryKind, Unreadable

_UNSAFE: Final = frozenset({"", ".", "..", ".git"})


class Stage:
    """Files of one tree below `top`; each is written once, however many renderings need it.

    What the disk does not take is added to `late`: another run may come to something else.
    """

    def __init__(self, reader: Reader, top: Path, late: list[str] | None = None) -> None:
        self._reader = reader
        self.top = top
        self._late = [] if late is None else late
        self.top.mkdir(parents=True, exist_ok=True)
        self._written: set[str] = set()
        self._missing: dict[str, str] = {}
        self._broken = ""
        self._bytes = 0

    def add(self, paths: Iterable[str]) -> None:
        """Write these files and what they lead to; what is not in the tree is not written.

        Raises Failed, and again whenever one is asked for that could not be written: what is built without it may lack an image.
        """
        for path in paths:
            self._add(path)

    def copy(self, path: str, target: str) -> None:
        """A file of the tree where a renderer looks for it, unless something is there. Raises Failed, each time that it must."""
        if target in self._missing:
            raise Failed(self._missing[target])
        try:
            with self.told():
                is_there = self.place(target).exists()
            if not is_there:
                self.write(target, self._content(path))
        except Failed as error:
            self._missing[target] = str(error)
            raise

    def place(self, path: str) -> Path:
        """Where a path of the tree is in the copy."""
        return self.top / os.fsdecode(path.encode("utf-8", "surrogateescape"))

    @contextmanager
    def swapped(self, files: Mapping[str, bytes]) -> Iterator[None]:
        """Other contents for some files of the copy, or more files, for as long as the block lasts. Raises Failed."""
        if self._broken:
            raise Failed(self._broken)
        before: dict[Path, bytes | None] = {}
        try:
            with self.told():
                for path, content in files.items():
                    # A symlink leads to a file of the copy: no others are made here.
                    place = self.place(path).resolve()
                    before[place] = place.read_bytes() if place.is_file() else None
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
            yield
        finally:
            self._restore(before)

    def _restore(self, before: Mapping[Path, bytes | None]) -> None:
        """The contents from before. Where that cannot be done the copy is no copy any more, and nothing is built from it."""
        try:
            for place, old in before.items():
                if old is None:
                    place.unlink(missing_ok=True)
                else:
                    place.write_bytes(old)
        except OSError as error:
            self._broken = self._cannot(error)

    def _add(self, path: str) -> None:
        if self._broken or path in self._missing:
            raise Failed(self._broken or self._missing[path])
        entry = self._reader.files.get(path)
        if entry is None or path in self._written or not self._is_safe(path):
            return
        self._written.add(path)
        self._reader.note({path: self._reader.identity(path)})
        try:
            if entry.kind is EntryKind.SYMLINK:
                self._link(path)
            elif entry.kind is EntryKind.FILE:
                self.write(path, self._content(path))
        except Failed as error:
            self._missing[path] = str(error)
            raise

    def _is_safe(self, path: str) -> bool:
        """Whether the path names one thing, below the copy: no part goes up, and nothing above it is a file or symlink."""
        parts = path.split("/")
        if _UNSAFE & set(parts) or "\0" in path:
            return False
        return not any("/".join(parts[:count]) in self._reader.files for count in range(1, len(parts)))

    def _link(self, path: str) -> None:
        """The link, when it leads to something in the tree: relative, up to a real directory and down again."""
        try:
            target = self._reader.target(path)
        except OutOfTree:
            return
        place = self.place(path)
        with self.told():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(posixpath.relpath(target, posixpath.dirname(path) or "."))
        if target in self._reader.files:
            self._add(target)
        else:
            self.add(self._reader.below(target))

    def _content(self, path: str) -> bytes:
        try:
            return self._reader.bytes_of(path)
        except Unreadable as error:
            raise Failed(str(error)) from error

    def write(self, path: str, content: bytes) -> None:
        """A new file. Raises Failed where all of them together are too large, or the disk does not take it."""
        self._bytes += len(content)
        if self._bytes > self._reader.limits.staged_bytes:
            raise Failed(f"more than {self._reader.limits.staged_bytes} bytes of files to render")
        place = self.place(path)
        with self.told():
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(content)

    @contextmanager
    def told(self) -> Iterator[None]:
        """A disk that is full, or that does not take a name: Failed."""
        try:
            yield
        except OSError as error:
            raise Failed(self._cannot(error)) from error

    def _cannot(self, error: OSError) -> str:
        why = f"its files cannot be copied for the program that renders: {error.strerror}"
        self._late.append(why)
        return why
