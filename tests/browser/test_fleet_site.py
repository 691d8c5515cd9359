"""The site of an audit in a real browser: quiet, navigable, filtered and sorted, and open to nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.model.audit import Fleet
from auditor.report.fleet.formats import FOLDERS
from auditor.report.options import RenderOptions
from fixtures.browser import Browser, Page
from tests.support import fleets
from tests.support.hostile import ATTACKS

pytestmark = pytest.mark.browser

Site = Callable[[Fleet], Path]
ROWS = "[...document.querySelectorAll('.repositories tbody tr')].filter((row) => !row.hidden)"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    def written(fleet: Fleet) -> Path:
        for path, pieces in FOLDERS["html"](fleet, RenderOptions()):
            file = tmp_path / path
            file.parent.mkdir(exist_ok=True)
            file.write_text("".join(pieces), encoding="utf-8")
        return tmp_path

    return written


@pytest.fixture
def tab(browser: Browser) -> Page:
    return browser.page()


def names(page: Page) -> list[str]:
    return list(page.run(f"{ROWS}.map((row) => row.cells[1].querySelector('a').textContent)"))


def assert_quiet_site(page: Page) -> None:
    """No complaint, no dialog, and only pages of the site were asked for."""
    page.listen(0.05)
    assert page.complaints() == []
    assert all(url == "about:blank" or (url.startswith("file:///") and ".html" in url) for url in page.requests())


def test_filters_and_order(site: Site, tab: Page) -> None:
    tab.open((site(fleets.five()) / "index.html").as_uri())
    first = names(tab)
    assert first[0] == "shop"
    assert len(first) == 5
    tab.run("document.querySelector('.tile[data-state=\"not-audited\"]').click()")
    assert names(tab) == ["billing"]
    assert "1 of 5" in tab.run("document.querySelector('#status').textContent")
    tab.run("document.querySelector('.tile[data-state=\"not-audited\"]').click()")
    tab.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: '/' }))")
    assert tab.run("document.activeElement.id") == "q"
    tab.type("unsigned plat")
    assert names(tab) == ["platform"]
    tab.run("document.querySelector('#q').value = ''; document.querySelector('#q').dispatchEvent(new Event('input'))")
    tab.run("document.querySelectorAll('.repositories thead button')[1].click()")
    assert names(tab)[-2:] == ["platform", "shop"]
    tab.run("document.querySelectorAll('.repositories thead button')[3].click()")
    tab.run("document.querySelectorAll('.repositories thead button')[3].click()")
    assert names(tab)[0] == "shop"
    assert_quiet_site(tab)


def test_every_link_leads_to_a_page_and_back(site: Site, tab: Page) -> None:
    top = site(fleets.five())
    tab.open((top / "index.html").as_uri())
    links = set(tab.run("[...document.links].map((link) => link.href).filter((href) => !href.includes('#'))"))
    assert len(links) >= 8
    for link in sorted(links):
        assert Path(link.removeprefix("file://")).is_file()
        tab.open(link)
        assert tab.run("document.querySelector('h1').textContent.length > 0")
        assert tab.run("document.querySelector('nav a').href").endswith("/index.html")
    assert_quiet_site(tab)


def test_the_page_of_a_repository_shows_since_when(site: Site, tab: Page) -> None:
    top = site(fleets.five())
    (page,) = (top / "repositories").glob("shop-*.html")
    tab.open(page.as_uri() + "#view=findings")
    assert "there since 2026-10-10" in tab.run("document.body.innerText")
    assert_quiet_site(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(site: Site, tab: Page, scheme: str, width: int) -> None:
    top = site(fleets.five())
    tab.media(prefers_color_scheme=scheme)
    tab.resize(width, 800)
    for page in sorted(top.rglob("*.html")):
        tab.open(page.as_uri())
        assert tab.run("document.documentElement.scrollWidth") <= width, page.name
    tab.media("print")
    tab.open((top / "index.html").as_uri())
    assert tab.pdf().startswith(b"%PDF")
    assert_quiet_site(tab)


@pytest.mark.parametrize("attack", ATTACKS[::6], ids=lambda text: ascii(text)[:40])
def test_hostile_names_stay_text(site: Site, tab: Page, attack: str) -> None:
    top = site(fleets.hostile(attack))
    for page in sorted(top.rglob("*.html")):
        tab.open(page.as_uri())
        made = tab.run("[...new Set([...document.querySelectorAll('*')].map((e) => e.localName))]")
        assert not {"img", "iframe", "link", "base", "b", "script:not([id])"} & set(made)
        limit = 2 if "repositories" in page.parts else 1
        assert tab.run("document.scripts.length") <= limit
    assert_quiet_site(tab)


def test_a_thousand_repositories_open_and_filter_at_once(site: Site, tab: Page) -> None:
    top = site(fleets.Endless(1000, fleets.run()))
    index = top / "index.html"
    assert index.stat().st_size < 2_000_000
    tab.open(index.as_uri())
    assert len(names(tab)) == 1000
    spent = tab.run(
        "(() => { const q = document.querySelector('#q'); return Math.min(...[95, 96, 97, 98, 99].map((number) => {"
        " const began = performance.now(); q.value = 'service-000' + number; q.dispatchEvent(new Event('input'));"
        " document.body.offsetHeight; return performance.now() - began; })); })()"
    )
    assert names(tab) == ["acme/service-00099"]
    assert spent < 500, "milliseconds for a key, of five that which the machine kept waiting least"
    assert_quiet_site(tab)
