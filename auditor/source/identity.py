"""Identities of bytes, as git makes them: the hash of a header and the content. Equal identities mean equal bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from auditor.source.tree import Unreadable

SHA1: Final = "sha1"
SHA256: Final = "sha256"
_HASHES: Final = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}


def blob_id(content: bytes, algorithm: str = SHA256) -> str:
    """The name git gives to a blob with this content in a repository of this object format (`sha1`, `sha256`).

    >>> blob_id(b"", "sha1")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    hashed = _HASHES[algorithm](b"blob %d\0" % len(content), usedforsecurity=False)
    hashed.update(content)
    return hashed.hexdigest()


def identity(label: str, path: str, read: Callable[[str], bytes], algorithm: str = SHA256) -> str:
    """The blob name of what is read at `path`; for what cannot be read a name that nothing else has."""
    try:
        return blob_id(read(path), algorithm)
    except Unreadable:
        return f"unreadable {label} {path}"
