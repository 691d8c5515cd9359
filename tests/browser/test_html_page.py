"""The HTML report as its readers use it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from auditor.model.report import Change, Report
from fixtures.browser import Page
from tests.support import samples

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

API = "ghcr.io/acme/api:2.1"
NAMES = "[...document.querySelectorAll('.images .open-row')].map((row) => row.textContent)"
OPENED = "[...document.querySelectorAll('.row.open')].map((row) => row.dataset.image)"
VISIBLE = "[...document.querySelectorAll('main > section')].filter((part) => !part.hidden).map((part) => part.id)"
STATUS = "document.getElementById('status').textContent"
FOCUS = "document.activeElement.id || document.activeElement.textContent"


def choose(page: Page, control: str, value: str) -> None:
    page.run(
        f"(() => {{ const it = document.getElementById({control!r}); it.value = {value!r}; "
        "it.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )


def click(page: Page, selector: str) -> None:
    page.run(f"document.querySelector({selector!r}).click()")


# ── what is seen first ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_verdict_comes_first_and_what_decides_is_listed_worst_first(show: Open) -> None:
    page = show(samples.failing())
    assert page.run("document.querySelector('h1').textContent") == "2 of 5 new images fail; 1 could not be judged"
    assert page.run("document.body.innerText.trim().split('\\n')[0]").strip() in {"Skip to the images", "✗"}
    assert page.run(NAMES)[:2] == [API, "ghcr.io/acme/worker:7"]
    assert len(page.run(NAMES)) == 5, "the unchanged one is not among what decides"
    assert page.run(VISIBLE) == ["images"]


@pytest.mark.parametrize("sample", ["clear", "nothing_new", "empty", "inventory", "verified"])
def test_every_kind_of_run_is_shown(show: Open, sample: str) -> None:
    report: Report = getattr(samples, sample)()
    page = show(report)
    assert page.run("document.querySelector('h1').textContent")
    for view in ("findings", "policies", "skipped", "images"):
        click(page, f"[data-view={view}]")
        assert page.run(VISIBLE) == [view]
    choose(page, "scope", "all")
    assert len(page.run(NAMES)) == len(report.images)


# ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_opens_its_evidence_down_to_the_step_that_refused(show: Open) -> None:
    page = show(samples.failing())
    click(page, ".row")
    text = page.run("document.querySelector('.evidence').innerText")
    for told in (
        "https://github.com/mallory/api/.github/workflows/release.yaml@refs/heads/main",
        "the source repository is mallory/api, allowed is acme/*",
        "refused at step 5 (chain): the certificate chains to no trust root",
        "https://token.actions.githubusercontent.com",
        "123456",
        "Deployment/prod/api-canary",
        '-newTag: "2.1"',
        "2 claims",
    ):
        assert told in text, told
    steps = page.run("[...document.querySelectorAll('.signature')].map((s) => s.querySelectorAll('.ok').length)")
    assert steps == [8, 0]
    assert page.run("document.querySelector('.evidence .no').textContent") == "5 chain ✗"
    claims = page.run("[...document.querySelectorAll('.signature details dd')].map((claim) => claim.textContent)")
    assert "https://github.com/acme/api" in claims


def test_places_are_linked_to_their_lines_and_tell_the_other_side_nothing(show: Open) -> None:
    page = show(samples.failing())
    links = page.run("[...document.querySelectorAll('.row td a')].map((a) => [a.href, a.rel, a.target])")
    assert links[0][0].endswith("/apps/api/kustomization.yaml#L14")
    assert {tuple(link[1:]) for link in links} == {("noopener noreferrer", "_blank")}


def test_the_matrix_of_policies(show: Open) -> None:
    page = show(samples.failing(), "#view=policies")
    assert page.run("[...document.querySelectorAll('.matrix thead th')].map((cell) => cell.textContent)") == [
        "Image",
        "ClusterPolicy/check-imagespolicies/check.yaml",
    ]
    assert page.run("document.querySelector('.matrix tbody td').innerText").split("\n")[0] == "✓ pass"
    click(page, ".matrix tbody a")
    assert page.run(OPENED) == ["ghcr.io/acme/web:3.4"]


def test_what_is_waived_is_folded_and_what_was_not_read_is_told(show: Open) -> None:
    page = show(samples.failing(), "#view=findings")
    listed = page.run("[...document.querySelectorAll('#findings > .findings strong')].map((rule) => rule.textContent)")
    assert listed[0] in {"wrong-signer", "unsigned-image"}
    assert "key-signed-image" not in listed
    assert page.run("document.querySelector('#set-aside summary').textContent") == "1 finding waived or in the baseline"
    click(page, "#set-aside summary")
    page.until("document.querySelector('#set-aside li')")
    assert "until 2027-01-31 by platform-team" in page.run("document.querySelector('#set-aside').innerText")
    click(page, "[data-view=skipped]")
    assert samples.failing().gaps[0].why in page.run("document.querySelector('#skipped').innerText")


# ── filters, search, sorting ─────────────────────────────────────────────────────────────────────────────────────────────


def test_filters_of_verdict_rule_root_and_standing(show: Open) -> None:
    page = show(samples.failing())
    choose(page, "verdict", "unsigned")
    assert page.run(NAMES) == ["ghcr.io/acme/worker:7"]
    choose(page, "verdict", "")
    choose(page, "rule", "wrong-signer")
    assert page.run(NAMES) == [API]
    choose(page, "rule", "")
    choose(page, "root", "apps/web")
    assert page.run(NAMES) == ["ghcr.io/acme/web:3.4"]
    assert page.run(STATUS) == "1 of 6 images"
    click(page, "#reset")
    assert len(page.run(NAMES)) == 5
    click(page, ".tile.incomplete")
    assert page.run(NAMES) == ["registry.acme.example/batch/cron:1.4"]
    assert page.run("document.querySelector('.tile.incomplete').getAttribute('aria-pressed')") == "true"
    choose(page, "scope", "kept")
    assert page.run("document.querySelector('.images .empty').textContent") == "No image is left by these filters."


def test_search_finds_names_files_workloads_signers_and_needs_every_word(show: Open) -> None:
    page = show(samples.failing())
    for words, found in {
        "MALLORY": [API],
        "cronjob.yaml": ["ghcr.io/acme/worker:7"],
        "deployment/prod/web": ["ghcr.io/acme/web:3.4"],
        "acme worker": ["ghcr.io/acme/worker:7"],
        "acme nothing-like-it": [],
    }.items():
        page.run("document.getElementById('q').focus(); document.getElementById('q').select()")
        page.type(words)
        assert page.run(NAMES) == found, words


def test_columns_sort_both_ways_and_say_so(show: Open) -> None:
    page = show(samples.failing())
    click(page, "[data-sort=reference]")
    assert page.run(NAMES) == sorted(page.run(NAMES))
    told = "[...document.querySelectorAll('th[aria-sort]')].map((cell) => cell.getAttribute('aria-sort'))"
    assert page.run(told) == ["none", "ascending", "none", "none"]
    click(page, "[data-sort=reference]")
    assert page.run(NAMES) == sorted(page.run(NAMES), reverse=True)
    assert page.run(told) == ["none", "descending", "none", "none"]


def test_an_audit_of_many_repositories_filters_by_repository(show: Open) -> None:
    report = samples.failing()
    names = ("acme/shop", "acme/payments")
    images = tuple(replace(image, repository=names[index % 2]) for index, image in enumerate(report.images))
    page = show(replace(report, images=images))
    bars = page.run("[...document.querySelectorAll('.bars a')].filter((a) => a.hash.startsWith('#repository=')).length")
    assert bars == 2
    choose(page, "repository", "acme/shop")
    assert page.run(NAMES) == [image.reference for image in images[::2] if image.change is Change.ADDED]
    show(report)
    assert page.run("document.getElementById('repository').checkVisibility()") is False


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_to_an_image_opens_it_even_where_the_filters_hide_it(show: Open) -> None:
    page = show(samples.failing(), "#image=" + quote("ghcr.io/acme/db:9", safe=""))
    assert page.run(OPENED) == ["ghcr.io/acme/db:9"]
    assert page.run(FOCUS) == "ghcr.io/acme/db:9"


def test_a_link_to_a_rule_and_links_to_nothing(show: Open) -> None:
    page = show(samples.failing(), "#rule=numeric-tag")
    assert page.run(VISIBLE) == ["findings"]
    assert page.run("[...document.querySelectorAll('#findings strong')].map((e) => e.textContent)") == ["numeric-tag"]
    for address in ("#image=no/such:1", "#view=__proto__", "#rule=constructor", "#verdict=%00&root=%E2%80%AE&sort=-x"):
        page.run(f"location.hash = {address!r}")
        page.until("true")
        assert page.run("document.querySelectorAll('main > section:not([hidden])').length") == 1


def test_back_goes_back(show: Open) -> None:
    page = show(samples.failing())
    click(page, ".row")
    choose(page, "verdict", "verified")
    click(page, "[data-view=findings]")
    assert page.run(VISIBLE) == ["findings"]
    page.run("history.back()")
    page.until(f"({VISIBLE})[0] === 'images'")
    assert page.run(NAMES) == ["ghcr.io/acme/web:3.4"]
    page.run("history.back()")
    page.until(f"({OPENED}).length === 1")
    assert page.run(OPENED) == [API]
    page.run("history.back()")
    page.until(f"({OPENED}).length === 0")


# ── keyboard and screen readers ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_keyboard_alone_is_enough(show: Open) -> None:
    page = show(samples.failing())
    page.press("/")
    assert page.run(FOCUS) == "q"
    page.type("acme/")
    assert page.run("document.getElementById('q').value") == "acme/", "a slash in the search is a slash"
    page.press("Escape")
    page.run("document.querySelector('.images .open-row').focus()")
    page.press("ArrowDown")
    assert page.run(FOCUS) == "ghcr.io/acme/worker:7"
    page.press("Enter")
    assert page.run(OPENED) == ["ghcr.io/acme/worker:7"]
    assert page.run(FOCUS) == "ghcr.io/acme/worker:7", "the focus stays on the row"
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.press("Escape")
    assert page.run(OPENED) == []
    page.press("End")
    last = page.run(FOCUS)
    page.press("Home")
    assert (page.run(FOCUS), last) == (page.run(NAMES)[0], page.run(NAMES)[-1])


def test_the_tab_key_meets_everything_in_the_order_of_reading(show: Open) -> None:
    page = show(samples.failing())
    met = []
    for _ in range(30):
        page.press("Tab")
        met.append(
            page.run("document.activeElement.closest('.skip, .tiles, .charts, .views, .filters, table').className")
        )
        if met[-1] == "images":
            break
    assert list(dict.fromkeys(met)) == ["skip", "tiles", "charts", "views", "filters", "images"]


def test_what_a_screen_reader_meets(show: Open) -> None:
    page = show(samples.failing(), "#image=" + quote(API, safe=""))
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    met = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
    roles = {role for role, _ in met}
    assert {
        "banner",
        "main",
        "navigation",
        "search",
        "contentinfo",
        "table",
        "columnheader",
        "status",
        "region",
    } <= roles
    assert ("heading", "2 of 5 new images fail; 1 could not be judged") in met
    assert any(role == "table" and name.startswith("Images by how they stand") for role, name in met)
    unnamed = [role for role, name in met if role in {"button", "link", "combobox", "searchbox", "image"} and not name]
    assert unnamed == []
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("document.getElementById('status').getAttribute('aria-live')") == "polite"


_CONTRAST = """
(() => {
  const channel = (value) => { const part = value / 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".unseen, option, script, .skip")) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(`${element.className} ${element.textContent.slice(0, 30)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return poor;
})()
"""
"""Texts whose contrast is below WCAG 2.2's 4.5 : 1 (1.4.3)."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_the_light_and_in_the_dark(show: Open, page: Page, scheme: str) -> None:
    page.media(prefers_color_scheme=scheme)
    show(samples.failing(), "#image=" + quote(API, safe=""))
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(246, 247, 249)", "dark": "rgb(15, 19, 23)"}[scheme]
    for view in ("images", "findings", "policies", "skipped"):
        assert page.run(_CONTRAST) == [], view
        click(page, f"[data-view={view}]")


@pytest.mark.parametrize("width", [380, 800, 1600])
def test_no_width_needs_sideways_scrolling(show: Open, page: Page, width: int) -> None:
    page.resize(width, 800)
    show(samples.failing(), "#image=" + quote(API, safe=""))
    assert page.run("document.documentElement.scrollWidth") <= width


# ── paper ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_paper_gets_all_of_it_and_no_controls(show: Open, page: Page) -> None:
    page.media(prefers_color_scheme="dark")
    show(samples.failing())
    page.media("print", prefers_color_scheme="dark")
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.filters')).display") == "none"
    assert page.run("getComputedStyle(document.querySelector('.views')).display") == "none"
    assert page.run("document.querySelectorAll('.evidence').length") == 4, "whatever does not pass"
    assert page.run(VISIBLE) == ["images", "findings", "policies", "skipped"]
    assert page.run("document.querySelectorAll('#set-aside li').length") == 1
    assert page.run(_CONTRAST) == []
    page.media("")
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run(VISIBLE) == ["images"]
    assert page.run("document.querySelectorAll('.evidence').length") == 0
    assert page.pdf().startswith(b"%PDF-")


# ── without scripts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_scripts_the_worst_is_still_told(show: Open, page: Page) -> None:
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    show(samples.failing())
    page.ask("Emulation.setScriptExecutionDisabled", value=False)
    text = page.run("document.body.innerText")
    assert "Scripts are off" in text
    for told in ("wrong-signer", API, "apps/api/kustomization.yaml:14", "nearest is signer release", "rules-changed"):
        assert told in text, told
    assert page.run("getComputedStyle(document.querySelector('.filters')).display") == "none"
