"""Folders, summaries and digests of an audit: complete, bounded, and safe to write down."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.model.evidence import Fault, FaultKind, Form, Unreadable
from auditor.model.finding import Level
from auditor.model.report import Image, JudgedSignature, Report
from auditor.model.verdict import Verdict
from auditor.report.csv_rows import COLUMNS
from auditor.report.fleet.formats import FOLDERS, TEXTS
from auditor.report.fleet.paths import file_stem
from auditor.report.options import RenderOptions
from auditor.report.vsa import statements
from tests.support import fleets, samples
from tests.support.hostile import ATTACKS
from tests.support.schemas import sarif_validator


def folder(name: str, fleet: fleets.Listed, options: RenderOptions | None = None) -> dict[str, str]:
    files = {path: "".join(pieces) for path, pieces in FOLDERS[name](fleet, options or RenderOptions())}
    for path in files:
        assert PurePosixPath(path).parts == tuple(path.split("/"))
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", part) and ".." not in part for part in path.split("/")), path
    return files


def text(name: str, fleet: fleets.Listed, options: RenderOptions | None = None) -> str:
    return "".join(TEXTS[name](fleet, options or RenderOptions()))


@given(st.text(), st.text())
def test_a_file_s_name_tells_names_apart_and_goes_nowhere(one: str, other: str) -> None:
    stem = file_stem(one)
    assert re.fullmatch(r"[a-z0-9-]{13,80}", stem)
    assert not stem.startswith("-")
    assert (stem == file_stem(other)) == (one == other)


# ── SARIF ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_valid_file_per_repository_and_a_list_of_them() -> None:
    files = folder("sarif", fleets.five())
    index = json.loads(files.pop("index.json"))
    assert [entry["repository"] for entry in index] == [a.target.name for a in fleets.five().repositories()]
    assert {entry["file"] for entry in index} - {None} == set(files)
    for content in files.values():
        sarif_validator().validate(json.loads(content))
        assert json.loads(content)["runs"][0]["automationDetails"]["id"] == "auditor/audit/"


def test_what_was_not_audited_has_no_file_that_would_close_its_alerts() -> None:
    index = json.loads(folder("sarif", fleets.five())["index.json"])
    (missed,) = [entry for entry in index if entry["failure"]]
    assert (missed["repository"], missed["file"], missed["failure"]["stage"]) == ("billing", None, "fetch")


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_per_use_and_one_for_what_was_not_audited() -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", fleets.five()))))
    uses = sum(len(i.uses) for a in fleets.five().audited if a.report for i in a.report.images)
    assert len(rows) == uses + 1
    assert all(set(row) == set(COLUMNS) for row in rows)
    (missed,) = [row for row in rows if row["repository"] == "billing"]
    assert missed["reason"].startswith("not audited: fetch: ")
    assert missed["verdict"] == ""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: ascii(attack)[:40])
def test_no_cell_is_a_formula_or_a_second_line(attack: str) -> None:
    told = text("csv", fleets.hostile(attack))
    for row in csv.reader(io.StringIO(told)):
        assert len(row) == len(COLUMNS)
        for cell in row:
            assert cell.isprintable()
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "|", "::"))


# ── Summaries ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def summaries(*images: Image, findings: tuple[Any, ...] = ()) -> list[Any]:
    report = Report(run=samples.run("audit", base=None), images=images, findings=findings)
    return list(statements(report, "https://github.com/acme/shop.git#clusters/prod", samples.HEAD))


def one(verdict: Verdict, reference: str = "ghcr.io/acme/api:2.1", **more: object) -> Image:
    return samples.image(reference, verdict, samples.use(reference, "a.yaml", 3), change=None, **more)  # type: ignore[arg-type]


def test_a_summary_has_what_the_specification_asks_for() -> None:
    (told,) = summaries(one(Verdict.VERIFIED))
    digest = str(samples.digest("ghcr.io/acme/api:2.1"))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert told["subject"] == [{"name": "ghcr.io/acme/api", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    predicate = told["predicate"]
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    assert required <= set(predicate)
    assert predicate["verificationResult"] == "PASSED"
    assert not any(level.startswith("SLSA_") for level in predicate["verifiedLevels"])
    assert predicate["resourceUri"] == (f"pkg:oci/api@sha256%3A{digest[7:]}?repository_url=ghcr.io/acme/api&tag=2.1")
    assert predicate["policy"] == {
        "uri": "https://github.com/acme/shop.git#clusters/prod",
        "digest": {"gitCommit": samples.HEAD},
        "annotations": {"rules": ["images[0]"]},
    }


@pytest.mark.parametrize("verdict", Verdict)
def test_only_verified_passes_and_what_is_not_known_is_not_said(verdict: Verdict) -> None:
    told = [s["predicate"]["verificationResult"] for s in summaries(one(verdict))]
    silent = {Verdict.UNJUDGED, Verdict.EXEMPT}
    assert told == ([] if verdict in silent else ["PASSED" if verdict is Verdict.VERIFIED else "FAILED"])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((Verdict.UNSIGNED,), ["FAILED"]),
        ((Verdict.UNJUDGED,), []),
        ((Verdict.UNJUDGED, Verdict.WRONG_SIGNER), ["FAILED"]),
        ((Verdict.EXEMPT,), ["PASSED"]),
    ],
    ids=str,
)
def test_a_digest_passes_only_under_every_rule_that_asks(others: tuple[Verdict, ...], expected: list[str]) -> None:
    same = samples.digest("same")
    images = [one(Verdict.VERIFIED, digest=same)]
    images += [one(v, f"ghcr.io/acme/api:{n}", digest=same) for n, v in enumerate(others)]
    assert [s["predicate"]["verificationResult"] for s in summaries(*images)] == expected


@pytest.mark.parametrize(
    ("rule", "level", "expected"),
    [
        ("denied-image", Level.ERROR, ["FAILED"]),
        ("policy-failed", Level.ERROR, ["FAILED"]),
        ("policy-not-evaluable", Level.INCOMPLETE, []),
        ("latest-tag", Level.WARNING, ["PASSED"]),
    ],
)
def test_a_verified_image_that_another_rule_refuses_does_not_pass(rule: str, level: Level, expected: list[str]) -> None:
    image = one(Verdict.VERIFIED)
    found = samples.finding_for(image, rule, level, "no")
    assert [s["predicate"]["verificationResult"] for s in summaries(image, findings=(found,))] == expected


def test_nothing_is_said_of_what_has_no_digest() -> None:
    unread = JudgedSignature(Unreadable(Form.SIG, Fault(FaultKind.DENIED, "denied")))
    assert summaries(one(Verdict.NOT_FOUND, digest=None), one(Verdict.UNJUDGED, signatures=(unread,))) == []


@pytest.mark.parametrize("address", ["/srv/git/a b", "git@git.acme.example:shop.git", "https://x/a b<c>", "", "C:\\x"])
def test_the_policy_is_a_uri_whatever_the_address(address: str) -> None:
    report = Report(run=samples.run("audit", base=None), images=(one(Verdict.VERIFIED),))
    (told,) = statements(report, address, None)
    assert re.fullmatch(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*", told["predicate"]["policy"]["uri"])


def test_each_line_of_an_audit_is_a_statement_of_one_repository() -> None:
    lines = [json.loads(line) for line in text("vsa", fleets.five()).splitlines()]
    where = {line["predicate"]["policy"]["uri"] for line in lines}
    assert "https://github.com/acme/shop.git" in where
    assert not any("billing" in uri for uri in where), "nothing is known of what was not audited"


# ── Digest and table ─────────────────────────────────────────────────────────────────────────────────────────────────────


def large() -> fleets.Listed:
    return fleets.Listed(fleets.run(), tuple(fleets.many(300, images=5)), fleets.five().past)


@pytest.mark.parametrize("budget", [4_000, 20_000, 60_000])
def test_the_digest_keeps_to_its_budget_and_says_what_it_left_out(budget: int) -> None:
    told = text("markdown", large(), RenderOptions(budget=budget))
    assert len(told) <= budget
    assert "not shown here" in told or "more" in told
    assert told.startswith("<!-- auditor:v1:audit -->\n### ❌ ")
    assert "could not be audited" in told


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_stays_short_and_tells_how_much_more_there_is(width: int) -> None:
    lines = text("table", large(), RenderOptions(width=width)).splitlines()
    assert max(map(len, lines)) <= width or width == 40
    assert any(re.search(r"and \d+ more that need a look", line) for line in lines)
    assert lines[-1] == "fails (exit 1)"
    assert len(lines) < 400


def test_the_table_names_where_the_details_are() -> None:
    told = text("table", fleets.five(), RenderOptions(details=("audit/index.html",)))
    assert "details: audit/index.html" in told


HEADS: dict[str, tuple[Callable[[], fleets.Listed], str]] = {
    "nothing here": (lambda: fleets.Listed(fleets.run(), ()), "✓ no repository to audit"),
    "clean": (lambda: only("platform"), "✓ 1 repository: nothing fails"),
    "missed": (lambda: only("billing"), "? 1 of 1 repository could not be audited"),
    "early": (
        lambda: replace(only("platform"), run=fleets.run(ended_early="SIGTERM")),
        "? 1 repository: nothing fails; ",
    ),
}


def only(name: str) -> fleets.Listed:
    return fleets.Listed(fleets.run(), tuple(a for a in fleets.five().audited if a.target.name == name))


@pytest.mark.parametrize("name", HEADS)
def test_the_first_line_agrees_with_the_exit_status(name: str) -> None:
    make, expected = HEADS[name]
    assert text("table", make()).startswith(expected)


def test_exit_zero_hides_nothing() -> None:
    failing = fleets.audited("shop", findings=samples.failing().findings, exit_zero=True)
    told = text("table", fleets.Listed(fleets.run(), (failing,)))
    assert told.startswith("✗ 1 of 1 repository fails")
    assert told.endswith("fails (exit 0 by --exit-zero)\n")
