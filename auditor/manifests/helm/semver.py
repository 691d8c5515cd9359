"""Versions of charts, and ranges of versions as Helm reads them.

Source: github.com/Masterminds/semver v3, NewVersion and NewConstraint, on which Helm, Flux and Argo CD rest. A range is one or
more groups with `||` between them; a group is comparisons with commas or spaces between them, or `low - high`. A version that
is no release counts only where the group itself names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

from msgspec import Struct

_PRE: Final = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_META: Final = r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_VERSION: Final = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_PRE}{_META}", re.ASCII)
_PART: Final = r"[0-9xX*]+"
_PARTIAL: Final = rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_OPERATOR: Final = r"!=|>=|=>|<=|=<|~>|=|>|<|~|\^|"
_ONE: Final = re.compile(rf"({_OPERATOR})\s*({_PARTIAL})", re.ASCII)
_GROUP: Final = re.compile(
    rf"\s*(?:{_OPERATOR})\s*{_PARTIAL}\s*(?:(?:\s+|,\s*)(?:{_OPERATOR})\s*{_PARTIAL}\s*)*", re.ASCII
)
_BETWEEN: Final = re.compile(rf"\s*({_PARTIAL})\s+-\s+({_PARTIAL})\s*", re.ASCII)
_PIECES: Final = re.compile(rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?{_PRE}{_META}", re.ASCII)
_LONGEST: Final = 256
"""Characters of a version (as in the source)."""
_LONGEST_RANGE: Final = 512
_MOST_GROUPS: Final = 32
_MOST: Final = 2**64
"""Numbers are unsigned and of 64 bits."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version by its precedence; what follows `+` counts for nothing. `text` is as it is written."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read a version, missing numbers as zero; None for what is none."""
        match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            return None
        numbers = [int(part or 0) for part in match.groups()[:3]]
        pre = match[4] or ""
        if any(number >= _MOST for number in numbers) or any(
            part.isdigit() and part != "0" and part.startswith("0") for part in pre.split(".")
        ):
            return None
        return cls(numbers[0], numbers[1], numbers[2], pre, text)

    def _key(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        # A release is more than what comes before it; numbers are less than words.
        words = self.pre.split(".") if self.pre else ()
        order = tuple((not word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words)
        return (self.major, self.minor, self.patch, not self.pre, order)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class _Comparison(Struct, frozen=True):
    """One comparison. `parts`: how many numbers are given (`1.x` has one); fewer than three leave the rest open."""

    operator: str
    version: Version
    parts: int

    def holds(self, other: Version) -> bool:
        mine = self.version
        match self.operator:
            case "" | "=":
                return self._about(other) if self.parts < 3 else other == mine
            case "!=":
                return not self._same(other)
            case ">":
                return other > mine if self.parts in (0, 3) else self._head(other) > self._head(mine)
            case "<":
                return other < mine
            case ">=" | "=>":
                return other >= mine
            case "<=" | "=<":
                return other <= mine if self.parts == 3 else self._at_most(other)
            case "^":
                return other >= mine and self._compatible(other)
            case _:
                return self._about(other)

    def _head(self, version: Version) -> tuple[int, ...]:
        return (version.major, version.minor, version.patch)[: self.parts]

    def _about(self, other: Version) -> bool:
        """`~`: the same minor version, or the same major one where no more is given. `~0.0.0` is any version (source)."""
        mine = self.version
        if other < mine:
            return False
        if (mine.major, mine.minor, mine.patch) == (0, 0, 0) and self.parts in (0, 3):
            return True
        return other.major == mine.major and (self.parts == 1 or other.minor == mine.minor)

    def _same(self, other: Version) -> bool:
        if self.parts == 2 and (other.pre or self.version.pre):
            return self._head(other) == self._head(self.version) and other.pre == self.version.pre
        return other == self.version if self.parts in (0, 3) else self._head(other) == self._head(self.version)

    def _at_most(self, other: Version) -> bool:
        mine = self.version
        if other.major != mine.major:
            return other.major < mine.major
        return self.parts == 1 or other.minor <= mine.minor

    def _compatible(self, other: Version) -> bool:
        """`^`: the same up to the first number that is not zero."""
        mine = self.version
        if mine.major > 0 or self.parts == 1:
            return other.major == mine.major
        if mine.minor > 0 or self.parts == 2:
            return other.major == 0 and other.minor == mine.minor
        return (other.major, other.minor, other.patch) == (0, 0, mine.patch)


class Range(Struct, frozen=True):
    """Which versions are meant: those that satisfy every comparison of one of the groups."""

    groups: tuple[tuple[_Comparison, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Range | None:
        """Read a range. None for what is none."""
        if len(text) > _LONGEST_RANGE:
            return None
        text = _BETWEEN.sub(r">= \1, <= \2 ", text)
        written = text.split("||")
        if len(written) > _MOST_GROUPS:
            return None
        groups = [_group(part) for part in written]
        return cls(tuple(group for group in groups if group is not None)) if None not in groups else None

    def holds(self, version: Version) -> bool:
        """Whether a version is meant."""
        return any(
            (not version.pre or any(one.version.pre for one in group)) and all(one.holds(version) for one in group)
            for group in self.groups
        )


def _group(text: str) -> tuple[_Comparison, ...] | None:
    if not _GROUP.fullmatch(text):
        return None
    made = [_comparison(*match.groups()) for match in _ONE.finditer(text)]
    return None if None in made else tuple(one for one in made if one is not None)


def _comparison(operator: str, text: str) -> _Comparison | None:
    match = _PIECES.fullmatch(text)
    if match is None:
        return None
    given: list[int] = []
    for part in match.groups()[:3]:
        if part is None or part in ("x", "X", "*"):
            break
        if not part.isdigit():
            return None
        given.append(int(part))
    numbers = [*given, 0, 0, 0][:3]
    version = Version.parse(".".join(map(str, numbers)) + (f"-{match[4]}" if match[4] else ""))
    return None if version is None else _Comparison(operator, version, len(given))


def is_exact(text: str) -> bool:
    """Whether a text names one version, and no range: all three numbers are there."""
    match = _VERSION.fullmatch(text)
    return match is not None and match[3] is not None


def newest(versions: Iterable[str], wanted: str) -> str | None:
    """Which of these versions Helm takes: the very one that is written, else the newest that the range means.

    Nothing written means every release.
    """
    held = list(versions)
    if wanted and wanted in held:
        return wanted
    meant = Range.parse(wanted or "*")
    read = (Version.parse(text) for text in held)
    fit = [version for version in read if version is not None and meant is not None and meant.holds(version)]
    return max(fit).text if fit else None
