"""`auditor schema`: schemas that are schemas, and that hold for what the program itself reads and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from auditor.cli.schema import SCHEMAS
from auditor.report.render import render
from tests.cli.house import House
from tests.support import samples

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
