"""What reaches a terminal."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as some

from auditor.cli.streams import logging_to_stderr, tell


@given(some.text())
def test_one_line_that_obeys_nobody(message: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("sys.stderr", type("Stream", (), {"write": staticmethod(written.append)}))
        tell(message)
    (line,) = written
    assert line.endswith("\n")
    assert "\n" not in line[:-1]
    assert not line.lstrip().startswith("::")
    assert line.isprintable() or line[:-1].isprintable()
    line.encode("utf-8")


def test_records_are_shown_line_by_line_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(shown=True):
        logging.getLogger("anything").warning("told\x1b[31m\n::error::x")
    assert capsys.readouterr().err == "WARNING anything: told\\x1b[31m\n:\\x3aerror::x\n"


def test_records_and_tracebacks_go_nowhere_where_they_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(shown=False):
        logging.getLogger("anything").error("it broke", exc_info=ValueError("secret"))
    assert capsys.readouterr().err == ""
