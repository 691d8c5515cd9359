"""Pieces that one process writes into a pipe are what another reads, wherever the pipe is cut off."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from auditor.fleet.engines.frames import Kind, frame, frames

PIECES = st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=80)), max_size=6)


@given(PIECES, st.data())
def test_what_is_whole_is_read_and_nothing_else(pieces: list[tuple[Kind, bytes]], data: st.DataObject) -> None:
    written = [frame(kind, content) for kind, content in pieces]
    stream = b"".join(written)
    assert list(frames(io.BytesIO(stream))) == pieces
    cut = data.draw(st.integers(0, len(stream)))
    whole = sum(len(b"".join(written[: number + 1])) <= cut for number in range(len(written)))
    assert list(frames(io.BytesIO(stream[:cut]))) == pieces[:whole]
