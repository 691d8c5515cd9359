"""A tree of files, wherever it comes from: the seam between git, folders, standard input and everything above."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol, runtime_checkable

from msgspec import Struct


class EntryKind(StrEnum):
    """What an entry of a tree is."""

    FILE = "file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


class Entry(Struct, frozen=True):
    """One entry: path relative to the tree with forward slashes; `size` in bytes where it is known without reading."""

    path: str
    kind: EntryKind
    size: int | None = None


class Unreadable(Exception):  # noqa: N818 - a fact about one file, turned into a gap by the reader
    """One file that cannot be read: too large, gone, a blob that a partial clone lacks. The message says which."""


class Tree(Protocol):
    """Files by path. Two trees of one repository share content identities, so unchanged work is done once."""

    @property
    def label(self) -> str:
        """The commit's full hash, or the folder's path as given."""
        ...

    def entries(self) -> Mapping[str, Entry]:
        """Every file, symlink and submodule by path, in path order."""
        ...

    def content_id(self, path: str) -> str:
        """An identity of the file's bytes (git's blob hash): equal identities mean equal bytes. Raises KeyError.

        What cannot be read has an identity that nothing else has.
        """
        ...

    def read(self, path: str) -> bytes:
        """The file's bytes. For a symlink: its target text. Raises Unreadable; KeyError for a path not in the tree."""
        ...


@runtime_checkable
class Foresighted(Protocol):
    """A tree that reads faster when it knows what will be read."""

    def expect(self, paths: Iterable[str]) -> None:
        """These will be read soon, in this order."""
        ...


def expect(tree: Tree, paths: Iterable[str]) -> None:
    """Tell a tree which files will be read soon, in this order. Some may be left out, and others read in between."""
    if isinstance(tree, Foresighted):
        tree.expect(paths)


@runtime_checkable
class Sweeping(Protocol):
    """A tree that reads many files faster in one go."""

    def sweep(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of files; of those with the same content one. What cannot be read is left out."""
        ...


def sweep(tree: Tree, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The content of files in any order; of those with the same content one will do. What cannot be read is left out."""
    if isinstance(tree, Sweeping):
        yield from tree.sweep(paths)
        return
    for path in paths:
        try:
            yield path, tree.read(path)
        except Unreadable:
            continue


def is_below(path: str, top: str) -> bool:
    """Whether a path of a tree is `top`, or lies in it as a folder. An empty `top` is the whole tree."""
    return not top or path == top or path.startswith(f"{top}/")
