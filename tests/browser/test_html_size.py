"""5,000 images: the page opens, filters, sorts and scrolls without a wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor.report.render import render
from fixtures.browser import Page
from tests.support.crowd import crowd

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MOST = 5000
TYPED = """
((text) => {
  const field = document.getElementById("q");
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.getBoundingClientRect();
})
"""
"""From a key to the page laid out anew."""


def typed(page: Page, text: str) -> float:
    """Milliseconds that the page works for one key."""
    before = page.busy()
    page.run(f"{TYPED}({text!r})")
    return 1000 * (page.busy() - before)


def test_5000_images_open_at_once_and_filter_within_a_tenth_of_a_second(
    show: Open, page: Page, record_property: Callable[[str, object], None]
) -> None:
    before = page.busy()
    show(crowd(MOST))
    opened = page.busy() - before
    record_property("seconds to open", f"{opened:.2f}")
    assert opened < 2
    assert page.run("document.getElementById('status').textContent") == "5,000 of 5,000 images"
    assert page.run("document.querySelectorAll('.row').length") <= 300, "laid out a page at a time"
    words = ["s", "se", "service-4", "service-49", "service-4999", "", "mallory", "unsigned", "apps/team-7/", "nothing"]
    taken = sorted(typed(page, word) for word in words)
    record_property("milliseconds per key", ", ".join(f"{each:.1f}" for each in taken))
    assert taken[len(taken) // 2] < 100
    page.run(f"{TYPED}('service-4999')")
    assert page.run("document.querySelector('.open-row').textContent") == "ghcr.io/acme/service-4999:1.4999"
    assert page.run("document.getElementById('status').textContent") == "1 of 5,000 images"


def test_scrolling_lays_out_the_rest_and_a_link_reaches_the_last(show: Open) -> None:
    page = show(crowd(MOST))
    before = page.run("document.querySelectorAll('.row').length")
    page.run("scrollTo(0, document.body.scrollHeight)")
    page.until(f"document.querySelectorAll('.row').length > {before}")
    last = page.run("DATA_LAST = JSON.parse(document.getElementById('data').textContent).images.at(-1).id")
    page.run(f"location.hash = 'image=' + encodeURIComponent({last!r})")
    page.until("document.querySelector('.row.open')")
    box = page.run(
        "(() => { const box = document.querySelector('.row.open').getBoundingClientRect(); return [box.top, innerHeight]; })()"
    )
    assert 0 <= box[0] < box[1], "it is in sight"


def test_the_file_stays_small_enough_to_mail() -> None:
    assert len(render(crowd(MOST), "html")) < 12_000_000
