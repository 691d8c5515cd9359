"""The pages of the reference that speak of the command line."""

from __future__ import annotations

from pathlib import Path

from auditor.cli.main import parser
from auditor.cli.reference import reference
from auditor.model.report import Exit

PAGES = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_the_page_of_the_command_line_is_what_the_parser_says() -> None:
    written = (PAGES / "cli.md").read_text("utf-8")
    assert written == reference(), "run: python -m auditor.cli.reference > docs/reference/cli.md"


def test_every_option_is_there_with_help() -> None:
    page = reference()
    for name, command in parser().commands().items():
        assert f"## `auditor {name}`" in page
        for option in command.options():
            assert option.help, option.option_strings
            assert all(f"`{flag}" in page for flag in option.option_strings)


def test_every_exit_status_has_its_row() -> None:
    page = (PAGES / "exit-status.md").read_text("utf-8")
    for status in Exit:
        assert f"| {int(status)} | " in page
