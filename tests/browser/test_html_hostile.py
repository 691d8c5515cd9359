"""What repositories, registries and certificates say stays text in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from auditor.model.report import Report
from fixtures.browser import Page
from tests.support.hostile import ATTACKS
from tests.support.samples import hostile

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

SCRIPTS = (
    "</script><script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "</ScRiPt ><svg/onload=alert(1)>",
    "<!--<script>",
    "--><script>alert(1)//",
    "</noscript><img src=http://127.0.0.1:9/x onerror=alert(1)>",
    "</title><script>alert(1)</script>",
    "</style><link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    '" autofocus onfocus=alert(1) x="',
    "' onmouseover=alert(1) x='",
    "javascript:alert(1)",
    'https://evil.example/" onclick="alert(1)',
    "<base href=http://127.0.0.1:9/>",
    "<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "__proto__",
    "constructor",
    "</textarea></select></option><b>x",
)
MADE = (
    "html head meta title style script body a header span div h1 h2 h3 p dl dt dd main button figure figcaption svg rect ul "
    "ol li nav form label input select option section table caption thead tbody tr th td details summary noscript footer "
    "code br wbr pre strong article"
)
"""Every element that the page makes: one of another kind is an injected one."""
GIVEN = (
    "class lang charset http-equiv content name href hidden type id for role aria-label aria-labelledby aria-hidden "
    "aria-pressed aria-live aria-sort aria-current aria-expanded aria-keyshortcuts placeholder autocomplete spellcheck "
    "data-standing data-view data-sort data-more data-image scope colspan rel target tabindex title value viewBox "
    "preserveAspectRatio x width height open"
)
"""Every attribute that it gives them."""
SEEN = """
(() => {
  const all = [...document.querySelectorAll("*")];
  return {
    tags: [...new Set(all.map((element) => element.localName))],
    attributes: [...new Set(all.flatMap((element) => element.getAttributeNames()))],
    links: [...new Set(all.filter((e) => e.href).map((e) => String(e.getAttribute("href"))))],
    scripts: document.scripts.length,
    styles: document.styleSheets.length,
  };
})()
"""


def together(attacks: tuple[str, ...]) -> Report:
    """One report in which every attack stands everywhere."""
    parts = [hostile(attack) for attack in attacks]
    return replace(
        parts[0],
        run=replace(parts[0].run, notes=attacks),
        images=tuple(image for part in parts for image in part.images),
        findings=tuple(finding for part in parts for finding in part.findings),
        gaps=tuple(gap for part in parts for gap in part.gaps),
    )


def assert_nothing_came_in(page: Page) -> None:
    """No element, attribute, link or script that the page did not make itself."""
    seen = page.run(SEEN)
    assert set(seen["tags"]) <= set(MADE.split())
    assert set(seen["attributes"]) <= set(GIVEN.split())
    assert (seen["scripts"], seen["styles"]) == (2, 1)
    for link in seen["links"]:
        assert link.startswith(
            ("#", "https://github.com/acme/platform/blob/", "https://search.sigstore.dev/?logIndex=")
        ), link
    assert page.run("Object.prototype.polluted === undefined && ({}).x === undefined")


@pytest.mark.parametrize("attacks", [SCRIPTS, ATTACKS], ids=["of the page", "of every format"])
def test_every_attack_everywhere_stays_text(show: Open, attacks: tuple[str, ...]) -> None:
    page = show(together(attacks))
    assert_nothing_came_in(page)
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.until(f"document.querySelectorAll('.evidence').length >= {len(attacks)}")
    page.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert_nothing_came_in(page)
    text = page.run("document.body.innerText")
    assert all(char.isprintable() or char in "\n\t" for char in text), (
        "nothing invisible, nothing that turns the line round"
    )
    assert len(text) < 40_000 * len(attacks)


@pytest.mark.parametrize("index", range(len(SCRIPTS)))
def test_one_attack_is_shown_as_it_is_written_and_linked_to(show: Open, index: int) -> None:
    attack = SCRIPTS[index]
    page = show(hostile(attack), "#image=" + quote(attack, safe=""))
    assert page.run("document.querySelector('.row.open .open-row').textContent") == attack
    assert_nothing_came_in(page)
    for view in ("findings", "policies", "skipped"):
        page.run(f"location.hash = {json.dumps('view=' + view)}")
        assert_nothing_came_in(page)


@pytest.mark.parametrize("attack", SCRIPTS[:6], ids=ascii)
def test_the_address_is_hostile_too(show: Open, attack: str) -> None:
    quoted = quote(attack, safe="")
    page = show(
        hostile("x"), "#" + "&".join(f"{key}={quoted}" for key in ("q", "view", "rule", "root", "sort", "image"))
    )
    assert_nothing_came_in(page)
    assert page.run("document.getElementById('q').value") == attack


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<img src=x>'",
        "document.body.setAttribute('onclick', 'window.ran = 1')",
        "document.write('<b>x</b>')",
        "eval('window.ran = 1')",
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))",
    ],
)
def test_the_policy_lets_no_string_become_markup_or_code(show: Open, page: Page, attempt: str) -> None:
    show(hostile("x"))
    assert page.run(f"(() => {{ try {{ {attempt}; }} catch (error) {{ return error.name; }} }})()") in {
        "TypeError",
        "EvalError",
    }
    assert page.run("window.ran") is None
    assert_nothing_came_in(page)
    page.listen(0.2)
    assert page.complaints(), "the browser says that it was tried"
    page.told.clear()


def test_the_policy_lets_nobody_be_asked(show: Open, page: Page) -> None:
    show(hostile("x"))
    assert page.run("fetch('http://127.0.0.1:9/').then(() => 'asked', (error) => error.name)") == "TypeError"
    page.run("document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }))")
    page.listen(0.2)
    blocked = [told for told in page.complaints() if "Content Security Policy" in told]
    assert len(blocked) >= 2
    page.told.clear()
