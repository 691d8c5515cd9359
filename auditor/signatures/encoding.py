"""JSON, base64 and protobuf-JSON scalars, read strictly: one spelling per value, so that nothing can be read two ways.

Whatever two readers could understand differently is refused: duplicate keys, NaN, stray characters in base64, base64 that is
not the one encoding of its bytes, numbers with signs or leading zeros. Protobuf JSON (the bundle and trusted root formats)
may write 64-bit integers as strings and leave out zero values; both are accepted.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Object: TypeAlias = dict[str, Json]

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_U64: Final = 2**64


class Malformed(ValueError):  # noqa: N818 - named for the state of the bytes
    """Bytes that are not what they should be; the message says what is wrong with them."""


def parse_object(content: bytes | str, what: str) -> Object:
    """Read one JSON object. Raises Malformed for anything else, duplicate keys and NaN included."""
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        value = _DECODER.decode(text)
    except Malformed as problem:
        raise Malformed(f"{what}: {problem}") from None
    except RecursionError:
        raise Malformed(f"{what} is nested too deeply") from None
    except ValueError:
        raise Malformed(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    return value


def _object(pairs: list[tuple[str, Json]]) -> Object:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed("a key occurs twice")
    return value


def _constant(name: str) -> Json:
    raise Malformed(f"holds {name}")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def decode_base64(text: Json, what: str, *, lines: bool = False) -> bytes:
    """Decode standard base64 in its one spelling. `lines` allows line breaks (time stamps of some authorities have them)."""
    if not isinstance(text, str):
        raise Malformed(f"{what} is not a string")
    if lines:
        text = text.replace("\n", "").replace("\r", "")
    try:
        encoded = text.encode("ascii")
        decoded = binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    # Strict mode has seen to the alphabet, and that padding stands at the end alone: the last group is what is left to spell.
    last = len(decoded) - (len(decoded) % 3 or 3)
    if binascii.b2a_base64(decoded[max(last, 0) :], newline=False) != encoded[-4:]:
        raise Malformed(f"{what} is not base64 in its one spelling")
    return decoded


def is_base64_of(text: Json, content: bytes, what: str) -> bool:
    """Whether `text` is `content` in base64. Raises Malformed where it is no base64 at all.

    Each value has one spelling: where the text is that of the content, nothing need be decoded.
    """
    return text == binascii.b2a_base64(content, newline=False).decode() or decode_base64(text, what) == content


def natural(value: Json, what: str) -> int:
    """A protobuf-JSON unsigned 64-bit integer: a JSON number, or a string of digits; absent (None) is zero."""
    if value is None:
        return 0
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _U64:
        raise Malformed(f"{what} is not a natural number")
    return value


def number(value: Json, what: str) -> int:
    """An unsigned 64-bit integer that is there, as a JSON number."""
    if not isinstance(value, int):
        raise Malformed(f"{what} is missing or not a number")
    return natural(value, what)


def text_of(value: Json, what: str) -> str:
    """A string that is there and not empty."""
    if not isinstance(value, str) or not value:
        raise Malformed(f"{what} is missing or not a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Malformed(f"{what} holds half a character") from None
    return value


def optional_object(value: Json, what: str, known: Collection[str] | None = None) -> Object:
    """A JSON object, or an empty one where the field is absent or null; with `known`, one that has no other fields."""
    return {} if value is None else object_of(value, what, known)


def object_of(value: Json, what: str, known: Collection[str] | None = None) -> Object:
    """A JSON object; with `known`, one that has no other fields."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is missing or not an object")
    if known is not None:
        only_known(value, what, known)
    return value


def only_known(value: Mapping[str, Json], what: str, known: Collection[str]) -> None:
    """Refuse fields that nobody knows: what is not understood cannot be judged."""
    for name in value:
        if name not in known:
            raise Malformed(f"{what} has an unknown field {name[:60]!r}")


def list_of(value: Json, what: str, longest: int) -> list[Json]:
    """A JSON array of at most `longest` elements; absent (None) is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{what} is not a list")
    if len(value) > longest:
        raise Malformed(f"{what} has more than {longest} elements")
    return value
