"""What others build and run of this project: read by the programs that judge such files, and run as far as one machine can."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from auditor.cli.completion import SHELLS
from auditor.cli.main import parser
from auditor.cli.man import man
from tests.cli.house import TOP, House, Ran

_BIN = Path(sys.executable).parent
WORKFLOWS = sorted((TOP / ".github" / "workflows").glob("*.yml"))
COMPONENT = TOP / "templates" / "auditor" / "template.yml"
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def loaded(path: Path) -> dict[str, Any]:
    """A YAML mapping; `on` stays text."""
    read = yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - texts only
    assert isinstance(read, dict)
    return read


def judged(*command: str) -> None:
    """A program has nothing to say."""
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tool(name: str) -> str:
    """A program of the locked environment, which a machine of another kind may be without."""
    path = _BIN / name
    if not path.exists():
        pytest.skip(f"{name} is not for this machine")
    return str(path)


# ── read by those who know ───────────────────────────────────────────────────────────────────────────────────────────────


def test_zizmor_finds_nothing_in_the_workflows_and_the_action() -> None:
    judged(tool("zizmor"), "--offline", "--no-progress", "--persona=regular", *map(str, WORKFLOWS), "action.yml")


@pytest.mark.interop
def test_actionlint_finds_nothing_in_the_workflows() -> None:
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("needs actionlint: bash .ci/run builds it")
    judged(actionlint, *map(str, WORKFLOWS))


def test_the_action_and_the_workflows_are_what_their_schemas_say() -> None:
    check = tool("check-jsonschema")
    judged(check, "--builtin-schema", "vendor.github-actions", "action.yml")
    judged(check, "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))


def test_the_component_is_a_pipeline_once_its_inputs_are_filled_in(tmp_path: Path) -> None:
    header, _, body = COMPONENT.read_text().partition("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", body))
    assert used == set(inputs)
    filled = re.sub(
        r"\$\[\[ inputs\.([\w-]+) \]\]",
        lambda found: str(inputs[found[1]].get("default", "registry.acme.example/x")),
        body,
    )
    (tmp_path / "pipeline.yml").write_text(filled)
    judged(
        tool("check-jsonschema"),
        *("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
        str(tmp_path / "pipeline.yml"),
    )


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    judged(tool("hadolint"), "Dockerfile")


def test_pre_commit_takes_the_hooks() -> None:
    judged(tool("pre-commit"), "validate-manifest", ".pre-commit-hooks.yaml")


# ── laws that no linter has ──────────────────────────────────────────────────────────────────────────────────────────────


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Every step of a workflow or an action."""
    read = loaded(path)
    jobs = read["jobs"].values() if "jobs" in read else [read["runs"]]
    for job in jobs:
        yield from job["steps"]


@pytest.mark.parametrize("path", [*WORKFLOWS, TOP / "action.yml"], ids=lambda path: path.name)
def test_no_expression_is_pasted_into_a_script_and_no_action_can_move(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        used = step.get("uses", "./")
        assert used == "./" or _PINNED.fullmatch(used), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_asks_for_nothing_that_its_jobs_do_not_name(path: Path) -> None:
    read = loaded(path)
    assert read["permissions"] == {}
    for name, job in read["jobs"].items():
        assert "permissions" in job, name
        assert int(job["timeout-minutes"]) <= 90


def test_who_signs_runs_nothing_of_the_build_and_never_for_a_pull_request() -> None:
    read = loaded(TOP / ".github" / "workflows" / "release.yml")
    assert read["on"] == {"push": {"tags": ["v*"]}}
    signing = [job for job in read["jobs"].values() if "id-token" in job["permissions"]]
    assert len(signing) == 1
    for step in signing[0]["steps"]:
        assert "checkout" not in step.get("uses", "")
        assert not re.search(r"pip |make |docker build", step.get("run", ""))


def test_nothing_is_released_that_the_auditor_has_not_judged() -> None:
    jobs = loaded(TOP / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["release"]["needs"] == ["audit"]
    assert set(jobs["audit"]["needs"]) == {"image", "sign"}
    scripts = "\n".join(step.get("run", "") for step in jobs["audit"]["steps"])
    assert 'auditor" verify "$IMAGE"' in scripts
    assert "--certificate-identity" in scripts


def test_the_image_is_pinned_and_has_no_root() -> None:
    lines = (TOP / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    froms = [line for line in lines if line.startswith("FROM ")]
    assert froms
    assert all(re.fullmatch(r"FROM \S+:\S+@sha256:[0-9a-f]{64}( AS \w+)?", line) for line in froms)
    last = lines[lines.index(froms[-1]) :]
    assert [line for line in last if line.startswith("USER ")] == ["USER 65532:65532"]
    assert not any("curl" in line or "wget" in line or line.startswith("ADD ") for line in lines)
    assert all("--require-hashes" in line for line in lines if "pip install" in line and "--no-deps" not in line)


def test_the_image_has_the_renderers_that_are_tested() -> None:
    text, run = (TOP / "Dockerfile").read_text(), (TOP / ".ci" / "run").read_text()
    for name, package in {
        "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
        "helm": "helm.sh/helm/v3/cmd/helm",
    }.items():
        version = re.search(rf"tool {name} {re.escape(package)} (v[\d.]+)", run)
        assert version
        assert f"{package}@{version[1]}" in text


def test_everything_that_the_image_copies_is_let_in() -> None:
    ignored = (TOP / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (TOP / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert ignored[0] == "*"
    assert names == {line[1:] for line in ignored[1:] if line.startswith("!")}
    assert all((TOP / name).exists() for name in names)


def test_what_runs_is_locked_as_what_is_tested() -> None:
    def versions(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==(\S+)", (TOP / name).read_text(), re.MULTILINE))

    tested, run = versions("requirements.lock"), versions("requirements-run.lock")
    assert {"sigstore", "cryptography", "hatchling"} <= run.keys()
    assert "pytest" not in run
    assert {name: tested[name] for name in run} == run


def test_what_the_image_copies_is_enough_for_a_wheel_with_its_manual_and_completion(tmp_path: Path) -> None:
    context, out = tmp_path / "context", tmp_path / "out"
    context.mkdir()
    for name in (TOP / ".dockerignore").read_text().splitlines():
        if name.startswith("!"):
            source = TOP / name[1:]
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, context / name[1:], ignore=ignore) if source.is_dir() else shutil.copy(
                source, context
            )
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), "."],
        cwd=context,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.iterdir()
    with ZipFile(wheel) as packed:
        data = {name.partition(".data/data/")[2]: name for name in packed.namelist() if ".data/data/" in name}
        assert packed.read(data["share/man/man1/auditor.1"]).decode() == man(parser())
        assert packed.read(data["share/bash-completion/completions/auditor"]).decode() == SHELLS["bash"](parser())
        assert set(data) == {
            "share/man/man1/auditor.1",
            "share/bash-completion/completions/auditor",
            "share/zsh/site-functions/_auditor",
            "share/fish/vendor_completions.d/auditor.fish",
        }
        assert "auditor/_rules/catalog/unsigned-image.md" in packed.namelist()


# ── run ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Runner:
    """A machine that runs the steps of the action: as bash would there, with the program in place of the installed one."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.temp = house, folder
        self.output = folder / "output"
        program = folder / "auditor" / "bin" / "auditor"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m auditor "$@"\n')
        program.chmod(0o755)
        self.steps = {step["name"]: step for step in loaded(TOP / "action.yml")["runs"]["steps"]}
        self.inputs = {name: each.get("default", "") for name, each in loaded(TOP / "action.yml")["inputs"].items()}

    def run(self, name: str, inputs: Mapping[str, str] | None = None, **environ: str) -> Ran:
        """One step, its inputs given through the environment as the action says."""
        given = self.inputs | dict(inputs or {})
        step = self.steps[name]
        filled = {key: self._filled(value, given) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.house.repo,
            env=self.house.process_environ(
                {"RUNNER_TEMP": str(self.temp), "GITHUB_OUTPUT": str(self.output), **filled, **environ}
            ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _filled(self, value: str, given: Mapping[str, str]) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


@pytest.fixture
def runner(house: House, tmp_path: Path) -> Runner:
    (tmp_path / "runner").mkdir()
    return Runner(house, tmp_path / "runner")


@pytest.mark.parametrize(("image", "status"), [("web", 0), ("unsigned", 1)])
def test_the_action_judges_a_change(runner: Runner, image: str, status: int) -> None:
    house = runner.house
    house.commit_base()
    house.commit({"new.yaml": house.images.pod(image).replace(f"name: {image}", "name: new")})
    ran = runner.run("Judge the images", {"base": "main", "sarif": "auditor.sarif"})
    assert ran.status == status, ran.err
    assert runner.outputs == {"result": f"{runner.temp}/auditor.json", "exit-status": str(status)}
    assert json.loads(Path(runner.outputs["result"]).read_text())["run"]["exit"] == status
    assert (house.repo / "auditor.sarif").exists()


@pytest.mark.parametrize("name", ["base", "head", "path", "config", "render", "fail-on", "sarif"])
def test_an_input_is_a_value_and_never_a_command(runner: Runner, name: str) -> None:
    runner.house.commit_base()
    runner.run("Judge the images", {name: '"; touch owned; $(touch owned) `touch owned` --exit-zero'})
    assert not list(runner.house.repo.rglob("owned"))


def test_an_input_is_no_option_either(runner: Runner) -> None:
    house = runner.house
    house.commit_base({"bad.yaml": house.images.pod("unsigned")})
    assert runner.run("Judge the images", {"path": "--exit-zero"}).status == 2
    assert runner.run("Judge the images", {"base": "--exit-zero"}).status == 2


@pytest.mark.slow
def test_the_hooks_run_what_they_say(house: House) -> None:
    """Without arguments of one's own, in the repository, as pre-commit would run them."""
    house.commit_base()
    house.git("update-ref", "refs/remotes/origin/main", "main")
    house.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    hooks = {each["id"]: each["entry"].split() for each in yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text())}
    assert all(entry[0] == "auditor" for entry in hooks.values())
    for name, entry in hooks.items():
        assert house.program(*entry[1:], environ={"PRE_COMMIT": "1"}).status == 0, name
    house.commit({"new.yaml": house.images.pod("unsigned").replace("name: unsigned", "name: new")})
    assert house.program(*hooks["auditor"][1:]).status == 1
    assert house.images.ref("unsigned") in house.program(*hooks["auditor-images"][1:]).out
    house.commit({"auditor.yaml": "version: 1\nimage: []\n"})
    assert house.program(*hooks["auditor-images"][1:]).status == 2


def test_no_page_and_no_template_shows_an_action_that_can_move() -> None:
    shown = [
        (path.name, used)
        for path in [
            TOP / "README.md",
            *(TOP / "docs").rglob("*.md"),
            *(TOP / "auditor" / "adopt" / "templates").iterdir(),
        ]
        for used in re.findall(r"^ *-? *uses: *(\S+)", path.read_text(), re.MULTILINE)
    ]
    assert len(shown) > 5
    ours = {"OWNER/auditor@COMMIT", "./"}
    pinned = re.compile(rf"(https://github\.com/)?{_PINNED.pattern}")
    assert [each for each in shown if each[1] not in ours and not pinned.fullmatch(each[1])] == []
