"""Changes that keep an input readable: of a JSON document one value, of a text one line or word, else bytes.

Bytes behind base64 are changed as bytes, so that what is inside gets read. The same `Random` gives the same changes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final

_ODD: Final[Sequence[Any]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, 1e308),
    *("", " ", "\0", "*", "**", "a" * 300, "\u2028", "\ud800", "0", "-1", "1e3", "../..", "{{x}}", "${x}", "AAAA"),
    *("sha256", "2026-02-30", "=", "\n", "\r\n", "{}", "[]", [], {}, [[]], [{}], {"": ""}, {"a": {"a": {"a": []}}}),
)
_WORDS: Final = (
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"  ",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!",
    b"|\n",
    b">-\n",
    b"---\n",
    b'"',
    b"'",
)
_BYTES: Final = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\xc2\x85",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
)
_LEAST_BASE64: Final = 16


def mutate(data: bytes, random: Random, most: int) -> bytes:
    """The input with one to four changes, at most `most` bytes of it."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = _mutated(data, random)[:most]
    return data


def _mutated(data: bytes, random: Random) -> bytes:
    lot = random.random()
    if lot < 0.6:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            pass
        else:
            return json.dumps(_changed(document, random)).encode("utf-8", "surrogatepass")
    if lot < 0.8:
        return _line(data, random)
    return _raw(data, random)


def _changed(value: Any, random: Random) -> Any:
    """One place of a JSON value changed, mostly deep inside."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        name = random.choice(list(value))
        return _of_object(dict(value), name, random)
    if isinstance(value, list) and value and random.random() < 0.85:
        index = random.randrange(len(value))
        if random.random() < 0.1:
            return [*value, value[index]]
        return [*value[:index], _changed(value[index], random), *value[index + 1 :]]
    if isinstance(value, str) and random.random() < 0.6:
        return _text(value, random)
    return random.choice(_ODD)


def _of_object(value: dict[str, Any], name: str, random: Random) -> dict[str, Any]:
    lot = random.random()
    if lot < 0.08:
        del value[name]
    elif lot < 0.12:
        value[random.choice(("", "a", name.upper(), f"{name}s"))] = value[name]
    elif lot < 0.18:
        value[name] = value[random.choice(list(value))]
    else:
        value[name] = _changed(value[name], random)
    return value


def _text(value: str, random: Random) -> str:
    if len(value) >= _LEAST_BASE64:
        try:
            inner = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
        else:
            return base64.b64encode(_mutated(inner, random)).decode()
    return _raw(value.encode("utf-8", "surrogatepass"), random).decode("utf-8", "replace")


def _line(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lot = random.random()
    if lot < 0.2:
        del lines[one]
    elif lot < 0.4:
        lines.insert(one, lines[other])
    elif lot < 0.6:
        lines[one] = b"  " * random.randrange(4) + lines[one].lstrip()
    else:
        at = random.randrange(len(lines[one]) + 1)
        lines[one] = lines[one][:at] + random.choice(_WORDS) + lines[one][at + random.choice((0, 1)) :]
    return b"\n".join(lines)


def _raw(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((0, 1, 1, 2, 8, 64)))
    lot = random.random()
    if lot < 0.4 and start < len(data):
        return data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1 :]
    if lot < 0.6:
        return data[:start] + data[end:]
    if lot < 0.8:
        return data[:end] + data[start:end] * random.choice((1, 2, 100)) + data[end:]
    return data[:start] + random.choice((*_BYTES, *_WORDS, bytes([random.randrange(256)]))) + data[end:]
