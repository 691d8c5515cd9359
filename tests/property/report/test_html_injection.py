"""Whatever stands in a report, the page parses to its own elements, and its data reads back."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from auditor.report.escape import visible_text
from auditor.report.html.page import script, style
from auditor.report.render import RenderOptions, render
from tests.support import samples
from tests.support.hostile import ATTACKS, hostile_text

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f"
VOID = {"meta", "input", "br", "rect", "wbr"}


class Reader(HTMLParser):
    """Collects the shape of a page: elements with their attributes' names, links, and the text of scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: set[tuple[str, tuple[str, ...]]] = set()
        self.links: set[str] = set()
        self.raw: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.add((tag, tuple(name for name, _ in attrs)))
        self.links |= {value or "" for name, value in attrs if name == "href"}
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"script", "style"}:
            self.raw.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.add((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            self.raw[-1] += data
        else:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


HARMLESS = read(render(samples.hostile("x"), "html", RenderOptions(blob_url=BLOB)))


def check(text: str) -> None:
    page = render(samples.hostile(text), "html", RenderOptions(blob_url=BLOB))
    page.encode("utf-8")
    reader = read(page)
    assert reader.shape == HARMLESS.shape, "the same elements with the same attributes, whatever they say"
    css, data, code = reader.raw
    assert (css, code) == (style(), script())
    assert "<" not in data
    told = json.loads(data)
    assert _shown(text) in {image["reference"] for image in told["images"]}
    assert all(link.startswith("#") for link in reader.links)
    assert len(page) < 400_000 + len(style()) + len(script())
    for line in "".join(reader.words).split("\n"):
        assert line.isprintable(), ascii(line)


def _shown(text: str) -> str:
    seen = visible_text(text if len(text) <= 300 else text[:299] + "…")
    return seen if len(seen) <= 300 else seen[:299] + "…"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text)[:40])
def test_html_holds_attacks(attack: str) -> None:
    check(attack)


@settings(max_examples=60, deadline=None)
@given(hostile_text)
def test_html_holds_anything(text: str) -> None:
    check(text)
