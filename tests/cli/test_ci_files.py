"""The CI files that `auditor init` writes: least privileges, pinned, no expression in a script; and GitHub's, run step by step."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from auditor.adopt.forges import PLACES, ForgeKind, ci_file, detect, remote_parts, signing_file, template
from auditor.version import __version__
from tests.cli.house import House
from tests.support import repositories

WORKFLOWS = ("github.yaml", "gitea.yaml", "sign.yaml")
PINNED = re.compile(r"uses: \S+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+")


def parsed(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(template(name).decode())
    return loaded


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in parsed(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
class TestWorkflows:
    def test_every_action_is_pinned_by_commit_with_its_version(self, name: str) -> None:
        lines = [line for line in template(name).decode().splitlines() if "uses:" in line]
        assert lines
        assert all(PINNED.search(line) for line in lines)

    def test_no_expression_is_pasted_into_a_script(self, name: str) -> None:
        scripts = [step["run"] for step in steps(name) if "run" in step]
        assert scripts
        assert not any("${{" in script for script in scripts)

    def test_nothing_of_a_change_is_checked_out(self, name: str) -> None:
        checkouts = [step.get("with", {}) for step in steps(name) if "actions/checkout" in step.get("uses", "")]
        assert checkouts
        assert not any({"ref", "repository"} & set(each) for each in checkouts)

    def test_no_secret_is_given(self, name: str) -> None:
        assert "secrets." not in template(name).decode()


def test_what_github_s_jobs_may_do() -> None:
    workflow = parsed("github.yaml")
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["images"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request" not in workflow["on"], "there the workflow would come from the change"


def test_only_the_signing_job_may_ask_for_an_identity() -> None:
    workflow = parsed("sign.yaml")
    jobs = workflow["jobs"]
    assert workflow["permissions"] == {}
    assert set(workflow["on"]) == {"push"}
    assert {name for name, job in jobs.items() if "id-token" in job["permissions"]} == {"sign"}
    assert not any(
        "build-push" in step.get("uses", "") or "checkout" in step.get("uses", "") for step in jobs["sign"]["steps"]
    )
    scripts = [step["run"] for step in jobs["sign"]["steps"] if "run" in step]
    assert [script.split()[1] for script in scripts] == ["sign", "verify"], "verified after it is signed"
    assert "digest" in jobs["sign"]["env"]["IMAGE"]


@pytest.mark.parametrize("kind", ForgeKind)
def test_each_forge_has_its_file_and_none_is_written_over(kind: ForgeKind) -> None:
    file = ci_file(kind, ())
    assert file is not None
    assert f"=={__version__}" in file.content.decode()
    assert b"@VERSION@" not in file.content
    assert ci_file(kind, PLACES[kind].paths) is None
    second = ci_file(kind, PLACES[kind].paths[:1])
    assert second is None or (second.path != file.path and len(second.then) == 2)


def test_a_signing_workflow_is_not_written_over() -> None:
    file = signing_file(())
    assert file is not None
    assert signing_file((file.path,)) is None


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://github.com/acme/gitops.git", ("github.com", "acme")),
        ("https://me:secret@GitLab.acme.example:8443/Acme/a/b", ("gitlab.acme.example", "acme")),
        ("git@github.com:acme/gitops.git", ("github.com", "acme")),
        ("ssh://git@codeberg.org/acme/gitops", ("codeberg.org", "acme")),
        ("/srv/git/acme", ("", "")),
        ("https://[::1", ("", "")),
        ("https://github.com/a*b/c", ("github.com", "")),
        ("", ("", "")),
    ],
)
def test_what_a_remote_says(url: str, parts: tuple[str, str]) -> None:
    assert remote_parts(url) == parts


@pytest.mark.parametrize(
    ("paths", "host", "kind"),
    [
        ((), "github.com", ForgeKind.GITHUB),
        ((".gitlab-ci.yml",), "git.acme.example", ForgeKind.GITLAB),
        ((".forgejo/workflows/a.yaml",), "", ForgeKind.FORGEJO),
        (("Jenkinsfile",), "", ForgeKind.JENKINS),
        ((".github/workflows/a.yaml",), "gitlab.com", ForgeKind.GITLAB),
        (("a.yaml",), "git.acme.example", None),
    ],
)
def test_which_forge_it_is(paths: tuple[str, ...], host: str, kind: ForgeKind | None) -> None:
    assert detect(paths, host) is kind


# ── GitHub's workflow, run ───────────────────────────────────────────────────────────────────────────────────────────────


class Runner:
    """The steps of GitHub's workflow in a clone of the target branch, with the variables that GitHub sets."""

    def __init__(self, folder: Path, house: House, head: str, base: str) -> None:
        self.clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", "-b", "main", str(house.repo), str(self.clone)], check=True)
        event = folder / "event.json"
        repository = {"full_name": "acme/gitops", "fork": True}
        event.write_text(
            json.dumps(
                {
                    "pull_request": {
                        "number": 7,
                        "base": {"sha": base, "ref": "main"},
                        "head": {"sha": head, "ref": "change", "repo": repository},
                    },
                    "repository": {"full_name": "acme/gitops"},
                }
            )
        )
        programs = Path(sys.executable).parent
        self.environ = house.process_environ(
            {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "pull_request_target",
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_REPOSITORY": "acme/gitops",
                "GITHUB_SHA": base,
                "GITHUB_BASE_REF": "main",
                "GITHUB_WORKFLOW": "auditor",
                "GITHUB_JOB": "images",
                "AUDITOR_RENDER": "never",
                "HEAD": head,
                "TOKEN": "token",
            }
        )

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one step's script as the runner does: bash, ending at the first error."""
        (script,) = (step["run"] for step in steps("github.yaml") if step.get("name") == name)
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.clone,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def test_github_s_workflow_judges_a_change_by_base_s_rules(house: House, tmp_path: Path) -> None:
    """The change brings a wrong signer's image, rules that allow it, and a workflow that would print success."""
    base = house.commit_base()
    house.commit(
        {
            "auditor.yaml": house.images.rules(owner="evil"),
            "new.yaml": house.images.pod("wrong", "web"),
            ".github/workflows/auditor.yaml": "on: pull_request_target\n",
        }
    )
    head = repositories.git(house.repo, "rev-parse", "change").strip()
    repositories.git(house.repo, "config", "uploadpack.allowAnySHA1InWant", "true")
    runner = Runner(tmp_path, house, head, base)
    repositories.git(runner.clone, "update-ref", "-d", "refs/remotes/origin/change")
    assert runner.step("Fetch the change as data").returncode == 0
    judged = runner.step("Judge the images")
    assert judged.returncode == 1, judged.stderr
    report = json.loads((runner.clone / "result.json").read_text())
    verdicts = {image["name"].rpartition("/")[2]: image["verdict"] for image in report["images"] if image["verdict"]}
    assert verdicts == {"wrong": "wrong-signer", "web": "verified"}
    assert repositories.git(runner.clone, "rev-parse", "HEAD").strip() == base, "nothing of the change is checked out"


@pytest.mark.skipif(
    shutil.which("zizmor", path=str(Path(sys.executable).parent)) is None, reason="zizmor is not installed"
)
def test_zizmor_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name in ("github.yaml", "sign.yaml"):
        (folder / name).write_bytes(template(name))
    program = Path(sys.executable).parent / "zizmor"
    done = subprocess.run(
        [str(program), "--offline", "--no-progress", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
