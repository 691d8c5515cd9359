"""`auditor report` and `auditor publish`, from the files that `auditor check` left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.report.render import render
from fixtures.forges import BitbucketServer, GitHubForge, GitLabForge
from tests.cli.house import House
from tests.support import samples
from tests.support.forges import HEAD, NUMBER, later
from tests.support.hostile import ATTACKS


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "result.json"
    file.write_text(render(samples.failing(), "json"))
    return file


def actions(forge: GitHubForge, tmp_path: Path, name: str = "pull_request", event: Any = None) -> dict[str, str]:
    file = tmp_path / "event.json"
    ours = {"full_name": "acme/gitops"}
    pull = {"number": NUMBER, "base": {"sha": samples.BASE, "repo": ours}, "head": {"sha": HEAD, "repo": ours}}
    file.write_text(json.dumps(event or {"pull_request": pull}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_API_URL": forge.url,
        "GITHUB_REPOSITORY": "acme/gitops",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_TOKEN": forge.token,
        "GITHUB_WORKFLOW": "check",
        "GITHUB_JOB": "images",
    }


def test_a_saved_run_in_another_format_has_the_same_exit_status(house: House, saved: Path) -> None:
    ran = house.run("report", str(saved), "-f", "markdown")
    assert (ran.status, ran.out) == (1, render(samples.failing(), "markdown"))
    assert json.loads(house.run("report", str(saved), "-f", "json").out) == json.loads(saved.read_text())
    saved.write_text(render(samples.clear(), "json"))
    assert house.run("report", str(saved)).status == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "auditor/v2"}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_result_is_exit_2(house: House, saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    for command in (("report",), ("publish", "--forge", "github", "--repository", "acme/gitops")):
        ran = house.run(command[0], str(saved), *command[1:]).clean_of_tracebacks()
        assert ran.status == 2
        assert "is no result of version 1" in ran.err
    assert house.run("report", str(saved.parent)).status == 2
    assert house.run("report", "none.json").status == 2


def test_a_pull_request_s_job_publishes_where_its_ci_says(house: House, saved: Path, tmp_path: Path) -> None:
    with GitHubForge() as forge:
        ran = house.run("publish", str(saved), environ=actions(forge, tmp_path)).clean_of_tracebacks()
        assert (ran.status, ran.out) == (1, ""), "the verdict's exit status"
        assert ran.err.splitlines() == ["github: comment created", "github: summary created"]
        (body,) = forge.bodies(NUMBER)
        assert body.startswith("<!-- auditor:v1:check/images -->\n")
        assert f"https://github.com/acme/gitops/blob/{HEAD}/apps/api/kustomization.yaml#L14" in body
        saved.write_text(render(later(samples.clear(), 1), "json"))
        assert house.run("publish", str(saved), environ=actions(forge, tmp_path)).status == 0
        assert len(forge.bodies(NUMBER)) == 1


def test_without_the_right_to_comment_annotations_and_the_summary_say_it(
    house: House, saved: Path, tmp_path: Path
) -> None:
    """A change from a fork: its token may read, and the verdict counts all the same."""
    with GitHubForge() as forge:
        forge.fail("/comments$", 403, method="POST", body={"message": "Resource not accessible by integration"})
        ran = house.run("publish", str(saved), environ=actions(forge, tmp_path))
        assert ran.status == 1
        assert "comment failed" in ran.err
        assert "second workflow" in ran.err
        assert "::error file=apps/api/kustomization.yaml" in ran.out
        assert "2 of 5 new images fail" in (tmp_path / "summary.md").read_text("utf-8")
        strict = house.run("publish", str(saved), "--strict", environ=actions(forge, tmp_path))
        assert strict.status == 2
        without = {**actions(forge, tmp_path), "GITHUB_TOKEN": ""}
        ran = house.run("publish", str(saved), environ=without)
        assert (ran.status, "there is no token" in ran.err) == (1, True)


def test_the_second_workflow_publishes_what_the_first_left(house: House, saved: Path, tmp_path: Path) -> None:
    head = {"head_sha": HEAD, "head_branch": "change", "head_repository": {"owner": {"login": "stranger"}}}
    with GitHubForge() as forge:
        forge.put_pull(NUMBER, HEAD, "stranger")
        environ = actions(forge, tmp_path, "workflow_run", {"workflow_run": head})
        ran = house.run("publish", str(saved), "--post", "comment", "--post", "status", environ=environ)
        assert ran.status == 1
        assert "this job did not check the result itself" in ran.err
        (body,) = forge.bodies(NUMBER)
        assert "Reported by the change's own job" in body
        assert forge.statuses == []
        saved.write_text(render(samples.clear(), "json").replace(HEAD, "d" * 40))
        ran = house.run("publish", str(saved), environ=environ)
        assert ran.status == 2
        assert "not about the commit" in ran.err
        forced = house.run("publish", str(saved), "--commit", "d" * 40, environ=environ)
        assert forced.status == 2, "the event says which commit, not the caller"
        assert len(forge.bodies(NUMBER)) == 1


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text)[:40])
def test_an_artifact_says_nothing_in_the_log(house: House, tmp_path: Path, attack: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(render(samples.hostile(attack), "json"))
    with GitHubForge() as forge:
        forge.fail("/comments$", 403, body={"message": attack.encode("utf-8", "replace").decode()})
        environ = {**actions(forge, tmp_path, "workflow_dispatch", {}), "GITHUB_SHA": HEAD}
        ran = house.run("publish", str(file), "--pull-request", "7", environ=environ).clean_of_tracebacks()
        assert ran.status in {1, 2}
        for line in ran.err.splitlines():
            assert line.isprintable()
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
        assert forge.token not in ran.out + ran.err


def test_everything_can_be_said_by_options(house: House, saved: Path) -> None:
    with GitLabForge() as forge:
        options = ("--forge", "gitlab", "--api", forge.api, "--repository", "42", "--pull-request", "7")
        environ = {"GITLAB_TOKEN": forge.token}
        ran = house.run("publish", str(saved), *options, "--check-name", "prod", environ=environ)
        assert (ran.status, ran.err) == (1, "gitlab: comment created\n")
        assert forge.bodies(7)[0].startswith("<!-- auditor:v1:prod -->")
    with BitbucketServer() as forge_of_ours:
        twins = {
            "AUDITOR_FORGE": "bitbucket-server",
            "AUDITOR_API": forge_of_ours.url,
            "AUDITOR_REPOSITORY": "ACME/gitops",
            "AUDITOR_COMMIT": HEAD,
            "AUDITOR_FORGE_TOKEN": forge_of_ours.token,
        }
        ran = house.run("publish", str(saved), environ=twins)
        assert (ran.status, ran.err) == (1, "bitbucket-server: report created\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "error: no CI says where the result goes\n  help: name it: --forge"),
        (("--forge", "gitea"), "the address of the forge's API"),
        (("--forge", "github"), "the repository is not known"),
        (("--forge", "github", "--repository", "../x"), "is no repository"),
        (("--forge", "github", "--repository", "acme/gitops", "--pull-request", "0"), "takes a number"),
        (("--forge", "github", "--repository", "acme/gitops", "--commit", "main"), "whole commit name"),
        (("--forge", "github", "--repository", "acme/gitops", "--api", "http://x.example"), "plain HTTP"),
        (("--forge", "github", "--repository", "acme/gitops", "--api", "x.example"), "address of the forge's API"),
    ],
)
def test_what_is_missing_or_wrong_is_exit_2(house: House, saved: Path, options: tuple[str, ...], said: str) -> None:
    ran = house.run("publish", str(saved), *options).clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_the_check_s_result_is_what_is_published(house: House, tmp_path: Path) -> None:
    """The whole way: check a change, keep its JSON, publish it."""
    base = house.commit_base()
    head = house.commit({"new.yaml": house.images.pod("web", "unsigned")})
    file = tmp_path / "kept.json"
    ours = {"full_name": "acme/gitops"}
    event = {"pull_request": {"number": 7, "base": {"sha": base, "repo": ours}, "head": {"sha": head, "repo": ours}}}
    with GitHubForge() as forge:
        environ = actions(forge, tmp_path, event=event)
        checked = house.run("check", ".", "-q", "-f", f"json={file}", environ=environ)
        published = house.run("publish", str(file), environ=environ)
        assert (checked.status, published.status) == (1, 1)
        (body,) = forge.bodies(7)
        assert "1 of 2 new images fail" in body
        assert f"/blob/{head}/new.yaml#L15" in body
