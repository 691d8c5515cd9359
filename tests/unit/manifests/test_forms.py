"""Every form in which an image is written down: one file each, in which `#=` at the end of a line tells what it deploys.

The mark is taken out before the file is read. Lines without one deploy nothing: each of these files tests both.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.extract.extract import extract
from auditor.manifests.files import Reader, Shared
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.text import is_template
from auditor.source.memory import MemoryTree

FORMS = sorted((Path(__file__).resolve().parents[3] / "fixtures" / "forms").glob("*.yaml"))
_MARK = re.compile(r" *#= (.*)$", re.MULTILINE)


def expected(text: str) -> set[tuple[int, str]]:
    lines = ((number, _MARK.search(line)) for number, line in enumerate(text.split("\n"), 1))
    return {(number, reference) for number, mark in lines if mark for reference in mark[1].split(", ")}


def tree(text: str) -> MemoryTree:
    return MemoryTree({"form.yaml": _MARK.sub("", text).encode()}, "form")


def read(text: str) -> Inventory:
    return inventory(tree(text), ManifestSettings())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_what_a_form_deploys_is_found_at_its_line_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    assert {(use.place.line, use.reference) for use in read(text).uses} == expected(text)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_what_cannot_be_told_is_a_gap_and_never_silence(path: Path) -> None:
    found = read(path.read_text())
    templated = {use.reference for use in found.uses if is_template(use.reference)}
    assert {gap.image for gap in found.gaps if gap.rule == "templated-reference"} == templated


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_the_prefilter_hides_no_form(path: Path) -> None:
    held = tree(path.read_text())
    table = kinds.load({})
    with_it, without = (
        [
            (found.text, found.path)
            for item in Reader(held, table, Shared(), filtered=filtered).contents("form.yaml").objects
            for found in extract(item, table)
        ]
        for filtered in (True, False)
    )
    assert with_it == without


def test_there_is_a_file_for_each_form_that_is_described() -> None:
    assert len(FORMS) > 60
    assert sum(bool(expected(path.read_text())) for path in FORMS) > 50
