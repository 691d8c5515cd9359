"""Values ↔ columns: JSON that is equal where the values are, compressed bytes, and texts that no encoding can hold."""

from __future__ import annotations

import hashlib
import json
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from auditor.limits import DEFAULT

_LEVEL: Final = 6
_QUICK: Final = 1
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DELETE: Final = b"\x7f"


def packed(content: bytes, *, quickly: bool = False) -> bytes:
    """Compressed; `quickly` where it will soon be gone again."""
    return zlib.compress(content, _QUICK if quickly else _LEVEL)


def unpacked(content: bytes) -> bytes | None:
    """What was packed; None where it is damaged, cut off, or larger than anything that was ever kept."""
    inflating = zlib.decompressobj()
    try:
        found = inflating.decompress(content, DEFAULT.kept_bytes)
    except zlib.error:
        return None
    return found if inflating.eof else None


def plain(value: Any) -> str:
    """JSON in ASCII: whatever a text holds, lone surrogates too, reads back as it was.

    msgspec writes the same several times as quickly, but where a character has to be escaped that it leaves as it is.
    """
    with suppress(UnicodeEncodeError):
        content = _ENCODER.encode(value)
        if content.isascii() and _DELETE not in content:
            return content.decode("ascii")
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def column(text: str) -> str:
    """A text for people to search by: as it is where UTF-8 can hold it, else with escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def hashed(*parts: object) -> bytes:
    """SHA-256 over values."""
    return hashlib.sha256(plain(parts).encode("ascii")).digest()


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """The instant that `instant` wrote."""
    return datetime.fromisoformat(text)
