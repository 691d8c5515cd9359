"""The page that compares us with cosign says what the tests assert."""

from __future__ import annotations

from tests.interop.expected import CASES, DIFFERENCES, VERDICTS, table
from tests.interop.stack.programs import ROOT


def test_page_is_current() -> None:
    written = (ROOT / "docs/reference/interop.md").read_text("utf-8")
    assert written == table(), "run: python -m tests.interop.expected > docs/reference/interop.md"


def test_every_case_is_described_and_every_difference_is_about_one() -> None:
    assert list(CASES) == list(VERDICTS)
    assert {case for _, case in DIFFERENCES} <= set(CASES)
