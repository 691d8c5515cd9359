"""SARIF as code scanning wants it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.report.options import RenderOptions
from auditor.report.pages import RulePage, parse_page, shipped_pages
from auditor.report.sarif import render
from tests.support import samples
from tests.support.schemas import sarif_validator

PAGES = {
    "wrong-signer": RulePage("wrong-signer", "Signed by somebody else", Level.ERROR, "# Title\n\nWhat it is.\n\nMore.")
}


def sarif(report: Report, options: RenderOptions | None = None) -> Any:
    return json.loads(render(report, options or RenderOptions()))["runs"][0]


@pytest.mark.parametrize("name", ["failing", "clear", "nothing_new", "empty", "inventory", "verified"])
def test_valid_by_the_standard_s_schema(name: str) -> None:
    options = RenderOptions(docs_url="https://acme.example/rules", pages=PAGES)
    sarif_validator().validate(json.loads(render(getattr(samples, name)(), options)))


def test_results_are_what_counts_and_the_rest_is_told_beside() -> None:
    run = sarif(samples.failing())
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("wrong-signer", "error"),
        ("unsigned-image", "error"),
        ("unjudged-image", "warning"),
        ("numeric-tag", "warning"),
        ("rules-changed", "warning"),
    ]
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert any("waived until 2027-01-31 by platform-team" in note for note in notes)
    assert any("helm is not installed" in note for note in notes)
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == 1


def test_each_result_points_at_its_line_and_rule() -> None:
    run = sarif(samples.failing())
    result = run["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "apps/api/kustomization.yaml"
    assert place["region"] == {"startLine": 14, "startColumn": 11, "endLine": 14, "endColumn": 12}
    for each in run["results"]:
        assert run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]


def test_rules_carry_their_pages() -> None:
    run = sarif(samples.failing(), RenderOptions(pages=PAGES, docs_url="https://acme.example/rules/"))
    rule = next(r for r in run["tool"]["driver"]["rules"] if r["id"] == "wrong-signer")
    assert rule["shortDescription"]["text"] == "Signed by somebody else"
    assert rule["fullDescription"]["text"] == "What it is."
    assert rule["help"]["markdown"].startswith("# Title")
    assert rule["helpUri"] == "https://acme.example/rules/wrong-signer"
    assert float(rule["properties"]["security-severity"]) > 9.0


def test_what_could_not_be_judged_is_high() -> None:
    rules = {r["id"]: r for r in sarif(samples.failing())["tool"]["driver"]["rules"]}
    assert float(rules["unjudged-image"]["properties"]["security-severity"]) >= 7.0


def moved(report: Report, lines: int) -> Report:
    return replace(
        report,
        findings=tuple(
            dataclasses.replace(f, place=replace(f.place, line=f.place.line + lines) if f.place else None)
            for f in report.findings
        ),
    )


def hashes(report: Report) -> list[str]:
    return [r["partialFingerprints"]["primaryLocationLineHash"] for r in sarif(report)["results"]]


def test_fingerprints_stay_when_lines_move_and_change_with_the_tag() -> None:
    report = samples.failing()
    assert hashes(report) == hashes(moved(report, 40))
    newer = replace(report, findings=(dataclasses.replace(report.findings[0], image="ghcr.io/acme/api:2.2"),))
    assert hashes(newer)[0] not in hashes(report)


def test_equal_fingerprints_are_counted() -> None:
    finding = samples.failing().findings[0]
    twin = dataclasses.replace(finding, place=Place("apps/other.yaml", 3))
    assert finding.fingerprint == twin.fingerprint
    first, second = hashes(Report(run=samples.run(), findings=(finding, twin)))
    assert first.rpartition(":")[0] == second.rpartition(":")[0]
    assert (first.rpartition(":")[2], second.rpartition(":")[2]) == ("1", "2")


def test_a_finding_without_a_place_still_has_a_location() -> None:
    finding = Finding("unsigned-image", Level.ERROR, "no signature", "sign it", image="ghcr.io/acme/api:1")
    result = sarif(Report(run=samples.run(), findings=(finding,)))["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "auditor.yaml"
    assert result["message"]["text"] == "ghcr.io/acme/api:1: no signature. sign it"


def test_category_names_the_analysis() -> None:
    assert sarif(samples.clear(), RenderOptions(category="prod"))["automationDetails"]["id"] == "auditor/prod/"


def test_more_results_than_an_upload_takes_are_counted() -> None:
    finding = samples.failing().findings[0]
    many = tuple(dataclasses.replace(finding, image=f"ghcr.io/acme/i:{n}") for n in range(25_010))
    run = sarif(Report(run=samples.run(), findings=many))
    assert len(run["results"]) == 25_000
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert any(note.startswith("10 more findings") for note in notes)


def test_pages_are_read_with_and_without_front_matter() -> None:
    page = parse_page("latest-tag", "---\nid: latest-tag\ntitle: The tag moves\nlevel: warning\n---\n\nText.\n")
    assert page == RulePage("latest-tag", "The tag moves", Level.WARNING, "Text.")
    assert parse_page("latest-tag", "Text.") == RulePage("latest-tag", "Latest tag", None, "Text.")
    assert parse_page("latest-tag", "---\nlevel: loud\n---\n").level is None


def test_shipped_pages_have_a_title_and_a_text() -> None:
    for rule, page in shipped_pages().items():
        assert page.rule == rule
        assert page.title
        assert page.body
