"""The page that says how to describe a kind of your own, done as it says."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import yaml

from auditor import rulebook
from auditor.config.load import load_rules
from auditor.manifests.inventory import Inventory, inventory
from auditor.model.use import Confidence
from auditor.source.memory import MemoryTree

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "kinds.md").read_text("utf-8")
TABLE, RULES, DEFAULTS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
WIDGET = {
    "apiVersion": "acme.example/v1",
    "kind": "Widget",
    "metadata": {"name": "w"},
    "spec": {"engine": {"image": "nginx"}, "plugins": [{"image": "busybox"}]},
}
ENGINE = {"apiVersion": "acme.example/v1", "kind": "Engine", "metadata": {"name": "e"}, "spec": {"version": "1.2"}}


def read(table: str, made: object) -> Inventory:
    """The images of one object, by rules that name a table as the page writes it."""
    files = {"rules/our-kinds.yaml": table.encode(), "auditor.yaml": f"version: 1\n{RULES}".encode()}
    rules = load_rules(files.get, None, today=date(2026, 11, 20))
    tree = MemoryTree({**files, "object.json": json.dumps(made).encode()}, "tree")
    return inventory(tree, rules.manifests)


def test_five_lines_describe_a_kind() -> None:
    assert len([line for line in TABLE.splitlines() if not line.startswith("#")]) <= 5
    assert {(use.reference, use.confidence) for use in read(TABLE, WIDGET).uses} == {
        ("nginx", Confidence.HIGH),
        ("busybox", Confidence.HIGH),
    }


def test_what_an_operator_deploys_by_itself() -> None:
    (use,) = read(DEFAULTS, ENGINE).uses
    assert (use.reference, use.confidence, use.place.key_path) == (
        "ghcr.io/acme/engine:1.2",
        Confidence.LOW,
        "spec.version",
    )


def test_an_object_that_names_its_image_gets_no_other() -> None:
    named = {**ENGINE, "spec": {"version": "1.2", "image": "ghcr.io/acme/mine:3"}}
    assert [use.reference for use in read(DEFAULTS, named).uses] == ["ghcr.io/acme/mine:3"]


def test_where_the_version_is_missing_nobody_can_tell() -> None:
    found = read(DEFAULTS, {**ENGINE, "spec": {"replicas": 1}})
    assert [use.reference for use in found.uses] == ["ghcr.io/acme/engine:<spec.version>"]
    assert [gap.rule for gap in found.gaps] == ["templated-reference"]
    assert "the operator makes it of the version" in found.gaps[0].why


def test_the_tables_of_the_page_have_the_published_shape() -> None:
    schema = json.loads((rulebook.folder("kinds") / "schema.json").read_text())
    for table in (TABLE, DEFAULTS):
        jsonschema.validate(yaml.safe_load(table), schema)


def test_every_key_of_an_entry_is_on_the_page() -> None:
    schema = json.loads((rulebook.folder("kinds") / "schema.json").read_text())
    for key in schema["properties"]["kinds"]["items"]["properties"]:
        assert f"| `{key}` |" in PAGE, key
