"""The examples of `examples/`: each command that they run is one that the program takes, and each file is what its platform reads."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from auditor.cli.main import parser
from auditor.model.report import Exit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MANIFESTS = sorted([*EXAMPLES.glob("kubernetes/*.yaml"), *EXAMPLES.glob("argo/*.yaml")])
WORKFLOWS = sorted(EXAMPLES.glob("github-actions/*.yaml"))
_COMMAND = re.compile(r"(?:^|[\s/;])auditor (?:audit|merge) (?:(?!;|\|\|)[\s\S])*")
_FILLED_IN = {
    "${{ matrix.part }}": "1",
    "{{inputs.parameters.index}}": "2",
    "$part": "3",
    "$PART": "4",
    "part-*.json": "part-1.json",
}


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]


def containers(node: Any) -> Iterator[dict[str, Any]]:
    """Every container, wherever it stands."""
    match node:
        case {"image": str(), **rest}:
            yield node
            yield from containers(rest)
        case dict():
            for each in node.values():
                yield from containers(each)
        case list():
            for each in node:
                yield from containers(each)
        case _:
            return


def commands(path: Path) -> Iterator[list[str]]:
    """The arguments of each run of the program."""
    if path.suffix == ".service":
        text = path.read_text("utf-8").replace("\\\n", " ")
        (line,) = re.findall(r"^ExecStart=\S+/auditor (.*)$", text, re.MULTILINE)
        yield shlex.split(line)
        return
    for document in documents(path):
        for container in containers(document):
            command, arguments = container.get("command", []), container["args"]
            if command[:1] == ["/bin/sh"]:
                yield from _in_script(arguments[0])
            else:
                yield arguments
        for job in document.get("jobs", {}).values():
            for step in job["steps"]:
                yield from _in_script(step.get("run", ""))


def _in_script(script: str) -> Iterator[list[str]]:
    for name, value in _FILLED_IN.items():
        script = script.replace(name, value)
    for found in _COMMAND.findall(script.replace("\\\n", " ")):
        _, _, arguments = found.strip().partition("auditor ")
        yield shlex.split(arguments)


@pytest.mark.parametrize(
    "path", [*MANIFESTS, *WORKFLOWS, EXAMPLES / "systemd" / "auditor.service"], ids=lambda path: path.name
)
def test_the_program_takes_every_command(path: Path) -> None:
    found = list(commands(path))
    assert found
    for arguments in found:
        options = parser().parse_args(arguments)
        assert options.command in {"audit", "merge"}
        assert options.format, arguments


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_pods_may_do_no_more_than_they_need(path: Path) -> None:
    for document in documents(path):
        for container in containers(document):
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])
        text = yaml.safe_dump(document)
        assert "automountServiceAccountToken: false" in text
        assert "runAsNonRoot: true" in text


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("kubernetes/*.yaml")), ids=lambda path: path.name)
def test_objects_are_what_kubernetes_takes(path: Path) -> None:
    version = kubernetes_validate.latest_version()
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)
    broken = {**document, "spec": {**document["spec"], "podFailurePolice": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, version, strict=True)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("kubernetes/*.yaml")), ids=lambda path: path.name)
def test_what_is_tried_again(path: Path) -> None:
    """Findings and what is incomplete are results: nothing starts anew for them. An internal error and a kill do."""
    for document in documents(path):
        job = document["spec"].get("jobTemplate", document)["spec"]
        pod = job["template"]["spec"]
        assert pod["restartPolicy"] == "Never", "podFailurePolicy needs it"
        codes = {
            code for rule in job["podFailurePolicy"]["rules"] for code in rule.get("onExitCodes", {}).get("values", ())
        }
        assert Exit.USAGE in codes
        assert Exit.INTERNAL not in codes
        script = " ".join(pod["containers"][0]["args"])
        assert {Exit.FINDINGS, Exit.INCOMPLETE} <= codes or "0|1|3) exit 0" in script


def test_all_parts_are_merged() -> None:
    for path in (EXAMPLES / "kubernetes" / "sharded.yaml", EXAMPLES / "argo" / "cronworkflow.yaml"):
        found = [parser().parse_args(each) for each in commands(path)]
        (count,) = {int(each.shard.rpartition("/")[2]) for each in found if each.command == "audit"}
        (merge,) = (each for each in found if each.command == "merge")
        assert merge.parts == [f"/var/lib/auditor/part-{index}.json" for index in range(1, count + 1)]
    (workflow,) = documents(WORKFLOWS[0])
    parts = workflow["jobs"]["part"]["strategy"]["matrix"]["part"]
    assert parts == list(range(1, len(parts) + 1))
    assert f'--shard "$PART/{len(parts)}"' in WORKFLOWS[0].read_text("utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_what_the_forge_reads(path: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", "vendor.github-workflows", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    used = re.findall(r"uses: (\S+)", path.read_text("utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in used)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_units_are_what_systemd_reads(tmp_path: Path) -> None:
    for name in ("auditor.service", "auditor.timer"):
        text = (EXAMPLES / "systemd" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("/opt/auditor/bin/auditor", "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "auditor.service", tmp_path / "auditor.timer"],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "auditor." in line]
    assert not ours, done.stderr
