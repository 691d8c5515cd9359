"""Records in the order of their keys, more than memory holds: sorted runs in a temporary file, merged as they are read."""

from __future__ import annotations

import heapq
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Self, TypeAlias

from auditor.errors import AuditorError

Record: TypeAlias = tuple[bytes, int, bytes]
"""Key, number in the order of arrival (equal keys keep it), body."""

RUN_BYTES: Final = 4 * 1024 * 1024
"""What is held before it is sorted and written."""
_LARGEST_CHUNK: Final = 32 * 1024
"""What is read of a run at once, at most: all runs together read ahead no more than one run has."""
_HEAD: Final = struct.Struct(">IQI")
_OVERHEAD: Final = 200
"""Bytes that Python needs for a record beside its key and body, roughly."""


def sort_key(*parts: str | int) -> bytes:
    """Bytes that sort as the tuple of the parts does; numbers are those of 64 bits that are not negative.

    A string ends with two zero bytes, and a zero byte inside is followed by a one: so that no string reads as another's
    beginning. UTF-8 sorts by code points.
    """
    return b"".join(
        part.to_bytes(8, "big")
        if isinstance(part, int)
        else part.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1") + b"\0\0"
        for part in parts
    )


class SpoolError(AuditorError, OSError):
    """A temporary file that cannot be written or read. Whoever can do without it sees an OSError; else the report is not written."""


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" in {tempfile.tempdir}" if tempfile.tempdir else ""
        raise SpoolError(
            f"a report needs a temporary file{where}: {error.strerror or error}",
            help="make room there, or let TMPDIR name a folder with more room; what was audited is kept",
        ) from error


class Spool:
    """Filled once, then read in order as often as needed. The file has no name and goes with its last user. Raises SpoolError."""

    def __init__(self, run_bytes: int = RUN_BYTES) -> None:
        self._run_bytes = run_bytes
        self._held: list[Record] = []
        self._bytes = 0
        self._number = 0
        self._runs: list[tuple[int, int]] = []
        with _told():
            self._file = tempfile.TemporaryFile(prefix="auditor-")  # noqa: SIM115 - closed by close()

    def __len__(self) -> int:
        return self._number

    def add(self, key: bytes, body: bytes) -> None:
        """One more record."""
        self._held.append((key, self._number, body))
        self._number += 1
        self._bytes += len(key) + len(body) + _OVERHEAD
        if self._bytes >= self._run_bytes:
            self._flush()

    def _flush(self) -> None:
        """Sort what is held into a run of its own."""
        self._held.sort()
        with _told():
            start = self._file.seek(0, os.SEEK_END)
            for key, number, body in self._held:
                self._file.write(_HEAD.pack(len(key), number, len(body)) + key + body)
            self._file.flush()
            self._runs.append((start, self._file.tell()))
        self._held, self._bytes = [], 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, body), smallest key first, equal ones as they came."""
        self._held.sort()
        chunk = min(_LARGEST_CHUNK, self._run_bytes // max(len(self._runs), 1))
        runs = [self._run(start, end, chunk) for start, end in self._runs]
        for key, _number, body in heapq.merge(*runs, self._held):
            yield key, body

    def _run(self, start: int, end: int, chunk: int) -> Iterator[Record]:
        """The records of one run. Several runs are read in turn: each read names its own offset."""
        buffer, offset = b"", start
        while offset < end or buffer:
            while len(buffer) < (need := _needed(buffer)):
                with _told():
                    more = os.pread(self._file.fileno(), min(max(need - len(buffer), chunk), end - offset), offset)
                    if not more:
                        raise OSError("it is shorter than what was written to it")
                buffer, offset = buffer + more, offset + len(more)
            key_size, number, body_size = _HEAD.unpack_from(buffer)
            body = _HEAD.size + key_size
            yield buffer[_HEAD.size : body], number, buffer[body : body + body_size]
            buffer = buffer[body + body_size :]

    def close(self) -> None:
        """Give the space back."""
        self._held = []
        with suppress(OSError):  # what could not be written is tried once more, and nobody waits for it
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _needed(buffer: bytes) -> int:
    """How many bytes the first record of the buffer has, as far as can be told."""
    if len(buffer) < _HEAD.size:
        return _HEAD.size
    key_size, _number, body_size = _HEAD.unpack_from(buffer)
    return _HEAD.size + int(key_size) + int(body_size)
