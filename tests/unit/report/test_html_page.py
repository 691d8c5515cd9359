"""The HTML report as text: its policy, its data, and what it says without a script. A browser runs it in tests/browser."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html import unescape
from typing import Any

from msgspec.structs import replace

from auditor.model.finding import Level
from auditor.model.report import JudgedUse, Report
from auditor.model.verdict import Verdict
from auditor.report.html.page import script, style
from auditor.report.render import RenderOptions, render
from tests.support import samples
from tests.support.crowd import crowd

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f"


def data_of(page: str) -> Any:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert block
    return json.loads(block[1])


def data(report: Report, blob_url: str | None = BLOB) -> Any:
    return data_of(render(report, "html", RenderOptions(blob_url=blob_url)))


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_the_script_and_the_style_that_are_there_and_nothing_else() -> None:
    page = render(samples.failing(), "html")
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])  # type: ignore[index]
    (css,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (code,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {digest(css)}",
        f"script-src {digest(code)}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    assert page.index("Content-Security-Policy") < page.index("<title>") < page.index("<style>")


def test_the_script_and_the_style_can_stand_in_their_elements_and_fetch_nothing() -> None:
    for text in (script(), style()):
        assert "</" not in text
        assert "<!--" not in text
    assert "@import" not in style()
    assert "url(" not in style()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "import(",
    ):
        assert word not in script(), word


def test_the_page_has_no_inline_styles_handlers_or_outside_resources() -> None:
    page = render(samples.failing(), "html", RenderOptions(blob_url=BLOB))
    markup = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(style|on[a-z]+|src|srcset|action|formaction)\s*=", markup)
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b", markup)


def test_images_stand_as_in_the_other_formats() -> None:
    told = data(samples.failing())
    assert [(i["reference"], i["standing"], i["scope"]) for i in told["images"]] == [
        ("ghcr.io/acme/api:2.1", "fails", "decides"),
        ("ghcr.io/acme/worker:7", "fails", "decides"),
        ("registry.acme.example/batch/cron:1.4", "could not be judged", "decides"),
        ("ghcr.io/acme/legacy-billing:3", "waived", "decides"),
        ("ghcr.io/acme/web:3.4", "passes", "decides"),
        ("ghcr.io/acme/db:9", "not judged", "kept"),
    ]
    assert len(told["findings"]) == len(samples.failing().findings)
    assert len(told["skipped"]) == len(samples.failing().gaps)
    assert [f["counts"] for f in told["findings"]] == sorted((f["counts"] for f in told["findings"]), reverse=True)


def test_an_image_that_was_not_judged_never_looks_trusted() -> None:
    for image in data(samples.failing())["images"]:
        assert (image["standing"] == "passes") == (image["verdict"] in {"verified", "exempt"}), image["reference"]


def test_what_could_not_be_read_of_signatures_is_no_missing_signature() -> None:
    (cron,) = (i for i in data(samples.failing())["images"] if i["verdict"] == "unjudged")
    assert [(s["form"], s["status"], s["refusal"]) for s in cron["signatures"]] == [
        ("bundle", "unreadable", "401 from registry.acme.example")
    ]
    assert cron["signer"] == ""


def test_places_are_linked_only_to_the_web() -> None:
    assert data(samples.failing())["images"][0]["uses"][0]["place"] == {
        "text": "apps/api/kustomization.yaml:14",
        "href": f"{BLOB}/apps/api/kustomization.yaml#L14",
    }
    for address in (None, "javascript:alert(1)", "file:///etc", "data:text/html,x"):
        assert "href" not in data(samples.failing(), address)["images"][0]["uses"][0]["place"]


def test_one_reference_under_two_rules_has_two_links() -> None:
    report = samples.failing()
    first = report.images[0]
    twins = data(replace(report, images=(first, replace(first, rule="images[1]"))))["images"]
    assert [image["id"] for image in twins] == ["ghcr.io/acme/api:2.1", "ghcr.io/acme/api:2.1 ~2"]
    long = tuple(replace(first, reference="x" * 9000 + end, uses=()) for end in "ab")
    assert len({image["id"] for image in data(Report(run=report.run, images=long))["images"]}) == 2


def test_thousands_of_places_are_counted_not_listed() -> None:
    use = samples.use("ghcr.io/acme/api:2.1", "a.yaml", 1)
    uses = tuple(JudgedUse(dataclasses.replace(use.use, root=str(n)), use.change) for n in range(1000))
    image = samples.image("ghcr.io/acme/api:2.1", Verdict.VERIFIED, *uses)
    (told,) = data(Report(run=samples.run(), images=(image,)))["images"]
    assert len(told["uses"]) + told["moreUses"] == 1000
    assert len(told["uses"]) == 200


def test_identities_are_written_once() -> None:
    told = data(crowd(500))
    signers = [s["who"] for i in told["images"] for s in i["signatures"] if s["status"] == "valid"]
    assert len(told["identities"]) == len(set(signers))
    assert len(data(samples.failing())["identities"]) == 2


def test_a_new_release_by_the_same_workflow_is_no_other_signer() -> None:
    report = samples.failing()
    (web,) = (i for i in report.images if i.reference == "ghcr.io/acme/web:3.4")
    for subject, told in {
        "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.0.0": "",
        "https://github.com/mallory/api/.github/workflows/release.yaml@refs/tags/v2.0.0": "mallory/api",
    }.items():
        old = replace(report.images[0].previous, identity=samples.identity(subject))  # type: ignore[type-var]
        (image,) = data(Report(run=report.run, images=(replace(web, previous=old),)))["images"]
        assert image["was"]["signer"].partition("/.github")[0] == told


def test_the_charts_count_what_counts() -> None:
    page = render(samples.failing(), "html")
    assert 'aria-label="2 fail, 1 could not be judged, 1 waived, 1 passes"' in page
    bars = dict(re.findall(r'<span class="bar-name">([^<]+)</span>.*?<span class="bar-number">(\d+)<', page))
    assert bars["wrong-signer"] == "1"
    assert "key-signed-image" not in bars, "it is waived"


def test_without_a_script_what_fails_is_told_up_to_a_bound() -> None:
    page = render(crowd(3000), "html")
    fallback = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert fallback
    assert fallback[1].count("<tr>") == 101
    assert "at most 100" in fallback[1]


def test_a_clean_run_says_so() -> None:
    page = render(samples.clear(), "html")
    assert '<header class="verdict passes">' in page
    assert not any(f["level"] == Level.ERROR for f in data(samples.clear())["findings"] if f["counts"])
