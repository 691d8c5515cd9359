"""What people and programs see, word for word. `AUDITOR_UPDATE_GOLDEN=1` writes the files anew: read the difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.report.pages import RulePage
from auditor.report.render import RenderOptions, render
from tests.support import samples

HERE = Path(__file__).parent
BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3"
PAGES: dict[str, RulePage] = {}
"""No pages: the shipped ones may be reworded without a change here."""

CASES = {
    "failing.txt": ("failing", "table", RenderOptions(width=110)),
    "failing-narrow.txt": ("failing", "table", RenderOptions(width=60)),
    "failing-verbose.txt": ("failing", "table", RenderOptions(width=110, verbose=True)),
    "clear.txt": ("clear", "table", RenderOptions(width=110)),
    "nothing-new.txt": ("nothing_new", "table", RenderOptions(width=110)),
    "empty.txt": ("empty", "table", RenderOptions(width=110)),
    "inventory.txt": ("inventory", "table", RenderOptions(width=110)),
    "verified.txt": ("verified", "table", RenderOptions(width=110)),
    "failing.md": ("failing", "markdown", RenderOptions(blob_url=BLOB)),
    "clear.md": ("clear", "markdown", RenderOptions(blob_url=BLOB)),
    "nothing-new.md": ("nothing_new", "markdown", RenderOptions()),
    "failing.json": ("failing", "json", RenderOptions()),
    "failing.sarif": ("failing", "sarif", RenderOptions(pages=PAGES)),
    "failing.github.txt": ("failing", "github", RenderOptions()),
    "failing.csv": ("failing", "csv", RenderOptions()),
    "failing.junit.xml": ("failing", "junit", RenderOptions()),
    "failing.codequality.json": ("failing", "codequality", RenderOptions()),
}


@pytest.mark.parametrize("file", CASES)
def test_golden(file: str) -> None:
    sample, format_name, options = CASES[file]
    text = render(getattr(samples, sample)(), format_name, options)
    path = HERE / file
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
