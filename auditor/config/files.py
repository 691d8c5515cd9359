"""The files that rules name: read from the revision that holds the rules, bounded, and remembered by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct, field

from auditor.config.check import Checker
from auditor.config.names import InvalidPattern, clean_path
from auditor.config.shape import Word
from auditor.limits import DEFAULT, Limits

Read: TypeAlias = Callable[[str], bytes | None]
"""A path relative to the top of the tree → the file's bytes; None where there is no such file."""

Fetch: TypeAlias = Callable[[str, str], bytes]
"""An address and the sha256 that its bytes should have → the bytes, at most `limits.rules_bytes` of them, not yet compared.

Raises OSError where they cannot be had.
"""


class Files(Struct):
    """Reads what rules name. `hashes` maps each path read to its sha256 in hexadecimal."""

    read: Read
    limits: Limits = DEFAULT
    hashes: dict[str, str] = field(default_factory=dict)

    def plain(self, path: str) -> bytes | None:
        """A file by its clean path, if it is there."""
        content = self.read(path)
        if content is not None:
            self.hashes[path] = hashlib.sha256(content).hexdigest()
        return content

    def named(self, word: Word, checker: Checker, marker: bytes = b"") -> tuple[str, bytes] | None:
        """The file that a key names, by its clean path; None where it cannot be used (the problem is noted).

        `marker` is something that the content must hold, such as the first line of a PEM block.
        """
        try:
            path = clean_path(word.text)
        except InvalidPattern as error:
            checker.problem(word.line, f"{word.text!r}: {error}", "Name a file of the tree, from its top.")
            return None
        content = self.plain(path)
        if content is None:
            checker.problem(word.line, f"there is no file {path}", "Add it to the same revision, or correct the path.")
        elif len(content) > self.limits.rules_bytes:
            checker.problem(word.line, f"{path} is larger than {self.limits.rules_bytes} bytes", "Name a smaller file.")
        elif marker not in content:
            checker.problem(word.line, f"{path} has no '{marker.decode()}'", "Name a file in PEM form of that kind.")
        else:
            return path, content
        return None
