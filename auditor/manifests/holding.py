"""Manifests of a tree that hold one of a few words, looked for once in what the trees of a change share."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.manifests.files import MANIFESTS, Reader
from auditor.manifests.text import plain
from auditor.source.tree import EntryKind, Unreadable, expect


def holding(reader: Reader, words: tuple[bytes, ...]) -> dict[str, bytes]:
    """The content of each file that may hold one of the words, by path, in the tree's order; symlinks not followed.

    Left out is what is larger than rules may be: such a file holds no settings that somebody writes.
    """
    known = reader.shared.holding.setdefault(words, {})
    names = {
        path: reader.tree.content_id(path)
        for path, entry in reader.files.items()
        if entry.kind is EntryKind.FILE and path.lower().endswith(MANIFESTS)
    }
    expect(reader.tree, [path for path, name in names.items() if name not in known])
    found: dict[str, bytes] = {}
    for path, name in names.items():
        content = known.get(name)
        if content is None:
            content = known[name] = _held(reader, path, words)
        if content:
            found[path] = content
    return found


def _held(reader: Reader, path: str, words: tuple[bytes, ...]) -> bytes:
    """The content where it may hold one of the words, else nothing."""
    try:
        content = reader.bytes_of(path)
    except Unreadable:
        return b""  # told where the file is read for its images
    return content if len(content) <= reader.limits.rules_bytes and may_say(content, words) else b""


def may_say(content: bytes, words: Iterable[bytes]) -> bool:
    """Whether one of the words stands in a file, however YAML writes it."""
    text = plain(content)
    return text is None or any(word in text for word in words)
