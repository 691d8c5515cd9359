"""The example for Argo Workflows against the schema that Argo publishes, with nothing in it that the schema does not name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.interop.stack.programs import TOOLS
from tests.support.schemas import closed

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "argo" / "cronworkflow.yaml"
pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    path = TOOLS / "argo-workflows.schema.json"
    if not path.is_file():
        pytest.skip("no schema of Argo Workflows in .cache/tools: bash .ci/run fetches it")
    schema = closed(json.loads(path.read_text("utf-8")))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(
        {**schema, "oneOf": [{"$ref": "#/definitions/io.argoproj.workflow.v1alpha1.CronWorkflow"}]}
    )


def example() -> Any:
    return yaml.safe_load(EXAMPLE.read_text("utf-8"))


def test_it_is_what_argo_takes(validator: Draft202012Validator) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(example())]
    assert not errors


def _misspell(document: Any) -> None:
    document["spec"]["workflowSpec"]["templates"][1]["retryStrateg"] = {"limit": "3"}


def _number(document: Any) -> None:
    document["spec"]["workflowSpec"]["templates"][1]["retryStrategy"]["limit"] = {}


def _schedule(document: Any) -> None:
    document["spec"]["schedules"] = "17 2 * * *"


def _mount(document: Any) -> None:
    document["spec"]["workflowSpec"]["templates"][2]["container"]["volumeMounts"][0]["path"] = "/x"


@pytest.mark.parametrize("spoil", [_misspell, _number, _schedule, _mount], ids=lambda each: each.__name__.strip("_"))
def test_a_mistake_in_it_would_be_found(validator: Draft202012Validator, spoil: Callable[[Any], None]) -> None:
    document = copy.deepcopy(example())
    spoil(document)
    assert not validator.is_valid(document)
