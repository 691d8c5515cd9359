"""Something a reader must look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from auditor.model.place import Place


class Level(StrEnum):
    """How bad a finding is. `incomplete` never fails a run but makes it exit 3."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    INCOMPLETE = "incomplete"
    OFF = "off"

    @property
    def rank(self) -> int:
        """For sorting and for `--fail-on`: the worst is 0."""
        return _RANK[self]


_RANK = {Level.ERROR: 0, Level.INCOMPLETE: 1, Level.WARNING: 2, Level.NOTE: 3, Level.OFF: 4}


class Waived(Struct, frozen=True):
    """The waiver that covers a finding. `until` is the last valid day (UTC)."""

    owner: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's word about one place: what, where, why, and what to do next (`help`).

    `image` is the reference as written, None where the finding is about a file. `root` and `owner` (workload and
    container) make the fingerprint stable when lines move.
    """

    rule: str
    level: Level
    message: str
    help: str
    place: Place | None = None
    image: str | None = None
    root: str | None = None
    owner: str = ""
    waived: Waived | None = None
    baseline: bool = False
    since: date | None = field(default=None, compare=False)
    """The day (UTC) on which an audit first found it, where a history tells."""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over rule, reference, root and workload; no line numbers."""
        file = self.place.file if self.place and not self.image else ""
        return _fingerprint(self.rule, self.image or "", self.root or "", self.owner, file)

    @property
    def counts(self) -> bool:
        """Whether it decides the exit status: neither waived nor in the baseline."""
        return self.waived is None and not self.baseline


@lru_cache(maxsize=4096)  # each is looked at eight times while one tree is judged and written down
def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
