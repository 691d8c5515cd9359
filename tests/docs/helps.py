"""`--help` in the pages of the documentation is what the program prints: `python -m tests.docs.helps` writes it there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"<!-- help: (?P<command>auditor[\w -]*) -->\n```console\n.*?```\n<!-- /help -->", re.DOTALL)


def pages() -> list[Path]:
    """Every page that people read."""
    return [_TOP / "README.md", *sorted((_TOP / "docs").rglob("*.md"))]


def written(page: str) -> str:
    """The page with its help blocks as they should be."""
    return _BLOCK.sub(lambda found: _block(found["command"]), page)


def _block(command: str) -> str:
    shown = subprocess.run(
        [sys.executable, "-m", "auditor", *command.split()[1:], "--help"],
        cwd=_TOP,
        env={"COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(_TOP)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return f"<!-- help: {command} -->\n```console\n$ {command} --help\n{shown}```\n<!-- /help -->"


if __name__ == "__main__":
    for each in pages():
        before = each.read_text("utf-8")
        if (after := written(before)) != before:
            each.write_text(after, "utf-8")
