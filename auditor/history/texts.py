"""Values ↔ columns: JSON that is equal where the values are, compressed bytes, and texts that no encoding can hold."""

from __future__ import annotations

import hashlib
import json
import zlib
from datetime import UTC, datetime
from typing import Any, Final

from auditor.limits import DEFAULT

_LEVEL: Final = 6


def packed(content: bytes) -> bytes:
    """Compressed."""
    return zlib.compress(content, _LEVEL)


def unpacked(content: bytes) -> bytes | None:
    """What was packed; None where it is damaged, cut off, or larger than anything that was ever kept."""
    inflating = zlib.decompressobj()
    try:
        found = inflating.decompress(content, DEFAULT.kept_bytes)
    except zlib.error:
        return None
    return found if inflating.eof else None


def plain(value: Any) -> str:
    """JSON in ASCII: whatever a text holds, lone surrogates too, reads back as it was."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def column(text: str) -> str:
    """A text for people to search by: as it is where UTF-8 can hold it, else with escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def hashed(*parts: object) -> bytes:
    """SHA-256 over values."""
    return hashlib.sha256(plain(parts).encode("ascii")).digest()


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The instant that `instant` wrote."""
    return datetime.fromisoformat(text)
