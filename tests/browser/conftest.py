"""One browser per worker; each test has a tab of its own, and a tab that complains or asks somebody fails its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.model.report import Report
from auditor.report.render import RenderOptions, render
from fixtures.browser import Browser, Page, find_chromium

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3"

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on PATH (AUDITOR_CHROMIUM names one)")
    with Browser(program) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.page()
    try:
        yield tab
        assert_quiet(tab)
    finally:
        tab.close()


def assert_quiet(tab: Page) -> None:
    """Nothing in the console, no dialog, and nobody was asked for anything but the page itself."""
    told = tab.listen(0.05)
    assert tab.complaints() == []
    asked = [url for url in tab.requests() if url != "about:blank"]
    assert all(url.startswith("file:///") and ".html" in url for url in asked), "the page asked somebody"
    assert len({url.partition("#")[0] for url in asked}) <= 1, told


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Open:
    """Writes a report and opens it: `show(report, "#image=…")`."""

    def opened(report: Report, address: str = "") -> Page:
        file = tmp_path / "report.html"
        file.write_text(render(report, "html", RenderOptions(blob_url=BLOB)), encoding="utf-8")
        page.open(file.as_uri() + address)
        return page

    return opened
