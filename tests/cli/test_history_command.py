"""`auditor history` over what real recordings left: tables, JSON, and each way to ask for something that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.model.report import Exit
from auditor.model.verdict import Verdict
from tests.support.judging import API, DIGEST, OTHER
from tests.support.nights import image, record_night, report


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three nights: a tag moves in the second, and in the third the repository is not reached."""
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image(), image(Verdict.UNSIGNED, reference="ghcr.io/acme/web:1")))
    record_night(path, 1, report(image(Verdict.UNSIGNED, digest=OTHER), on=1))
    record_night(path, 2, None)
    return path


def ran(history: Path, *arguments: str) -> Exit:
    return main(["history", *arguments], {"AUDITOR_HISTORY": str(history)})


def told(capsys: pytest.CaptureFixture[str], history: Path, *arguments: str) -> Any:
    assert ran(history, *arguments, "-f", "json") is Exit.CLEAN
    return json.loads(capsys.readouterr().out)


def test_show_lists_the_runs(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = told(capsys, history, "show")["runs"]
    assert [(each["run"], each["images"], each["failed"], each["complete"]) for each in runs] == [
        (1, 2, 0, True),
        (2, 1, 0, True),
        (3, 0, 1, False),
    ]
    assert runs[0]["verdicts"] == {"unsigned": 1, "verified": 1}
    assert ran(history, "show") is Exit.CLEAN
    table = capsys.readouterr().out
    assert "2026-11-21T02:00:00Z" in table
    assert "not complete" in table


@pytest.mark.parametrize("text", [API, "ghcr.io/acme/api", str(DIGEST)])
def test_show_finds_an_image_however_it_is_named(history: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    found = told(capsys, history, "show", text)["images"]
    (first, *others) = [each for each in found if each["reference"] == API]
    assert (first["repository"], first["digest"], first["verdict"]) == ("shop", str(DIGEST), "verified")
    assert (first["since"], first["until"]) == ("2026-11-20", "2026-11-20")
    assert [each["digest"] for each in others] == ([] if text.startswith("sha256:") else [str(OTHER)])
    assert [each["until"] for each in others] == [None] * len(others)


def test_show_of_an_image_that_nobody_saw_says_so(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(history, "show", "ghcr.io/acme/nothing") is Exit.CLEAN
    assert capsys.readouterr().out == "no audit has seen such an image\n"


def test_diff_tells_what_two_runs_saw_differently(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, history, "diff", "1", "2")["differences"]
    assert [each["reference"] for each in found] == [API, "ghcr.io/acme/web:1"]
    assert (found[0]["before"]["digest"], found[0]["after"]["digest"]) == (str(DIGEST), str(OTHER))
    assert found[1]["after"] is None
    assert ran(history, "diff", "1", "2") is Exit.CLEAN
    assert f"verified {DIGEST.short}" in capsys.readouterr().out


def test_diff_says_nothing_of_what_a_run_could_not_read(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, history, "diff", "1", "3") == {"differences": []}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diff", "1"], "two runs"),
        (["diff", "1", "x"], "two runs"),
        (["diff", "1", "9"], "no results of run 9"),
        (["show", "a", "b"], "one image"),
        (["compact", "a"], "no argument"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    history: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert ran(history, *arguments) is Exit.USAGE
    message = capsys.readouterr().err
    assert words in message
    assert "help:" in message


@pytest.mark.parametrize("action", ["show", "compact"])
def test_asking_makes_no_history(tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str) -> None:
    path = tmp_path / "none" / "h.sqlite"
    assert ran(path, action) is Exit.USAGE
    assert "there is no history" in capsys.readouterr().err
    assert not path.parent.exists()


@pytest.mark.slow
def test_compact_gives_room_back_and_keeps_what_is_known(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = [image(reference=f"ghcr.io/acme/api:{n}") for n in range(3000)]
    record_night(history, 3, report(*many, on=3))
    for number in range(4, 40):
        record_night(history, number, report(image(), on=number))
    capsys.readouterr()
    before, runs = history.stat().st_size, told(capsys, history, "show")
    assert ran(history, "compact") is Exit.CLEAN
    capsys.readouterr()
    assert history.stat().st_size < before
    assert told(capsys, history, "show") == runs


def test_what_a_repository_wrote_moves_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image(Verdict.UNJUDGED, reference="evil\x1b[2Jimage", digest=None)))
    assert ran(path, "show", "evil\x1b[2Jimage") is Exit.CLEAN
    out = capsys.readouterr().out
    assert "shop" in out
    assert "\x1b" not in out
