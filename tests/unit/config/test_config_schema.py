"""The JSON schema and the reference say what the loader does."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from auditor.config.keys import RECORDS
from auditor.config.levels import DEFAULT_LEVELS, GRADED
from auditor.config.load import load_rules
from auditor.config.schema import json_schema, reference
from auditor.errors import ConfigurationError
from auditor.model.finding import Level

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "auditor-yaml.md"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
TODAY = date(2026, 8, 10)
GOOD = [
    {"version": 1},
    {
        "version": 1,
        "signers": {"a": {"github": "acme/*", "repository-id": 12}, "b": [{"key": "k.pub"}, {"gitlab": "a/b"}]},
    },
    {"version": 1, "images": {"match": "a.io/b", "unsigned": "allow", "reason": "r"}},
    {"version": 1, "signers": {"a": {"github": "x/y"}}, "images": [{"match": ["a.io/b"], "signed-by": {"all": ["a"]}}]},
    {"version": 1, "trust": ["public-good", {"file": "t.json", "issuers": "https://a.example"}]},
    {"version": 1, "rules": {"latest-tag": "off"}, "otherwise": "warn", "max-waiver-days": 3},
    {"version": 1, "second-opinion": True},
    {"version": 1, "registries": {"a:5000": {"plain-http": True}}, "manifests": {"substitute": {"a": {"B": 3}}}},
]
BAD: list[dict[str, Any]] = [
    {},
    {"version": 2},
    {"version": 1, "imagse": []},
    {"version": 1, "signers": {"a": {}}},
    {"version": 1, "signers": {"a": {"github": "acme/*", "key": "k.pub"}}},
    {"version": 1, "images": {"match": "a.io/b", "unsigned": "deny"}},
    {"version": 1, "images": {"unsigned": "allow"}},
    {"version": 1, "second-opinion": "yes"},
    {"version": 1, "trust": ["public"]},
    {"version": 1, "rules": {"latest-tga": "off"}},
    {"version": 1, "rules": {"unrendered": "off"}},
    {"version": 1, "waivers": {"image": "a.io/b", "rule": "wrong-signer", "owner": "o", "reason": "r"}},
    {"version": 1, "registries": {"a": {"plain-http": "yes"}}},
]


def load(document: dict[str, Any]) -> None:
    files = {"auditor.yaml": json.dumps(document).encode(), "k.pub": b"-----BEGIN PUBLIC KEY-----", "t.json": b"{}"}
    load_rules(files.get, None, today=TODAY)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("document", GOOD)
def test_what_loads_is_valid(document: dict[str, Any]) -> None:
    load(document)
    VALIDATOR.validate(document)


@pytest.mark.parametrize("document", BAD)
def test_what_is_not_valid_does_not_load(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(ConfigurationError):
        load(document)


def test_every_key_is_documented() -> None:
    page = REFERENCE.read_text("utf-8")
    assert page.endswith(reference()), "write the list of keys again: auditor.config.schema.reference()"
    for record in RECORDS.values():
        for name, key in record.keys.items():
            assert key.doc.endswith("."), name
            assert f"`{name}`" in page


def test_the_example_of_the_reference_loads() -> None:
    example = REFERENCE.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    rules = load_rules({"auditor.yaml": example.encode()}.get, None, today=TODAY)
    assert rules.findings == ()
    VALIDATOR.validate(json.loads(json.dumps(yaml.safe_load(example), default=str)))


def test_levels() -> None:
    assert DEFAULT_LEVELS["unsigned-image"] is Level.ERROR
    assert "unjudged-image" not in GRADED
    assert all(rule == rule.lower().strip() for rule in DEFAULT_LEVELS)
