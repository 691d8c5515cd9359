"""An exception that stands beside the line that it is about: `# auditor: ignore[rule] until=… reason=…`."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from auditor.model.place import Place


class Ignore(Struct, frozen=True):
    """A comment, and the line of the uses that it speaks about: its own, or the next where it stands alone.

    `until` is the last valid day (UTC). `mistake` says why it counts for nothing; then the other fields may be empty.
    """

    place: Place
    target: int
    text: str
    rules: tuple[str, ...] = ()
    until: date | None = None
    reason: str = ""
    owner: str = "inline"
    mistake: str | None = None

    def is_about(self, place: Place | None) -> bool:
        """Whether it stands at this line."""
        return place is not None and (place.file, place.line) == (self.place.file, self.target)
