"""The reference pages name everything that the formats write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.model.verdict import Verdict
from auditor.report.csv_rows import COLUMNS
from auditor.report.json_v1 import SCHEMA_FILE
from auditor.report.render import FORMATS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for value in schema.values():
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def named(page: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", (REFERENCE / page).read_text(encoding="utf-8")))


def test_every_field_and_verdict_is_described() -> None:
    words = named("json.md")
    assert not set(properties(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))) - words
    assert not {verdict.value for verdict in Verdict} - words


def test_every_format_and_column_is_described() -> None:
    words = named("formats.md")
    assert not set(FORMATS) - words
    assert not set(COLUMNS) - words


def test_the_schema_knows_every_verdict() -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert schema["$defs"]["verdict"]["enum"] == [verdict.value for verdict in Verdict]
