"""`auditor merge` of files that no part has written: each is refused before anything is recorded, or makes the audit incomplete."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.house import House, Images, Ran
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture

NAMES = [f"team-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def written(shared_images: Images, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Both halves of an audit of six repositories, as documents."""
    folder = tmp_path_factory.mktemp("written")
    made = Estate(House(folder, shared_images), folder)
    for name in NAMES:
        made.own(name, "unsigned")
    told = [("audit", *NAMES, "--no-history", "--shard", f"{index}/2", "-q", "-f", "json") for index in (1, 2)]
    documents = [json.loads(made.house.run(*each, cwd=folder).out) for each in told]
    assert all(document["repositories"] for document in documents)
    return documents


@pytest.fixture
def parts(written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, to be spoiled."""
    return copy.deepcopy(written)


def merge(estate: Estate, *documents: Any) -> Ran:  # noqa: F811 - as above
    files = []
    for number, document in enumerate(documents):
        file = estate.folder / f"part-{number}.json"
        file.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8", "surrogatepass")
        files.append(str(file))
    ran = estate.house.run("merge", *files, "--history", str(estate.history), "-q", "-f", "json", cwd=estate.folder)
    return ran.clean_of_tracebacks()


def test_what_was_written_is_merged(estate: Estate, parts: list[dict[str, Any]]) -> None:  # noqa: F811 - as above
    ran = merge(estate, *parts, copy.deepcopy(parts[0]))
    assert (ran.status, ran.report["run"]["complete"], len(ran.report["repositories"])) == (1, True, 6)


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(document: dict[str, Any]) -> None:
        *way, last = path
        inner: Any = document
        for step in way:
            inner = inner[step]
        inner[last] = to

    return spoil


HUGE = 10**400
WRONG = {
    "another schema": _set("schema", to="auditor/v2"),
    "no schema": _set("schema", to=None),
    "a check": _set("run", "command", to="check"),
    "a shard of nothing": _set("run", "shard", to="0/0"),
    "a shard beyond": _set("run", "shard", to="3/2"),
    "a shard that is huge": _set("run", "shard", to=f"1/{HUGE}"),
    "a shard that is a list": _set("run", "shard", to=[1, 2]),
    "a time that is none": _set("run", "started", to="yesterday"),
    "a time far away": _set("run", "started", to="99999-01-01T00:00:00Z"),
    "a time that is a number": _set("run", "started", to=HUGE),
    "seconds without end": _set("run", "seconds", to=HUGE),
    "seconds that are text": _set("run", "seconds", to="1"),
    "repositories that are an object": _set("repositories", to={}),
    "a repository that is a number": _set("repositories", 0, to=7),
    "a repository without a name": _set("repositories", 0, "name", to=None),
    "a repository of neither": lambda document: document["repositories"][0].update(run=None, failure=None),
    "a failure of no stage": _set("repositories", 0, "failure", to={"stage": "x", "why": "y"}),
    "a verdict that is none": _set("images", 0, "verdict", to="fine"),
    "a digest that is none": _set("images", 0, "digest", to="sha256:0"),
    "uses that are text": _set("images", 0, "uses", to="x"),
    "a line that is huge": _set("images", 0, "uses", 0, "line", to="1" * 5000),
    "a finding of no level": _set("findings", 0, "level", to="fatal"),
    "a finding of nobody's": _set("findings", 0, "repository", to="nobody"),
    "an image of nobody's": _set("images", 0, "repository", to="nobody"),
    "nights of text": _set("nights", to=["x"]),
    "a repository of the other part": lambda document: document["repositories"][0].update(name="elsewhere-0"),
    "a repository twice": lambda document: document["repositories"].append(document["repositories"][0]),
    "renderers that are a list": _set("run", "renderers", to=[]),
    "a tool that is text": _set("tool", to="auditor"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_part_has_written_is_refused(estate: Estate, parts: list[dict[str, Any]], wrong: str) -> None:  # noqa: F811
    WRONG[wrong](parts[0])
    if wrong == "a repository of the other part":
        for name in ("images", "findings", "skipped"):
            parts[0][name] = []
        names = [f"elsewhere-{number}" for number in range(20)]
        parts[0]["repositories"] = [{**parts[0]["repositories"][0], "name": name} for name in names]
    ran = merge(estate, *parts)
    assert (ran.status, ran.out) == (2, ""), ran.err
    assert "help: " in ran.err
    assert len(ran.err) < 3000
    assert not estate.history.exists() or runs(estate.history) == 0, "nothing is recorded"


def runs(history: Path) -> int:
    with closing(sqlite3.connect(history)) as database:
        (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "\x00", "[" * 200_000, '{"a":' * 100_000, "{}", '{"schema": "auditor/v1", "schema": "auditor/v1"}',
     '{"repositories": [' + "1," * 1000, "NaN", '{"run": {"seconds": NaN}}', "\ud800"],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_what_is_no_document_is_refused(estate: Estate, parts: list[dict[str, Any]], text: str) -> None:  # noqa: F811
    ran = merge(estate, text, parts[1])
    assert (ran.status, ran.out, "no result of an audit" in ran.err) == (2, "", True), ran.err


def test_a_part_that_is_there_twice_and_says_two_things(estate: Estate, parts: list[dict[str, Any]]) -> None:  # noqa: F811
    """Of two of the same time nobody can tell which is true; a later one is what the part has done again."""
    other = copy.deepcopy(parts[0])
    name = other["repositories"][0]["name"]
    for each in ("images", "findings"):
        other[each] = [entry for entry in other[each] if entry["repository"] != name]
    for order in ((parts[0], other), (other, parts[0])):
        ran = merge(estate, *order, parts[1])
        assert (ran.status, "something else of part 1/2" in ran.err) == (2, True)
    earlier = copy.deepcopy(other)
    earlier["run"]["started"] = "2020" + earlier["run"]["started"][4:]
    assert merge(estate, earlier, parts[0], parts[1]).status == 2, "another night"


def test_repositories_that_are_left_out_are_missed(estate: Estate, parts: list[dict[str, Any]]) -> None:  # noqa: F811
    """A part that tells of fewer repositories than it had would make the audit look better than it is."""
    left_out = parts[0]["repositories"].pop()["name"]
    for each in ("images", "findings", "skipped"):
        parts[0][each] = [entry for entry in parts[0][each] if entry["repository"] != left_out]
    ran = merge(estate, *parts)
    assert ran.report["run"]["complete"] is False
    assert "do not hold all repositories" in ran.report["run"]["ended_early"]


@pytest.mark.parametrize("path", [("run", "exit"), ("summary", "findings", "error"), ("repositories", 0, "exit")])
def test_what_can_be_derived_is_not_believed(
    estate: Estate,  # noqa: F811 - as above
    parts: list[dict[str, Any]],
    path: tuple[str | int, ...],
) -> None:
    for document in parts:
        _set(*path, to=0)(document)
    ran = merge(estate, *parts)
    assert ran.status == 1
    assert {each["exit"] for each in ran.report["repositories"]} == {1}
