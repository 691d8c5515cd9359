"""What two of our processes say to each other over a pipe: pieces of bytes, each with its kind and its length."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import IO, Final

_HEAD: Final = struct.Struct(">BI")


class Kind(IntEnum):
    """What a piece is."""

    READY = 0  # the other process is there
    SETTINGS = 1
    JOB = 2
    OUTCOME = 3
    PROGRESS = 4  # JSON: images that were resolved, and answered, since the last one
    WAITING = 5  # JSON: a host, and the seconds for which it is left alone
    LOG = 6  # JSON: level, logger, message
    DONE = 7  # the job is
    MORE = 8  # questions that belong to the job, as JSON; when the pipe ends there are no more


def frame(kind: Kind, content: bytes = b"") -> bytes:
    """A piece as it is written."""
    return _HEAD.pack(kind, len(content)) + content


def frames(stream: IO[bytes]) -> Iterator[tuple[Kind, bytes]]:
    """The pieces of a stream until it ends; one that is cut off is none."""
    while len(head := stream.read(_HEAD.size)) == _HEAD.size:
        kind, length = _HEAD.unpack(head)
        content = stream.read(length)
        if len(content) < length:
            return
        yield Kind(kind), content
