"""Values ↔ columns: JSON that is equal where the values are, compressed bytes, and texts that no encoding can hold."""

from __future__ import annotations

import codecs
import hashlib
import json
import zlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from auditor.limits import DEFAULT

_LEVEL: Final = 6
_QUICK: Final = 1
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_ESCAPING: Final = "auditor.history"
"""How `codecs` calls what escapes characters as JSON does: a search for them takes longer than all else."""


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

    It is what `json.dumps` writes, in a part of the time: reports of a whole fleet go through here every night.
    """
    try:
        content = _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return content.decode("utf-8").encode("ascii", _ESCAPING).replace(b"\x7f", b"\\u007f").decode("ascii")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """What JSON has for a text that is no ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_ESCAPING, _escaped)


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
