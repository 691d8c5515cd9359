"""Reports of an audit of five repositories, word for word. `AUDITOR_UPDATE_GOLDEN=1` writes the files anew: read the difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.report.fleet.formats import TEXTS
from auditor.report.options import RenderOptions
from auditor.report.render import render
from tests.support import fleets, samples

HERE = Path(__file__).parent
CASES = {
    "five.txt": ("table", RenderOptions(width=110)),
    "five-narrow.txt": ("table", RenderOptions(width=60)),
    "five-verbose.txt": ("table", RenderOptions(width=110, verbose=True, details=("audit/index.html", "audit.json"))),
    "five.json": ("json", RenderOptions()),
    "five.csv": ("csv", RenderOptions()),
    "five.md": ("markdown", RenderOptions()),
    "five.prom": ("metrics", RenderOptions()),
    "five.vsa.jsonl": ("vsa", RenderOptions()),
}


def compare(file: str, text: str) -> None:
    path = HERE / file
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", CASES)
def test_golden_of_a_fleet(file: str) -> None:
    format_name, options = CASES[file]
    compare(file, "".join(TEXTS[format_name](fleets.five(), options)))


def test_golden_summaries_of_a_single_run() -> None:
    compare("failing.vsa.jsonl", render(samples.failing(), "vsa"))
