"""`auditor schema`: schemas that are schemas, and that hold for what the program itself reads and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from auditor.cli.schema import SCHEMAS
from auditor.errors import ConfigurationError
from auditor.fleet.repositories_file import read_repositories
from auditor.model.audit import Audited, Failure, Stage, Target
from auditor.model.finding import Finding, Level
from auditor.model.report import Exit, Report
from auditor.publish.webhook import summary
from auditor.report.render import render
from tests.cli.house import House
from tests.support import fleets, samples
from tests.support.schemas import closed

ROOT = Path(__file__).resolve().parents[2]


def schema(house: House, name: str) -> Any:
    ran = house.run("schema", name)
    assert (ran.status, ran.err) == (0, "")
    return json.loads(ran.out)


def test_without_a_name_all_are_listed(house: House) -> None:
    ran = house.run("schema")
    assert [line.split()[0] for line in ran.out.splitlines()] == list(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_a_schema_that_refuses_something(house: House, name: str) -> None:
    told = schema(house, name)
    Draft202012Validator.check_schema(told)
    assert told["title"]
    assert not Draft202012Validator(told).is_valid(["no", "such", "thing"])


def test_the_report_schema_holds_for_reports(house: House) -> None:
    validator = Draft202012Validator(schema(house, "report"))
    validator.validate(json.loads(render(samples.failing(), "json")))
    assert not validator.is_valid({"schema": "auditor/v1"})


def test_the_schema_of_the_rules_takes_a_good_file_and_no_misspelt_key(house: House) -> None:
    validator = Draft202012Validator(schema(house, "config"))
    good = {"version": 1, "images": [{"match": "ghcr.io/acme/**", "unsigned": "allow", "reason": "a test"}]}
    validator.validate(good)
    assert not validator.is_valid({**good, "imagse": []})


@pytest.mark.parametrize("file", sorted((ROOT / "rules" / "kinds").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_schema_of_kinds_holds_for_the_shipped_tables(house: House, file: Path) -> None:
    Draft202012Validator(schema(house, "kinds")).validate(yaml.safe_load(file.read_text("utf-8")))


def test_a_name_that_is_none_is_a_usage_error(house: House) -> None:
    ran = house.run("schema", "nope")
    assert ran.status == 2
    assert "config" in ran.err


def test_the_schema_of_the_webhook_holds_for_what_is_posted_and_leaves_no_field_out(house: House) -> None:
    validator = Draft202012Validator(closed(schema(house, "webhook")))
    nothing = summary(fleets.Listed(fleets.run(), ()), Exit.CLEAN)
    moved = Finding("tag-moved", Level.WARNING, "it names another image", "look", image="acme/api:1")
    changed = Audited(Target("acme/api", "x"), "a" * 40, Report(samples.run("audit"), findings=(moved,)))
    lost = Audited(Target("acme/lost", "x"), failure=Failure(Stage.FETCH, "it does not answer"))
    fleet = fleets.Listed(fleets.run(), (*fleets.many(300, images=2), changed, lost))
    for told in (nothing, summary(fleet, Exit.FINDINGS)):
        validator.validate(json.loads(json.dumps(told)))
    assert told["failing"]
    assert told["changed"]
    for field in told:
        assert not validator.is_valid({key: value for key, value in told.items() if key != field}), field
    assert not validator.is_valid(nothing | {"exit": 2})


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        (["github:acme/apps", {"url": "https://git.acme.example/x", "ref": 1.5, "paths": ["a", "b"]}], True),
        ([{"github": "acme", "reff": "main"}], False),
        ([7], False),
        ([], False),
    ],
    ids=["good", "misspelt", "number", "none"],
)
def test_the_schema_of_repositories_agrees_with_the_reader(
    house: House, tmp_path: Path, written: list[Any], fits: bool
) -> None:
    assert Draft202012Validator(schema(house, "repositories")).is_valid({"repositories": written}) is fits
    file = tmp_path / "repositories.json"
    file.write_text(json.dumps({"repositories": written}))
    if fits:
        assert read_repositories(file)
    else:
        with pytest.raises(ConfigurationError):
            read_repositories(file)
