"""`auditor report RESULT.json`: every format of a saved run, the same as the run's own; hostile files are bounded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from auditor.limits import DEFAULT
from auditor.report.json_v1 import render as to_json
from auditor.report.options import RenderOptions
from auditor.report.render import FORMATS
from tests.cli.house import House, Ran
from tests.support.hostile import ATTACKS
from tests.support.samples import hostile


@pytest.fixture
def failing(house: House) -> House:
    """A change with one image that is fine and one that is not."""
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web", "unsigned")})
    return house


def written(house: House, folder: Path, *arguments: str) -> tuple[Ran, dict[str, str]]:
    """Runs a command with every format into a file."""
    files = {name: folder / f"report.{name}" for name in FORMATS}
    ran = house.run(*arguments, "-q", *(f"--format={name}={file}" for name, file in files.items()))
    return ran, {name: file.read_text("utf-8") for name, file in files.items() if file.exists()}


def test_every_format_of_a_saved_run_has_the_bytes_of_the_run(failing: House, tmp_path: Path) -> None:
    direct, one = written(failing, tmp_path / "direct", "check", ".", "--base", "main")
    again, two = written(failing, tmp_path / "again", "report", str(tmp_path / "direct" / "report.json"))
    assert (direct.status, again.status, again.out, again.err) == (1, 1, "", "")
    assert set(one) == set(FORMATS)
    for name in FORMATS:
        assert two[name] == one[name], name


def test_the_verdict_of_a_saved_run_is_computed_anew(failing: House, tmp_path: Path) -> None:
    _, files = written(failing, tmp_path / "direct", "check", ".", "--base", "main")
    told = json.loads(files["json"])
    told["run"].update(exit=0, complete=True)
    told["summary"]["findings"] = dict.fromkeys(told["summary"]["findings"], 0)
    (tmp_path / "lies.json").write_text(json.dumps(told))
    ran = failing.run("report", str(tmp_path / "lies.json"), "-f", "html")
    assert ran.status == 1
    assert "fails (exit 1)" in ran.out


@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_result_is_shown_as_text_in_every_format(house: House, tmp_path: Path, name: str) -> None:
    attack = " ".join(ATTACKS[:60])
    (tmp_path / "result.json").write_text(to_json(hostile(attack), RenderOptions()), encoding="utf-8")
    ran = house.run("report", str(tmp_path / "result.json"), "-f", name).clean_of_tracebacks()
    assert (ran.status, ran.err) == (1, "")
    if name != "html":  # which has line ends of its own style sheet and script
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", ran.out)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "utf-8"),
        (b"[]", "not a JSON object"),
        (b'{"schema": "auditor/v9"}', "schema is 'auditor/v9'"),
        (b"[" * 200_000, "not JSON"),
        (b'{"schema": "auditor/v1", "tool": {"version": "1"}, "run": {}}', "report.run"),
        (b'{"schema": NaN}', "no JSON number"),
        (b"0" * 6000, "not JSON"),
    ],
    ids=["empty", "no UTF-8", "a list", "another version", "nested", "no run", "NaN", "a number without end"],
)
def test_what_is_no_result_is_a_usage_error(house: House, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "result.json").write_bytes(content)
    for command in (["report", "-f", "html"], ["report", "-f", f"html={tmp_path}/out.html"]):
        ran = house.run(*command, str(tmp_path / "result.json")).clean_of_tracebacks()
        assert (ran.status, ran.out) == (2, "")
        assert told in ran.err
        assert "help: " in ran.err
    assert not (tmp_path / "out.html").exists()


def test_a_file_that_is_too_large_or_not_there_or_no_file(house: House, tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(DEFAULT.result_bytes + 1)
    for path in ("large.json", "nothing.json", "."):
        ran = house.run("report", str(tmp_path / path)).clean_of_tracebacks()
        assert ran.status == 2
        assert "help: " in ran.err
