"""Whatever names repositories, images and findings have: the pages of a fleet parse to their own elements."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings

from auditor.report.fleet.formats import FOLDERS, TEXTS
from auditor.report.fleet.site.frame import script, style
from auditor.report.options import RenderOptions
from tests.property.report.test_html_injection import Reader, read
from tests.support import fleets
from tests.support.hostile import ATTACKS, hostile_text

PAGES = re.compile(r"index\.html|(repositories|images)/[a-z0-9-]+\.html")
LINKS = re.compile(r"(\.\./)?(index\.html|(repositories|images)/[a-z0-9-]+\.html)|#view=images")


def pages(text: str) -> Iterator[tuple[str, Reader]]:
    for path, pieces in FOLDERS["html"](fleets.hostile(text), RenderOptions()):
        assert PAGES.fullmatch(path), path
        content = "".join(pieces)
        content.encode("utf-8")
        yield path, read(content)


def kind(path: str) -> str:
    return path.partition("/")[0]


HARMLESS: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
for where, page in pages("x"):
    HARMLESS.setdefault(kind(where), set()).update(page.shape)


def check(text: str) -> None:
    written, linked = set(), set()
    for path, reader in pages(text):
        written.add(path)
        assert reader.shape <= HARMLESS[kind(path)], "the same elements with the same attributes, whatever they say"
        for link in reader.links:
            assert link.startswith("#") or LINKS.fullmatch(link), link
            linked |= {link.removeprefix("../")} if not link.startswith("#") else set()
        if kind(path) != "repositories":
            assert reader.raw[0] == style()
            assert reader.raw[1:] in ([], [script()])
        for line in "".join(reader.words).split("\n"):
            assert line.isprintable(), ascii(line)
    assert linked <= written, "no link leads to nothing"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text)[:40])
def test_the_site_holds_attacks(attack: str) -> None:
    check(attack)


@settings(max_examples=30, deadline=None)
@given(hostile_text)
def test_the_site_holds_anything(text: str) -> None:
    check(text)


@settings(max_examples=60, deadline=None)
@given(hostile_text)
@example("\ud800")
@example("\ud800\udcff")
def test_no_text_format_is_taken_over(text: str) -> None:
    fleet = fleets.hostile(text)
    for name, render in TEXTS.items():
        told = "".join(render(fleet, RenderOptions(width=100)))
        told.encode("utf-8")
        assert told.endswith("\n"), name
        for line in told.split("\n"):
            assert line.isprintable() or name == "markdown", (name, ascii(line))
            assert not line.lstrip().startswith("::"), name
            assert not re.search(r"##\w*\[", line), name


def test_the_digest_s_marker_stands_there_once() -> None:
    told = "".join(TEXTS["markdown"](fleets.hostile("<!-- auditor:v1:audit -->"), RenderOptions()))
    assert re.findall(r"^<!--.*", told, re.MULTILINE) == ["<!-- auditor:v1:audit -->"]
