"""`--fetch-charts` and `--render` from the command line: what a run fetches, tells, and leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.charts import Repository, repository
from tests.support.renderers import TOOLS, renderers

RELEASE = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web}}
spec:
  source:
    repoURL: {url}
    chart: web
    targetRevision: 1.x
"""


def run(folder: Path, *arguments: str, path: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")]) if path is None else path,
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **variables,
    }
    command = [sys.executable, "-m", "auditor", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


def tree(folder: Path, charts: Repository, listed: str | None = None) -> None:
    (folder / "app.yaml").write_text(RELEASE.format(url=charts.url))
    hosts = charts.authority if listed is None else listed
    (folder / "auditor.yaml").write_text(f'version: 1\nmanifests:\n  charts: ["{hosts}"]\n')


@pytest.mark.interop
def test_images_fetches_only_when_told_to_and_tells_which_version_it_was(tmp_path: Path) -> None:
    renderers("helm")
    with repository() as charts:
        charts.publish("1.2.3", "1.4.0", "2.0.0")
        tree(tmp_path, charts)
        without = json.loads(run(tmp_path, "images", "--format", "json").stdout)
        assert not without["images"]
        assert "chart web (1.x): its images are unknown" in json.dumps(without["skipped"])
        assert charts.asked == []
        done = run(tmp_path, "images", "--fetch-charts", "--format", "json")
        found = json.loads(done.stdout)
        assert [image["reference"] for image in found["images"]] == ["ghcr.io/acme/web:v1.4.0"]
        (use,) = found["images"][0]["uses"]
        assert (use["file"], use["line"], use["via"]) == ("app.yaml", 8, "chart")
        assert not found["skipped"]
        assert f"chart web (1.x) of {charts.url} is 1.4.0 now" in json.dumps(found["run"])
        assert found["run"]["renderers"]["helm"].startswith("v")
        run(tmp_path, "images", "--fetch-charts")
        assert charts.asked.count("/web-1.4.0.tgz") == 1, "the second run has it in its cache"
        assert " 1 entries" in " " + run(tmp_path, "cache", "info").stdout.splitlines()[1]


@pytest.mark.interop
def test_a_host_that_head_adds_to_the_list_is_not_asked(tmp_path: Path) -> None:
    """The rules that judge a change are base's: so is the list."""
    renderers("helm")
    with repository() as charts:
        charts.publish("1.2.3")
        tree(tmp_path, charts, "charts.acme.example")
        (tmp_path / "app.yaml").unlink()
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@acme.example"]
        for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "base"]):
            subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
        tree(tmp_path, charts)
        done = run(tmp_path, "check", "--base", "main", "--fetch-charts", "--offline", "--format", "json")
        assert charts.asked == []
        assert "which is not fetched" in done.stdout
        assert done.returncode == 3


@pytest.mark.interop
def test_timings_tell_what_rendered(tmp_path: Path) -> None:
    renderers("helm")
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    done = run(tmp_path, "check", "--offline", "--timings")
    assert "rendered by helm v" in done.stderr


def test_fetching_without_anything_that_renders_is_a_mistake(tmp_path: Path) -> None:
    done = run(tmp_path, "images", "--fetch-charts", "--render", "never")
    assert done.returncode == 2
    assert "there is no helm to render what is fetched" in done.stderr
    done = run(tmp_path, "images", "--fetch-charts", path="", AUDITOR_HELM="/nowhere/helm")
    assert done.returncode == 2


@pytest.mark.interop
def test_what_comes_from_a_fork_is_not_rendered_unless_required(tmp_path: Path) -> None:
    renderers("helm", "kustomize")
    with repository() as charts:
        charts.publish("1.2.3")
        tree(tmp_path, charts)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@acme.example"]
        for command in (["init", "-q", "-b", "main"], ["add", "auditor.yaml"], ["commit", "-q", "-m", "base"]):
            subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
        base = subprocess.run(
            [*git, "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        for command in (["checkout", "-q", "-b", "change"], ["add", "app.yaml"], ["commit", "-q", "-m", "change"]):
            subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        event = {
            "pull_request": {
                "number": 7,
                "base": {"sha": base.strip(), "ref": "main", "repo": {"full_name": "acme/deploy", "id": 1}},
                "head": {"sha": head.strip(), "ref": "change", "repo": {"full_name": "stranger/deploy", "id": 2}},
            },
            "repository": {"full_name": "acme/deploy", "id": 1, "default_branch": "main"},
        }
        (tmp_path / "event.json").write_text(json.dumps(event))
        actions = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": "acme/deploy",
            "GITHUB_SHA": head.strip(),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_BASE_REF": "main",
        }
        arguments = ["check", "--fetch-charts", "--offline", "--format", "json"]
        done = run(tmp_path, *arguments, path=None, **actions)
        found = json.loads(done.stdout)
        assert charts.asked == []
        assert found["run"]["renderers"] == {"helm": None, "kustomize": None}, done.stderr
        assert "comes from a fork" in json.dumps(found["run"]["notes"])
        found = json.loads(run(tmp_path, *arguments, "--render", "require", path=None, **actions).stdout)
        assert "comes from a fork" not in json.dumps(found["run"]["notes"])
