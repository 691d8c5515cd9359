"""Waivers and the baseline: they mark, they end, and they hide nothing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from auditor.config.levels import AUDITED
from auditor.config.names import NamePattern
from auditor.config.rules import Rules, Waiver
from auditor.judge.compare import compare
from auditor.judge.judge import Judged, judge
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.report import Report, Run
from auditor.model.verdict import Verdict
from tests.support.judging import API, LOGGED, TODAY, evidence, rules, signed, use


def waiver(rule: str = "unsigned-image", image: str = "ghcr.io/acme/api", until: date = TODAY) -> Waiver:
    return Waiver(NamePattern.parse(image), rule, until, "platform-team", "migrating", line=40)


def waiving(*waivers: Waiver) -> Rules:
    return replace(rules(), waivers=waivers)


def judged(book: Rules, *, base: bool = True, reference: str = API, signed_at_all: bool = False) -> Judged:
    comparison = compare(() if base else None, (use(reference),))
    found = evidence(signed()) if signed_at_all else evidence()
    return judge(comparison, {reference: found}, book, TODAY)


def finding(result: Judged, rule: str) -> Finding | None:
    return next((each for each in result.findings if each.rule == rule), None)


def test_a_waiver_marks_the_finding_and_keeps_the_verdict() -> None:
    result = judged(waiving(waiver()))
    found = finding(result, "unsigned-image")
    assert found is not None
    assert found.waived is not None
    assert (found.waived.owner, found.waived.until, found.waived.reason) == ("platform-team", TODAY, "migrating")
    assert not found.counts
    assert result.images[0].verdict is Verdict.UNSIGNED


@pytest.mark.parametrize("days", [1, 30, 400])
def test_an_ended_waiver_covers_nothing_and_is_told(days: int) -> None:
    result = judged(waiving(waiver(until=TODAY - timedelta(days=days))))
    unsigned, expired = finding(result, "unsigned-image"), finding(result, "waiver-expired")
    assert unsigned is not None
    assert unsigned.counts
    assert expired is not None
    assert expired.level is Level.ERROR
    assert expired.place == Place("auditor.yaml", 40)


def test_an_ended_waiver_with_a_successor_is_not_told() -> None:
    result = judged(waiving(waiver(until=TODAY - timedelta(days=1)), waiver(until=TODAY)))
    assert finding(result, "waiver-expired") is None
    unsigned = finding(result, "unsigned-image")
    assert unsigned is not None
    assert unsigned.waived


@pytest.mark.parametrize(
    "other",
    [
        waiver(rule="wrong-signer"),
        waiver(image="ghcr.io/acme/web"),
        waiver(image="acme/api"),
        waiver(image="ghcr.io/acme/ap"),
        waiver(image="ghcr.io/acme/api:2.1"),
    ],
)
def test_a_waiver_covers_only_what_it_names(other: Waiver) -> None:
    found = finding(judged(waiving(other)), "unsigned-image")
    assert found is not None
    assert found.waived is None


def test_only_a_whole_tree_can_tell_that_a_waiver_is_unused() -> None:
    book = waiving(waiver(image="ghcr.io/acme/gone"))
    assert finding(judged(book), "waiver-unused") is None
    assert finding(judged(book, base=False), "waiver-unused") is not None
    assert finding(judged(waiving(waiver()), base=False), "waiver-unused") is None


def test_an_ended_waiver_of_what_a_change_does_not_deploy_gates_nothing() -> None:
    book = waiving(waiver(until=date(2020, 1, 1)))
    assert finding(judged(book, signed_at_all=True), "waiver-expired") is None


def test_what_makes_a_run_incomplete_can_be_waived() -> None:
    gap = Gap(Place("clusters/prod/chart.yaml"), "helm chart", "not rendered", "unrendered", "clusters/prod")
    book = waiving(waiver("unrendered", "clusters/prod/*.yaml"))
    for by, complete in ((rules(), False), (book, True)):
        findings = judge(compare((), ()), {}, by, TODAY, gaps=(gap,)).findings
        report = Report(Run("check", ".", LOGGED, "0"), findings=findings)
        assert report.complete is complete


def test_the_baseline_knows_a_finding_by_its_fingerprint() -> None:
    first = finding(judged(rules()), "unsigned-image")
    assert first is not None
    book = replace(rules(), baseline=frozenset({first.fingerprint}))
    known = finding(judged(book, base=False), "unsigned-image")
    assert known is not None
    assert known.baseline
    assert not known.counts


def test_what_a_change_newly_deploys_is_in_no_baseline() -> None:
    first = finding(judged(rules()), "unsigned-image")
    assert first is not None
    new = finding(judged(replace(rules(), baseline=frozenset({first.fingerprint}))), "unsigned-image")
    assert new is not None
    assert new.counts


def test_a_new_tag_or_root_is_never_in_the_baseline() -> None:
    first = finding(judged(rules()), "unsigned-image")
    assert first is not None
    book = replace(rules(), baseline=frozenset({first.fingerprint}))
    newer = finding(judged(book, reference="ghcr.io/acme/api:2.2"), "unsigned-image")
    promoted = judge(compare((), (use(root="clusters/dr"),)), {API: evidence()}, book, TODAY)
    for found in (newer, finding(promoted, "unsigned-image")):
        assert found is not None
        assert found.counts


def test_what_counts_comes_first() -> None:
    book = waiving(waiver())
    comparison = compare((), (use(), use("ghcr.io/acme/web:1", container="web")))
    findings = judge(comparison, {API: evidence(), "ghcr.io/acme/web:1": evidence()}, book, TODAY).findings
    assert [each.counts for each in findings] == sorted((each.counts for each in findings), reverse=True)


@pytest.mark.parametrize("rule", sorted(AUDITED))
def test_a_waiver_of_what_only_audits_find_is_never_called_unused(rule: str) -> None:
    """It covers something on some nights, and no single run can tell."""
    assert finding(judged(waiving(waiver(rule=rule)), base=False, signed_at_all=True), "waiver-unused") is None
    other = judged(waiving(waiver(rule="latest-tag")), base=False, signed_at_all=True)
    assert finding(other, "waiver-unused") is not None
