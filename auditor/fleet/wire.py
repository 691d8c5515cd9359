"""Values ↔ JSON: how the work of an audit travels between machines, and is kept where a run may be killed.

Cases of a closed union carry the name of their class (`auditor.model.case`), so that what reads back is what was written and
never a look-alike. Nothing that is read can run: unlike a pickle, a document only makes values of the types that are asked for.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from auditor.errors import AuditorError

_T = TypeVar("_T")


class Garbled(AuditorError):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """What was kept or sent is not what this version writes."""


def write(value: object) -> bytes:
    """A value as JSON in ASCII: paths that are no UTF-8 are in it as what Python makes of them."""
    with suppress(UnicodeEncodeError):
        content = _ENCODER.encode(value)
        if content.isascii():
            return content
    plain = msgspec.to_builtins(value, enc_hook=_plain)
    return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode("ascii")


def read(content: bytes, as_type: type[_T] | Any) -> _T:
    """The value that `write` wrote. Raises Garbled."""
    with suppress(msgspec.DecodeError):  # so are paths that are no UTF-8
        wanted: Any = as_type
        quickly: _T = _decoder(wanted).decode(content)
        return quickly
    try:
        value: _T = msgspec.convert(json.loads(content), as_type)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise Garbled(
            f"what was kept of {getattr(as_type, '__name__', as_type)} cannot be read: {type(error).__name__}",
            help="it was written by another version, or is damaged: start anew",
        ) from error
    return value


@lru_cache(maxsize=64)
def _decoder(as_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(as_type)


def _plain(value: object) -> object:
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain, order="sorted")
