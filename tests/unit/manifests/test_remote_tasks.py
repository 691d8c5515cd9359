"""Tasks, pipelines and steps that a resolver of Tekton fetches: their images stand elsewhere, and nobody is silent about it."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.gap import Gap
from auditor.source.memory import MemoryTree


def gaps(kind: str, spec: str) -> list[Gap]:
    text = f"apiVersion: tekton.dev/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}"
    return list(inventory(MemoryTree({"x.yaml": text.encode()}, "tree"), ManifestSettings()).gaps)


def task(resolver: str, **params: str) -> str:
    given = "".join(f"    - name: {name}\n      value: {value}\n" for name, value in params.items())
    return f"  taskRef:\n    resolver: {resolver}\n    params:\n{given}"


@pytest.mark.parametrize(
    ("spec", "line", "why"),
    [
        (task("hub", name="clone", version="'0.9'"), 11, "the task clone (0.9) by the resolver hub"),
        (task("hub", name="clone"), 9, "the task clone by the resolver hub"),
        (task("git", pathInRepo="t/a.yaml", revision="main"), 11, "the task t/a.yaml (main) by the resolver git"),
        (task("http", url="https://a.example/t"), 9, "the task https://a.example/t by the resolver http"),
    ],
)
def test_a_task_that_a_resolver_fetches_is_a_gap(spec: str, line: int, why: str) -> None:
    (gap,) = gaps("TaskRun", spec)
    assert (gap.rule, gap.place.line) == ("unrendered", line)
    assert gap.why == f"TaskRun x runs {why}: its images are unknown"
    assert gap.help


def test_pipelines_and_steps_are_fetched_too() -> None:
    pipeline = (
        "  pipelineRef: {resolver: git, params: [{name: pathInRepo, value: p.yaml}, {name: revision, value: v1}]}\n"
    )
    step = "  steps:\n  - name: a\n    ref: {resolver: hub, params: [{name: name, value: scan}]}\n"
    assert [gap.why.partition(" by ")[0] for gap in gaps("PipelineRun", pipeline)] == [
        "PipelineRun x runs the pipeline p.yaml (v1)"
    ]
    assert [gap.why.partition(" by ")[0] for gap in gaps("Task", step)] == ["Task x runs the step scan"]


@pytest.mark.parametrize(
    "spec",
    [
        task("cluster", name="clone"),
        task("bundles", bundle="ghcr.io/acme/tasks:1", name="clone"),
        task("git", pathInRepo="x.yaml", revision="main"),
        "  taskRef: {name: clone}\n",
    ],
)
def test_a_task_of_the_cluster_of_a_bundle_or_of_this_tree_is_no_gap(spec: str) -> None:
    assert not gaps("TaskRun", spec)


def test_what_pipelines_as_code_fetches_by_annotations_is_a_gap() -> None:
    text = (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: x\n  annotations:\n"
        '    pipelinesascode.tekton.dev/task: "[clone, ./t/a.yaml]"\n'
        '    pipelinesascode.tekton.dev/task-1: "https://a.example/t.yaml"\n'
        '    pipelinesascode.tekton.dev/pipeline: "t/none.yaml"\n'
        '    pipelinesascode.tekton.dev/max-keep-runs: "5"\nspec: {pipelineRef: {name: x}}\n'
    )
    files = {
        "x.yaml": text.encode(),
        "t/a.yaml": b"apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec: {}\n",
    }
    found = inventory(MemoryTree(files, "tree"), ManifestSettings()).gaps
    assert [(gap.place.line, gap.why.partition(" by an annotation")[0]) for gap in found] == [
        (6, "PipelineRun x runs the task clone"),
        (7, "PipelineRun x runs the task https://a.example/t.yaml"),
        (8, "PipelineRun x runs the pipeline t/none.yaml"),
    ]
