"""Runs: what is kept of a night, what a killed one leaves, what a failure breaks, and what grows."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.history.history import open_history
from auditor.history.outcomes import each_outcome
from auditor.history.reading import read_history
from auditor.history.retention import Retention
from auditor.history.store import Store
from auditor.history.texts import packed
from auditor.model.audit import Audited, Failure, Shard, Stage, Target
from auditor.model.finding import Level
from auditor.model.report import Report, TrustUsed
from auditor.model.verdict import Verdict
from auditor.report.fleet.json_v1 import render as fleet_json
from auditor.report.json_read import read_report
from auditor.report.json_v1 import render
from auditor.report.options import RenderOptions
from tests.support import fleets
from tests.support.judging import API
from tests.support.nights import SHOP, audit_run, broken, image, night, record, record_night, report
from tests.support.samples import failing

UNSIGNED = image(Verdict.UNSIGNED)
BROKEN = report(UNSIGNED, findings=[broken(UNSIGNED)])
OTHERS = [Target(name, f"https://git.acme.example/{name}") for name in ("bank", "zoo")]


def since(path: Path, number: int, found: Report | None) -> date | None:
    return {each.rule: each.since for each in record_night(path, number, found)}.get("unsigned-image")


def test_a_report_reads_back_as_it_was_recorded(tmp_path: Path) -> None:
    found = failing()
    run = replace(found.run, command="audit", started=night(0), seconds=0.0, head="c" * 40)
    with open_history(tmp_path / "h.sqlite", now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP], settings="s")
        recording.record(Audited(SHOP, "c" * 40, replace(found, run=run)))
        recording.finish(recording.run)
        (audited,) = recording.fleet().repositories()
    assert audited.target == SHOP
    assert audited.report is not None
    assert audited.report.run == run
    assert sorted(each.fingerprint for each in audited.report.findings) == sorted(
        each.fingerprint for each in found.findings
    )
    assert sorted(audited.report.images, key=lambda each: each.reference) == sorted(
        _plain(found).images, key=lambda each: each.reference
    )


@pytest.mark.parametrize("resumed", [False, True])
def test_what_is_told_at_once_is_what_is_read_in_the_end(tmp_path: Path, resumed: bool) -> None:
    """Byte for byte, the days since when included; in a run that goes on, with the time at which it was begun."""
    path, commit = tmp_path / "h.sqlite", "c" * 40
    one, two = failing(), fleets.five().audited[1].report
    assert two is not None
    trust = (TrustUsed("acme", "tuf", 3), TrustUsed("other", "file"))
    found = [replace(each, run=replace(each.run, command="audit", trust=trust)) for each in (one, two)]
    with open_history(path, now=night(0)) as history:
        begun = history.begin(audit_run(0), OTHERS, settings="s")
        begun.record(Audited(OTHERS[0], commit, found[0]))
        begun.finish(begun.run)
    with open_history(path, now=night(2)) as history:
        recording = history.begin(audit_run(2), OTHERS, settings="s")
    with open_history(path, now=night(2)) as history:
        later = replace(audit_run(2), started=night(2) + timedelta(hours=1))
        recording = history.begin(later if resumed else audit_run(2), OTHERS, settings="s")
        told = []
        for target, each in zip(OTHERS, found, strict=True):
            audited = Audited(target, commit, replace(each, run=replace(each.run, started=later.started)))
            assert recording.record(audited)
            told.append(recording.as_read(audited))
            assert not recording.record(audited), "the second of one run is left out"
        recording.finish(recording.run)
        fleet = recording.fleet()
        assert list(fleet.repositories()) == [_as_json_has_it(each) for each in told]
        assert "".join(fleet_json(fleet, RenderOptions())) == "".join(
            fleet_json(fleets.Listed(fleet.run, told, fleet.nights()), RenderOptions())
        )
        assert [each.target for each in fleet.beside(["bank"])] == [OTHERS[1]]


def _as_json_has_it(audited: Audited) -> Audited:
    """Without what JSON has no member for."""
    assert audited.report is not None
    plain = _plain(audited.report)
    days = {each.fingerprint: each.since for each in audited.report.findings}
    findings = tuple(dataclasses.replace(each, since=days[each.fingerprint]) for each in plain.findings)
    return replace(audited, report=replace(plain, run=replace(plain.run, started=night(2)), findings=findings))


def _plain(found: Report) -> Report:
    """As JSON tells it: what no report needs is not in there."""
    return read_report(render(found, RenderOptions()))


def test_the_age_of_a_finding_outlasts_failures_and_outages(tmp_path: Path) -> None:
    path, first = tmp_path / "h.sqlite", night(0).date()
    assert since(path, 0, BROKEN) == first
    assert since(path, 1, None) is None
    assert since(path, 2, BROKEN) == first
    silent = image(Verdict.UNJUDGED)
    assert since(path, 3, report(silent, findings=[broken(silent, "unjudged-image", Level.INCOMPLETE)])) is None
    assert since(path, 4, BROKEN) == first


def test_a_finding_that_was_gone_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    since(path, 0, BROKEN)
    assert since(path, 1, report(image())) is None
    assert since(path, 2, BROKEN) == night(2).date()


def test_nothing_is_older_than_the_run_that_shows_it(tmp_path: Path) -> None:
    """A clock that went back: what was first seen in the future was seen today."""
    path = tmp_path / "h.sqlite"
    since(path, 50, BROKEN)
    assert since(path, 3, BROKEN) == night(3).date()


def test_a_night_without_changes_writes_no_document_and_no_interval(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    aged = [
        replace(
            BROKEN, run=replace(BROKEN.run, trust=(TrustUsed("public-good", "embedded", 12 + n),), started=night(n))
        )
        for n in range(5)
    ]
    for number, found in enumerate(aged):
        record_night(path, number, found)
    with Store(path) as store:
        for table, rows in {"documents": 1, "outcomes": 1, "sightings": 1, "findings": 1, "results": 5}.items():
            assert store.all(f"SELECT count(*) FROM {table}") == [(rows,)], table  # noqa: S608 - constants
        reports = [next(each_outcome(store, run, night(run - 1))).report for run in range(1, 6)]
    assert [each.run.trust[0].age_days for each in reports if each] == [12, 13, 14, 15, 16]


def killed(path: Path) -> None:
    """A run that recorded one target and one answer, and was never finished."""
    with open_history(path, now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP, *OTHERS], settings="s")
        recording.answer("ground", "key", b"said")
        record(recording, BROKEN, SHOP, night(0).date())
        recording.record(Audited(OTHERS[0], failure=Failure(Stage.FETCH, "no answer")))


@pytest.mark.parametrize(
    ("change", "resumed"),
    [
        ({}, True),
        ({"started": night(0) + timedelta(hours=5)}, True),
        ({"started": night(0) + timedelta(hours=7)}, False),
        ({"started": night(0) - timedelta(seconds=1)}, False),
        ({"version": "2.0"}, False),
        ({"targets": "others"}, False),
        ({"settings": "t"}, False),
        ({"shard": Shard(1, 2)}, False),
    ],
    ids=lambda each: str(sorted(each)) if isinstance(each, dict) else None,
)
def test_a_killed_run_goes_on_only_where_the_same_is_asked(
    tmp_path: Path, change: dict[str, object], resumed: bool
) -> None:
    path = tmp_path / "h.sqlite"
    killed(path)
    settings = str(change.get("settings", "s"))
    run = audit_run(0, **{name: value for name, value in change.items() if name != "settings"})
    with open_history(path, now=night(0)) as history:
        recording = history.begin(run, [SHOP, *OTHERS], settings=settings)
        assert recording.resumed is resumed
        assert list(recording.answers("ground")) == ([("key", b"said")] if resumed else [])
        assert recording.done() == (frozenset(["shop"]) if resumed else frozenset())


def test_a_finished_run_does_not_go_on_and_leaves_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, BROKEN)
    with open_history(path, now=night(0)) as history:
        assert not history.begin(audit_run(0), [SHOP], settings="s").resumed
        assert history.store.all("SELECT count(*) FROM answers") == [(0,)]


def test_a_run_that_ended_early_goes_on_and_tells_what_is_missing_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with open_history(path, now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP, *OTHERS], settings="s")
        record(recording, BROKEN, SHOP, night(0).date())
        recording.answer("g", "k", b"v")
        recording.finish(replace(recording.run, ended_early="--max-time"))
        left = {each.target.name: each.failure for each in recording.fleet().repositories()}
        assert list(left) == ["bank", "shop", "zoo"]
        assert [each.stage for each in left.values() if each] == [Stage.TIME, Stage.TIME]
        assert not recording.fleet().nights()[-1].complete
    with open_history(path, now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP, *OTHERS], settings="s")
        assert recording.resumed
        assert recording.done() == {"shop"}
        assert list(recording.answers("g")) == [("k", b"v")]
        for target in OTHERS:
            record(recording, BROKEN, target, night(0).date())
        recording.finish(recording.run)
        assert [each.failure for each in recording.fleet().repositories()] == [None] * 3
        (only,) = recording.fleet().nights()
        assert (only.complete, only.repositories, only.failed, only.images) == (True, 3, 0, 3)
        assert (only.verdicts, only.findings) == ({Verdict.UNSIGNED: 3}, {Level.ERROR: 3})


def test_the_second_report_of_a_target_is_left_out(tmp_path: Path) -> None:
    with open_history(tmp_path / "h.sqlite", now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP], settings="s")
        recording.record(Audited(SHOP, "c" * 40, BROKEN))
        recording.record(Audited(SHOP, "d" * 40, report(image())))
        recording.record(Audited(SHOP, failure=Failure(Stage.WORKER, "lost")))
        (audited,) = recording.fleet().repositories()
        assert audited.commit == "c" * 40
        assert audited.failure is None


def test_drift_is_measured_against_the_run_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    for number, found in enumerate((BROKEN, None, BROKEN)):
        record_night(path, number, found)
    with open_history(path, now=night(3)) as history:
        assert history.begin(audit_run(3), [SHOP], settings="s").run.previous == night(2)
        assert history.begin(audit_run(3), OTHERS, settings="t").run.previous is None


def test_names_that_no_encoding_holds_are_names(tmp_path: Path) -> None:
    odd = Target("shop\udcff\n", "./shop\udcff")
    with open_history(tmp_path / "h.sqlite", now=night(0)) as history:
        recording = history.begin(audit_run(0), [odd], settings="s")
        strange = image(Verdict.UNJUDGED, reference="ghcr.io/\ud800", digest=None)
        record(recording, report(strange, findings=[broken(strange)]), odd, night(0).date())
        assert recording.done() == {odd.name}
        (audited,) = recording.fleet().repositories()
        assert audited.target == odd


def test_extractions_stay_while_runs_ask_for_them(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    for number in range(20):
        with open_history(path, now=night(number)) as history:
            recording = history.begin(audit_run(number), [SHOP], settings="s")
            if number == 0:
                recording.keep("used", b"1" * 1000)
                recording.keep("unused", b"2")
            assert recording.kept("used") == b"1" * 1000
            assert recording.kept("never") is None
            record(recording, BROKEN, SHOP, night(number).date())
            recording.finish(recording.run)
            stored = {row[0] for row in history.store.all("SELECT key FROM extractions")}
            assert stored == ({"used", "unused"} if number < 14 else {"used"})


def test_several_things_that_were_kept_are_asked_for_at_once(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    for number in range(20):
        with open_history(path, now=night(number)) as history:
            recording = history.begin(audit_run(number), [SHOP], settings="s")
            if number == 0:
                for key in ("one", "other", "broken", "unused"):
                    recording.keep(key, key.encode())
                history.store.all("UPDATE extractions SET content = x'00' WHERE key = 'broken'")
            assert recording.kept_under("other", "never", "broken", "one") == (b"other", None, None, b"one")
            recording.note_use()
            assert recording.kept("one") == b"one"
            record(recording, BROKEN, SHOP, night(number).date())
            recording.finish(recording.run)
            stored = {row[0] for row in history.store.all("SELECT key FROM extractions")}
            assert stored == {"one", "other", "broken"} | ({"unused"} if number < 14 else set())


def test_what_is_damaged_is_never_a_shorter_report(tmp_path: Path) -> None:
    with open_history(tmp_path / "h.sqlite", now=night(0)) as history:
        recording = history.begin(audit_run(0), [SHOP], settings="s")
        recording.record(Audited(SHOP, "c" * 40, BROKEN))
        recording.keep("k", b"x")
        history.store.all("UPDATE documents SET content = ?", (packed(b'{"schema":"auditor/v1"}'),))
        history.store.all("UPDATE extractions SET content = x'00'")
        (audited,) = recording.fleet().repositories()
        assert audited.report is None
        assert audited.failure is not None
        assert recording.kept("k") is None


def test_old_reports_go_and_what_is_so_today_stays(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    small = Retention(runs=2, days=3, unused=1)
    for number in range(8):
        found = report(image(reference=f"ghcr.io/acme/api:{number}"), UNSIGNED, findings=[broken(UNSIGNED)])
        with open_history(path, now=night(number)) as history:
            recording = history.begin(audit_run(number), [SHOP], settings="s")
            record(recording, found, SHOP, night(number).date())
            recording.finish(recording.run, small)
            (audited,) = recording.fleet().repositories()
            assert audited.report is not None
            assert {each.since for each in audited.report.findings if each.rule == "unsigned-image"} == {
                night(0).date()
            }
            store = history.store
            assert store.all("SELECT count(*) FROM documents")[0][0] <= 2
            assert store.all("SELECT count(*) FROM runs") == [(number + 1,)]
    with Store(path) as store:
        assert store.all("SELECT count(*) FROM sightings")[0][0] < 8
        assert store.all("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("wrong", [40_000, -20_000])
def test_one_night_of_a_wrong_clock_drops_nothing(tmp_path: Path, wrong: int) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    record_night(path, 1, report())
    for number in (wrong, 2, 3, 4):
        record_night(path, number, report())
    with Store(path) as store:
        assert store.all("SELECT count(*) FROM sightings") == [(1,)]


@pytest.mark.parametrize("wrong", [40_000, -20_000])
def test_the_age_of_what_came_in_a_night_of_a_wrong_clock(tmp_path: Path, wrong: int) -> None:
    """As soon as there is a night after it: before, nobody can tell which clock is right."""
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    assert since(path, wrong, BROKEN) == night(wrong).date()
    assert since(path, 2, BROKEN) == night(2 if wrong > 0 else 0).date()
    assert since(path, 40, BROKEN) == night(2 if wrong > 0 else 0).date()
    record_night(path, 41, report(image()))
    with read_history(path) as history:
        stays = history.image(API)
    assert len(stays) > 1
    assert all(night(0).date() <= each.since <= night(41).date() for each in stays)
    assert all(each.since <= each.until for each in stays if each.until)
