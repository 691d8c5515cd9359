"""Where something is written."""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True, order=True):
    """A scalar in a file: path relative to the tree with forward slashes, 1-based line and column, key path.

    `line` 0 means the file as a whole. `key_path` is written like `spec.template.spec.containers[0].image`, empty where
    there is none.
    """

    file: str
    line: int = 0
    column: int = 0
    key_path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file
