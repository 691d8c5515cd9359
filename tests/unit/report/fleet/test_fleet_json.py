"""JSON of an audit: valid by the schema, sorted over all repositories, and read back with every field checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.model.audit import Audited, Fleet, Shard, fleet_exit
from auditor.model.report import Exit, TrustUsed
from auditor.model.verdict import Verdict
from auditor.report.fleet.census import Census
from auditor.report.fleet.formats import TEXTS
from auditor.report.fleet.json_read import InvalidReport, SavedFleet, read_fleet
from auditor.report.fleet.json_v1 import Draft
from auditor.report.json_read import read_report
from auditor.report.options import RenderOptions
from tests.support import fleets, samples
from tests.support.schemas import report_validator


def written(fleet: Fleet) -> str:
    return "".join(TEXTS["json"](fleet, RenderOptions()))


def read(tmp_path: Path, text: str, **limits: int) -> SavedFleet:
    path = tmp_path / "audit.json"
    path.write_text(text, encoding="utf-8")
    return read_fleet(path, replace(DEFAULT, **limits))


FLEETS: dict[str, Callable[[], Fleet]] = {
    "five": fleets.five,
    "nothing": lambda: fleets.Listed(fleets.run(previous=None, shard=Shard(3, 4)), ()),
    "hostile": lambda: fleets.hostile("a\x1b[31m\u202e</script>"),
    "many": lambda: fleets.Endless(30, fleets.run(ended_early="--max-time 60 was over")),
}


@pytest.mark.parametrize("name", FLEETS)
def test_valid_by_the_schema_and_read_back_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    fleet = FLEETS[name]()
    text = written(fleet)
    told = json.loads(text)
    report_validator().validate(told)
    assert told["run"]["exit"] == fleet_exit(fleet)
    with read(tmp_path, text) as saved:
        assert written(saved) == text
        assert fleet_exit(saved) == fleet_exit(fleet)
        assert saved.nights() == fleet.nights()


@pytest.mark.parametrize("name", FLEETS)
def test_in_whichever_order_repositories_come_the_document_is_the_same(name: str) -> None:
    fleet = FLEETS[name]()
    with Draft() as draft:
        draft.add_all(sorted(fleet.repositories(), key=lambda each: each.target.name[::-1], reverse=True))
        assert "".join(draft.pieces(fleet)) == written(fleet)
        assert "".join(draft.pieces(fleet)) == written(fleet), "as often as it is asked for"


def test_trust_roots_are_told_in_the_order_of_repositories_and_never_too_many() -> None:
    def resting(number: int) -> Audited:
        plain = fleets.audited(f"team-{number:03}")
        assert plain.report is not None
        trust = tuple(TrustUsed(f"root-{each % 350}", "tuf") for each in (number, number * 7))
        return replace(plain, report=replace(plain.report, run=replace(plain.report.run, trust=trust)))

    every = [resting(number) for number in range(400)]
    expected = list(dict.fromkeys(each.name for one in every for each in one.report.run.trust if one.report))[:100]  # type: ignore[union-attr]
    for some in (every, every[::-1], every[1::2] + every[::2]):
        census = Census()
        for audited in some:
            census.add(audited)
        assert [each.name for each in census.trusts] == expected


def test_what_was_judged_comes_back_whole(tmp_path: Path) -> None:
    fleet = fleets.five()
    with read(tmp_path, written(fleet)) as saved:
        for before, after in zip(fleet.repositories(), saved.repositories(), strict=True):
            assert (after.target, after.commit, after.failure) == (before.target, before.commit, before.failure)
            assert after.exit == before.exit
            if before.report is None:
                assert after.report is None
                continue
            assert after.report is not None
            assert sorted(i.reference for i in after.report.images) == sorted(i.reference for i in before.report.images)
            assert {f.since for f in after.report.findings} == {f.since for f in before.report.findings}
            assert all(image.repository is None for image in after.report.images)


def test_the_worst_first_over_all_repositories() -> None:
    told = json.loads(written(fleets.five()))
    ranks = [Verdict(image["verdict"]).severity if image["verdict"] else 99 for image in told["images"]]
    assert ranks == sorted(ranks)
    assert len({image["repository"] for image in told["images"][:2]}) == 2
    assert [r["name"] for r in told["repositories"]] == sorted(r["name"] for r in told["repositories"])


def test_the_sums_are_those_of_the_entries() -> None:
    told = json.loads(written(fleets.five()))
    assert told["summary"]["images"] == len(told["images"])
    assert sum(told["summary"]["findings"].values()) == len(told["findings"])
    assert sum(r["summary"]["images"] for r in told["repositories"]) == len(told["images"])


def test_each_entry_stands_on_its_own_line() -> None:
    lines = [line.rstrip(",") for line in written(fleets.five()).splitlines()]
    entries = [json.loads(line) for line in lines if line.startswith('{"')]
    told = json.loads(written(fleets.five()))
    assert len(entries) == sum(len(told[name]) for name in ("images", "findings", "skipped", "repositories", "nights"))


def test_a_reader_of_single_runs_reads_it_too() -> None:
    report = read_report(written(fleets.five()))
    assert report.run.command == "audit"
    assert {image.repository for image in report.images} >= {"shop", "platform"}


def test_what_the_document_says_of_itself_is_not_believed(tmp_path: Path) -> None:
    told = json.loads(written(fleets.five()))
    told["run"]["exit"] = 0
    told["summary"]["findings"]["error"] = 0
    for repository in told["repositories"]:
        repository["exit"] = 0
        repository["summary"]["verdicts"] = {"verified": 9}
    with read(tmp_path, json.dumps(told)) as saved:
        assert fleet_exit(saved) is Exit.FINDINGS


def test_the_members_may_stand_in_any_order(tmp_path: Path) -> None:
    told = json.loads(written(fleets.five()))
    with read(tmp_path, json.dumps(dict(reversed(told.items())))) as saved:
        assert len(list(saved.repositories())) == 5


def change(*path: str | int, to: Any) -> str:
    told: Any = json.loads(written(fleets.five()))
    place = told
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return json.dumps(told)


def without(*path: str | int) -> str:
    told: Any = json.loads(written(fleets.five()))
    place = told
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return json.dumps(told)


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "another schema": (lambda: change("schema", to="auditor/v2"), "schema is 'auditor/v2'"),
    "a single run": (lambda: change("run", "command", to="check"), "`auditor check`, which is no audit"),
    "no run": (lambda: without("run"), "run is missing"),
    "a list that is none": (lambda: change("images", to={}), "report.images: expected an array"),
    "an entry that is none": (lambda: change("images", 0, to=7), "expected an object"),
    "an unknown verdict": (lambda: change("images", 0, "verdict", to="fine"), "verdict: expected"),
    "an image of nobody": (lambda: without("images", 0, "repository"), "repository is missing"),
    "an image of an unknown one": (lambda: change("images", 0, "repository", to="?"), "one that is not listed"),
    "a repository twice": (lambda: change("repositories", 2, "name", to="shop"), "stands there twice"),
    "neither run nor failure": (lambda: change("repositories", 1, "failure", to=None), "neither a run nor a failure"),
    "a failure at no stage": (lambda: change("repositories", 1, "failure", "stage", to="x"), "stage: expected"),
    "a day that is none": (lambda: change("findings", 0, "since", to="soon"), "since: expected"),
    "a shard that is none": (lambda: change("run", "shard", to="5/4"), "shard: expected"),
    "a night of nobody": (lambda: change("nights", 0, "verdicts", to={"fine": 1}), "'fine' is unknown"),
    "a negative number": (lambda: change("nights", 0, "images", to=-1), "not negative"),
    "seconds without end": (lambda: written(fleets.five()).replace('"seconds": 61.25', '"seconds": 1e999'), "not JSON"),
    "a number beyond all": (
        lambda: written(fleets.five()).replace('"column": 11', '"column": 1' + "0" * 30),
        "not JSON",
    ),
    "two runs": (
        lambda: written(fleets.five()).replace('"summary"', '"run": {}, "summary"', 1),
        "run stands there twice",
    ),
    "an end too early": (lambda: written(fleets.five())[:-200], "not JSON"),
    "something behind": (lambda: written(fleets.five()) + "{}", "not JSON"),
    "an array": (lambda: "[]", "not a JSON object"),
    "nothing": (lambda: "", "not JSON"),
    "a deep entry": (lambda: change("images", 0, "x", to=json.loads("[" * 60 + "]" * 60)), "nested deeper"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_is_no_audit_is_refused_with_the_field(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(InvalidReport) as caught:
        read(tmp_path, make())
    assert message in str(caught.value)


@pytest.mark.parametrize("cut", range(0, 4000, 397))
def test_a_document_that_was_cut_anywhere_is_refused(cut: int, tmp_path: Path) -> None:
    with pytest.raises(InvalidReport):
        read(tmp_path, written(fleets.five())[:cut])


def test_an_entry_may_not_fill_the_memory(tmp_path: Path) -> None:
    text = change("images", 0, "reason", to="x" * 3_000_000)
    with pytest.raises(InvalidReport, match="larger than 1 MiB"):
        read(tmp_path, text, audit_entry_bytes=1 << 20)


def test_many_small_entries_may_be_more_than_one_may(tmp_path: Path) -> None:
    text = written(fleets.Endless(20, fleets.run()))
    assert len(text) > 400_000
    with read(tmp_path, text, audit_entry_bytes=100_000) as saved:
        assert len(list(saved.repositories())) == 20


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    told = json.loads(written(fleets.five()))
    told = {"first": {"images": [1, {"a": []}]}, **told, "last": [[[]]], "n": None}
    told["images"][0]["added"] = told["repositories"][0]["added"] = {"deep": [1.5]}
    with read(tmp_path, json.dumps(told)) as saved:
        assert written(saved) == written(fleets.five())


def test_a_failure_is_told_and_incomplete() -> None:
    told = json.loads(written(fleets.Listed(fleets.run(), (failed(),))))
    assert told["run"]["exit"] == 3
    assert not told["run"]["complete"]
    assert told["repositories"][0]["failure"]["stage"] == "fetch"
    assert told["repositories"][0]["run"] is None


def failed() -> Audited:
    return next(a for a in fleets.five().audited if a.failure)


def test_exit_zero_is_said_and_hides_nothing() -> None:
    one = fleets.audited("shop", findings=samples.failing().findings, exit_zero=True)
    told = json.loads(written(fleets.Listed(fleets.run(), (one,))))
    assert (told["run"]["exit"], told["run"]["exit_zero"]) == (0, True)
    assert told["summary"]["findings"]["error"] == 2
