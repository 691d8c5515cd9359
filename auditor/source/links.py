"""Follow symlinks inside a tree, and only there."""

from __future__ import annotations

import os
from typing import Final

from auditor.source.tree import EntryKind, Tree, Unreadable

_HOPS: Final = 40
"""Symlinks on one path: what Linux follows (path_resolution(7))."""


def resolve(tree: Tree, path: str) -> str | None:
    """The path of the file or folder that `path` names when every symlink on the way is followed; "" is the top.

    `path` is relative to the tree and may hold `.` and `..`. None where nothing is there. Raises Unreadable for a path that
    leaves the tree or goes round in circles.
    """
    entries = tree.entries()
    waiting = path.split("/")[::-1]
    reached: list[str] = []
    hops = 0
    if path.startswith("/"):
        raise Unreadable(f"{path}: an absolute path, outside the tree")
    while waiting:
        part = waiting.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not reached:
                raise Unreadable(f"{path}: leads out of the tree")
            reached.pop()
            continue
        here = "/".join([*reached, part])
        entry = entries.get(here)
        if entry is None or entry.kind is not EntryKind.SYMLINK:
            reached.append(part)
            continue
        hops += 1
        target = os.fsdecode(tree.read(here))
        if hops > _HOPS:
            raise Unreadable(f"{path}: symlinks that lead round in circles")
        if target.startswith("/"):
            raise Unreadable(f"{path}: {here} is a symlink to an absolute path, outside the tree")
        waiting += target.split("/")[::-1]
    found = "/".join(reached)
    return found if _exists(tree, found) else None


def read_file(tree: Tree, path: str) -> bytes | None:
    """The content of the file that `path` names, symlinks followed inside the tree; None where no file is there.

    Raises Unreadable as `resolve` and `Tree.read` do.
    """
    found = resolve(tree, path)
    return tree.read(found) if found is not None and found in tree.entries() else None


def _exists(tree: Tree, path: str) -> bool:
    entries = tree.entries()
    return not path or path in entries or any(other.startswith(path + "/") for other in entries)
