"""Tasks and templates whose image has a good default, and objects beside them that hand them another one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from auditor.reading import NARROW
from tests.cli.house import House

_TEKTON, _ARGO = "tekton.dev/v1", "argoproj.io/v1alpha1"
_APP = {"name": "app", "value": "wrong"}


def written(version: str, kind: str, name: str, spec: object) -> str:
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})


def task(host: str) -> str:
    steps = [{"name": "s", "image": f"{host}/acme/$(params.app):1.0"}]
    return written(_TEKTON, "Task", "build", {"params": [{"name": "app", "default": "api"}], "steps": steps})


def template(host: str) -> str:
    run = {"name": "m", "container": {"image": f"{host}/acme/{{{{inputs.parameters.app}}}}:1.0"}}
    inputs = {"parameters": [{"name": "app", "default": "api"}]}
    return written(_ARGO, "WorkflowTemplate", "build", {"templates": [run | {"inputs": inputs}]})


def through_a_pipeline() -> dict[str, str]:
    """A run gives a pipeline what the pipeline gives the task."""
    handed = [{"name": "b", "taskRef": {"name": "build"}, "params": [{"name": "app", "value": "$(params.which)"}]}]
    pipeline = {"params": [{"name": "which", "default": "api"}], "tasks": handed}
    run = {"pipelineRef": {"name": "all"}, "params": [{"name": "which", "value": "wrong"}]}
    return {
        "pipeline.json": written(_TEKTON, "Pipeline", "all", pipeline),
        "run.json": written(_TEKTON, "PipelineRun", "all-1", run),
    }


def step(**more: object) -> str:
    called = {"name": "s", "templateRef": {"name": "build", "template": "m"}, **more}
    return written(_ARGO, "Workflow", "w", {"templates": [{"name": "main", "steps": [[called]]}]})


CALLERS: dict[str, tuple[Callable[[str], str], Callable[[], dict[str, str]]]] = {
    "a TaskRun": (
        task,
        lambda: {"r.json": written(_TEKTON, "TaskRun", "r", {"taskRef": {"name": "build"}, "params": [_APP]})},
    ),
    "a matrix": (
        task,
        lambda: {
            "p.json": written(
                _TEKTON,
                "Pipeline",
                "p",
                {
                    "tasks": [
                        {
                            "name": "b",
                            "taskRef": {"name": "build"},
                            "matrix": {"params": [{"name": "app", "value": ["api", "wrong"]}]},
                        }
                    ]
                },
            )
        },
    ),
    "a PipelineRun by its Pipeline": (task, through_a_pipeline),
    "a Workflow by a template": (template, lambda: {"w.json": step(arguments={"parameters": [_APP]})}),
}


@pytest.mark.parametrize("narrow", [(), ("--changed-only",)], ids=["everything", "narrow"])
@pytest.mark.parametrize("name", CALLERS)
def test_what_is_handed_to_a_definition_is_judged(house: House, name: str, narrow: tuple[str, ...]) -> None:
    definition, callers = CALLERS[name]
    house.commit_base({"build.json": definition(house.images.registry.host)})
    house.commit(dict(callers()))
    ran = house.check(*narrow)
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})


def test_a_task_of_another_name_gets_nothing(house: House) -> None:
    house.commit_base({"build.json": task(house.images.registry.host)})
    run = {"taskRef": {"name": "deploy"}, "params": [_APP]}
    house.commit({"r.json": written(_TEKTON, "TaskRun", "r", run)})
    assert house.check().status == 0


def test_what_is_computed_can_be_told_by_nobody(house: House) -> None:
    house.commit_base({"build.json": template(house.images.registry.host)})
    computed = {"name": "app", "valueFrom": {"expression": "'wro' + 'ng'"}}
    house.commit({"w.json": step(arguments={"parameters": [computed]})})
    assert house.check().status == 3


def test_a_definition_that_changes_gets_what_untouched_callers_hand_it(house: House) -> None:
    """The change is read narrowly, and what stands elsewhere is asked all the same."""
    run = {"taskRef": {"name": "build"}, "params": [_APP]}
    old = task("ghcr.io")
    house.commit_base({"tasks/build.json": old, "runs/r.json": written(_TEKTON, "TaskRun", "r", run)})
    house.commit({"tasks/build.json": task(house.images.registry.host)})
    ran = house.check("--changed-only")
    assert any(NARROW in note for note in ran.report["run"]["notes"]), ran.report["run"]["notes"]
    assert (ran.status, ran.verdicts) == (1, {"api": "verified", "wrong": "wrong-signer"})
