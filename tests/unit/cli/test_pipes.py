"""Reports into pipes: whoever reads gets all of it, and nobody is waited for without end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from auditor.cli.pipes import pour

PIECES = ("one\n", "zwei ü\n", "x" * 300_000, "\n")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_reader_gets_all_of_it(pipe: Path) -> None:
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
    reader.start()
    pour(pipe, PIECES, 20)
    reader.join(20)
    assert read == ["".join(PIECES)]


def test_who_never_comes_is_not_waited_for(pipe: Path) -> None:
    with pytest.raises(OSError, match="nobody has read from it"):
        pour(pipe, PIECES, 0.2)


def test_who_opens_and_does_not_read_is_not_waited_for(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(OSError, match="nobody has read from it"):
            pour(pipe, PIECES, 0.2)
    finally:
        os.close(reader)


def test_who_goes_away_ends_it(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    closing = threading.Timer(0.2, os.close, (reader,))
    closing.start()
    with pytest.raises(BrokenPipeError):
        pour(pipe, PIECES, 20)
    closing.join()
