"""The shapes that values of a rules file may have, as data, and what is read from them.

A shape is declared once, in `keys.py`, with the sentence that documents it; `check.py` checks cells against it, `schema.py`
publishes it as JSON schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, TypeAlias

from msgspec import Struct, field

# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Text(Struct, frozen=True):
    """A text. `loose`: a number or a flag is taken as it is written. `pattern`: a whole match, in the common subset."""

    pattern: str | None = None
    loose: bool = False
    example: str = ""


class Choice(Struct, frozen=True):
    """One of these words."""

    words: tuple[str, ...]


class Flag(Struct, frozen=True):
    """`true` or `false`."""


class Whole(Struct, frozen=True):
    """A whole number in a closed range."""

    least: int
    most: int


class Day(Struct, frozen=True):
    """A date, `YYYY-MM-DD`."""


class Many(Struct, frozen=True):
    """A list, or a bare value that is a list of one."""

    item: Shape
    empty: bool = False


class Table(Struct, frozen=True):
    """A mapping with keys of the reader's choice."""

    value: Shape
    key: str


class Key(Struct, frozen=True):
    """One key of a record: its shape, the sentence that documents it, and whether it must be there."""

    shape: Shape
    doc: str
    required: bool = False


class Record(Struct, frozen=True):
    """A mapping with known keys. `forms`: exactly one of these groups' first keys is written."""

    name: str
    keys: Mapping[str, Key]
    forms: tuple[str, ...] = ()


class Either(Struct, frozen=True):
    """Text in a short form, or a mapping in a long one."""

    text: Text | Choice
    record: Record


Shape: TypeAlias = Text | Choice | Flag | Whole | Day | Many | Table | Record | Either

# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Word(Struct, frozen=True):
    """A text and its line."""

    text: str
    line: int


class Fields(Struct, frozen=True):
    """A record or table as read: only what has its right shape is in it."""

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> int:
        """The line of a key; the record's own where the key is absent."""
        return self.lines.get(key, self.line)

    def word(self, key: str) -> Word | None:
        """A text."""
        value = self.values.get(key)
        return value if isinstance(value, Word) else None

    def text(self, key: str, default: str = "") -> str:
        """A text without its line."""
        word = self.word(key)
        return word.text if word else default

    def words(self, key: str) -> tuple[Word, ...]:
        """A list of texts; empty where absent."""
        return tuple(item for item in self.many(key) if isinstance(item, Word))

    def many(self, key: str) -> tuple[Any, ...]:
        """A list of anything; empty where absent."""
        value = self.values.get(key, ())
        return value if isinstance(value, tuple) else ()

    def fields(self, key: str) -> Fields | None:
        """A record or table."""
        value = self.values.get(key)
        return value if isinstance(value, Fields) else None

    def records(self, key: str) -> Iterator[tuple[str, Fields]]:
        """The records of a table, by key."""
        table = self.fields(key)
        for name, value in table.values.items() if table else ():
            if isinstance(value, Fields):
                yield name, value

    def day(self, key: str) -> date | None:
        """A date."""
        value = self.values.get(key)
        return value if isinstance(value, date) else None

    def flag(self, key: str) -> bool:
        """A flag; False where absent."""
        return self.values.get(key) is True

    def number(self, key: str) -> int | None:
        """A whole number."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None
