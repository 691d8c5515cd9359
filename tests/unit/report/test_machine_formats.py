"""Annotations, CSV, JUnit, Code Quality: what their readers count on."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.report.render import FORMATS, render
from tests.support import samples


def many(level: Level, number: int) -> tuple[Finding, ...]:
    return tuple(Finding("latest-tag", level, f"message {n}", "help", Place("a.yaml", n + 1)) for n in range(number))


def commands(report: Report) -> list[str]:
    return [line for line in render(report, "github").split("\n") if line.startswith("::")]


# ── workflow commands ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_annotations_are_worst_first_and_name_the_line() -> None:
    lines = commands(samples.failing())
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::error", "::warning", "::warning"]
    assert lines[0].startswith(
        "::error file=apps/api/kustomization.yaml,line=14,col=11,title=auditor%3A wrong-signer::"
    )
    assert lines[0].count("%0A") == 1


def test_ten_of_each_and_the_last_says_how_many_more() -> None:
    findings = (*many(Level.ERROR, 10), *many(Level.WARNING, 14), *many(Level.NOTE, 25))
    lines = commands(Report(run=samples.run(), findings=findings))
    assert [sum(line.startswith(f"::{kind} ") for line in lines) for kind in ("error", "warning", "notice")] == [
        10,
        10,
        10,
    ]
    assert "more" not in lines[9]
    assert lines[19] == "::warning title=auditor::5 more warnings: see the comment or the full report"
    assert "16 more notices" in lines[-1]


def test_waived_findings_are_no_annotations() -> None:
    assert not [line for line in commands(samples.failing()) if "key-signed" in line]


def test_the_last_line_is_the_headline() -> None:
    assert render(samples.clear(), "github") == "auditor: 1 new image: may be deployed\n"


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_row_per_use() -> None:
    rows = list(csv.DictReader(io.StringIO(render(samples.failing(), "csv"))))
    assert len(rows) == 7
    assert rows[0]["reference"] == "ghcr.io/acme/api:2.1"
    assert (rows[0]["workload"], rows[1]["workload"]) == ("Deployment/prod/api", "Deployment/prod/api-canary")
    assert (rows[0]["verdict"], rows[0]["line"], rows[0]["base_line"]) == ("wrong-signer", "14", "21")
    assert rows[2]["findings"] == "unsigned-image numeric-tag"
    assert rows[-1]["change"] == "kept"


def test_inventory_as_rows() -> None:
    rows = list(csv.DictReader(io.StringIO(render(samples.inventory(), "csv"))))
    assert {row["verdict"] for row in rows} == {""}
    assert [row["deployed"] for row in rows if row["confidence"] == "low"] == ["false"]


# ── JUnit ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def junit(report: Report) -> ET.Element:
    return ET.fromstring(render(report, "junit"))  # noqa: S314 - our own output


def test_one_case_per_gating_use() -> None:
    suites = junit(samples.failing())
    results = {case.attrib["name"]: [child.tag for child in case] for case in suites.iter("testcase")}
    assert results == {
        "ghcr.io/acme/api:2.1 (Deployment/prod/api, container app)": ["failure"],
        "ghcr.io/acme/api:2.1 (Deployment/prod/api-canary, container app)": ["failure"],
        "ghcr.io/acme/worker:7 (Deployment/prod/worker, container app)": ["failure"],
        "registry.acme.example/batch/cron:1.4 (Deployment/prod/cron, container app)": ["error"],
        "ghcr.io/acme/legacy-billing:3 (Deployment/prod/billing, container app)": ["skipped"],
        "ghcr.io/acme/web:3.4 (Deployment/prod/web, container app)": [],
        "rules-changed: auditor.yaml:12": [],
    }
    counted = {key: suites.attrib[key] for key in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "7", "failures": "3", "errors": "1", "skipped": "1"}
    assert suites.find("testsuite/testcase").attrib["classname"] == "apps.api.kustomization.yaml"  # type: ignore[union-attr]


def test_what_was_only_listed_is_skipped() -> None:
    assert {child.tag for case in junit(samples.inventory()).iter("testcase") for child in case} == {"skipped"}


def test_findings_about_files_are_cases() -> None:
    blind = Finding("unparsable-file", Level.INCOMPLETE, "no YAML", "repair it", Place("x.yaml", 3))
    broken = Finding("rules-changed", Level.ERROR, "changed", "review", Place("auditor.yaml"), baseline=True)
    suites = junit(Report(run=samples.run(), findings=(blind, broken)))
    assert [[child.tag for child in case] for case in suites.iter("testcase")] == [["error"], ["skipped"]]


# ── Code Quality ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_code_quality_issues() -> None:
    issues = json.loads(render(samples.failing(), "codequality"))
    assert [(issue["check_name"], issue["severity"]) for issue in issues] == [
        ("wrong-signer", "critical"),
        ("unsigned-image", "critical"),
        ("unjudged-image", "major"),
        ("numeric-tag", "minor"),
        ("rules-changed", "minor"),
    ]
    assert issues[0]["location"] == {"path": "apps/api/kustomization.yaml", "lines": {"begin": 14}}
    assert issues[0]["fingerprint"] == samples.failing().findings[0].fingerprint


def test_code_quality_fingerprints_never_collapse_two_issues() -> None:
    finding = samples.failing().findings[0]
    twin = replace(finding, place=Place("apps/other.yaml", 3))
    issues = json.loads(render(Report(run=samples.run(), findings=(finding, twin)), "codequality"))
    assert len({issue["fingerprint"] for issue in issues}) == 2


def test_no_findings_is_an_empty_array() -> None:
    assert render(samples.clear(), "codequality") == "[]\n"


# ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("report", [samples.hostile(""), Report(run=samples.run())], ids=["empty strings", "nothing"])
def test_every_format_takes_every_report_and_ends_with_a_newline(format_name: str, report: Report) -> None:
    text = render(report, format_name)
    assert text.endswith("\n") or (format_name == "vsa" and not text), "no line for nothing that was judged"
    assert not text.endswith("\n\n")
    assert text == render(report, format_name)
