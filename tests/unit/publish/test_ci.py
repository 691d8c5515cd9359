"""What each CI says, and what is believed of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.model.forge import Forge
from auditor.publish.ci import github
from auditor.publish.ci.detect import blob_url, detect
from auditor.publish.ci.job import Job, Revisions, branch, commit, job_name, number, project

BASE, HEAD, MERGE, OTHER = "a" * 40, "b" * 40, "c" * 40, "d" * 40
ZERO = "0" * 40
ACTIONS = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_REPOSITORY": "acme/gitops",
    "GITHUB_SHA": MERGE,
    "GITHUB_WORKFLOW": "Pull request",
    "GITHUB_JOB": "images",
}


def pull_request(head_repository: object = "acme/gitops", number: object = 7) -> dict[str, Any]:
    return {
        "pull_request": {
            "number": number,
            "title": "::error::${{ secrets.X }}",
            "base": {"sha": BASE, "repo": {"full_name": "acme/gitops"}},
            "head": {"sha": HEAD, "ref": "x; rm -rf /", "repo": {"full_name": head_repository, "fork": True}},
        }
    }


def job_of(tmp_path: Path, name: str, event: object, **more: str) -> Job:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    found = detect({**ACTIONS, "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file), **more})
    assert found is not None
    return found


# ── GitHub Actions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pull_request_is_its_merge_against_its_first_parent(tmp_path: Path) -> None:
    found = job_of(tmp_path, "pull_request", pull_request())
    assert found == Job(
        ci="GitHub Actions",
        forge=Forge.GITHUB,
        api="https://api.github.com",
        project="acme/gitops",
        name="Pull-request/images",
        pull_request=7,
        revisions=(Revisions(f"{MERGE}^1", MERGE, (f"{MERGE}^2", HEAD)), Revisions(BASE, HEAD)),
        commit=HEAD,
        heads=(HEAD, MERGE),
    )


@pytest.mark.parametrize(
    ("theirs", "fork"), [("acme/gitops", False), ("stranger/gitops", True), (None, True), ({"x": 1}, True)]
)
def test_a_fork_is_another_repository_or_one_that_is_gone(tmp_path: Path, theirs: object, fork: bool) -> None:
    assert job_of(tmp_path, "pull_request", pull_request(theirs)).fork is fork
    gone = pull_request()
    gone["pull_request"]["head"]["repo"] = None
    assert job_of(tmp_path, "pull_request", gone).fork


def test_pull_request_target_runs_on_the_target_branch(tmp_path: Path) -> None:
    found = job_of(tmp_path, "pull_request_target", pull_request("stranger/gitops"), GITHUB_SHA=OTHER)
    assert found.revisions == (Revisions(OTHER, HEAD), Revisions(BASE, HEAD))
    assert found.fork
    assert found.heads == (HEAD,)


def test_a_merge_queue(tmp_path: Path) -> None:
    found = job_of(tmp_path, "merge_group", {"merge_group": {"base_sha": BASE, "head_sha": MERGE}})
    assert found.revisions == (Revisions(BASE, MERGE),)
    assert (found.pull_request, found.fork) == (None, False)


def test_a_push(tmp_path: Path) -> None:
    event = {"before": BASE, "after": HEAD, "repository": {"default_branch": "main"}}
    found = job_of(tmp_path, "push", event)
    assert (found.revisions, found.whole) == ((Revisions(BASE, HEAD),), "origin/main")
    created = job_of(tmp_path, "push", {**event, "before": ZERO})
    assert (created.revisions, created.whole, created.commit) == ((), "origin/main", HEAD)
    odd = job_of(tmp_path, "push", {**event, "before": ZERO, "repository": {"default_branch": "--upload-pack=x"}})
    assert odd.whole == "HEAD"


def test_a_second_workflow(tmp_path: Path) -> None:
    event = {
        "workflow_run": {
            "head_sha": HEAD,
            "head_branch": "change",
            "head_repository": {"owner": {"login": "stranger-1"}},
            "pull_requests": [],
        }
    }
    found = job_of(tmp_path, "workflow_run", event, GITHUB_SHA=OTHER)
    assert (found.commit, found.heads, found.source, found.relayed) == (HEAD, (HEAD,), "stranger-1:change", True)
    assert "give --base and --head" in found.blind
    event["workflow_run"]["head_branch"] = "x&state=all y"
    assert job_of(tmp_path, "workflow_run", event).source == ""


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch", "release", ""])
def test_other_events_are_about_no_change(tmp_path: Path, name: str) -> None:
    found = job_of(tmp_path, name, {"schedule": "0 3 * * *"})
    assert (found.revisions, found.blind, found.whole) == ((), "", "")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "[" * 100_000])
@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "merge_group"])
def test_a_change_whose_event_cannot_be_read_is_never_taken_for_no_change(
    tmp_path: Path, name: str, content: str
) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    for path in (str(file), str(tmp_path / "none"), str(tmp_path), "", "a\0b"):
        found = detect({**ACTIONS, "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": path})
        assert found is not None
        assert found.blind


@pytest.mark.parametrize("sha", ["main", "", None, 5, "A" * 39, "g" * 40, ZERO, f"{BASE}\n", "--help", ["x"]])
def test_a_change_whose_commits_are_none_is_blind(tmp_path: Path, sha: object) -> None:
    event = pull_request()
    event["pull_request"]["base"]["sha"] = sha
    assert job_of(tmp_path, "pull_request", event, GITHUB_SHA="").blind


def test_an_event_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "DEFAULT", replace(DEFAULT, event_bytes=100))
    assert job_of(tmp_path, "pull_request", pull_request()).blind


# ── the others ───────────────────────────────────────────────────────────────────────────────────────────────────────────

GITEA = {**ACTIONS, "GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.acme.example"}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_API_V4_URL": "https://gitlab.acme.example/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_PROJECT_URL": "https://gitlab.acme.example/acme/gitops",
    "CI_COMMIT_SHA": HEAD,
    "CI_JOB_NAME": "images: [prod]",
    "CI_DEFAULT_BRANCH": "main",
}
REQUEST = {
    **GITLAB,
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": BASE,
    "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
}
PIPELINES = {
    "BITBUCKET_BUILD_NUMBER": "9",
    "BITBUCKET_COMMIT": HEAD,
    "BITBUCKET_WORKSPACE": "acme",
    "BITBUCKET_REPO_SLUG": "gitops",
}
JENKINS = {
    "JENKINS_URL": "https://ci.acme.example/",
    "CHANGE_ID": "7",
    "CHANGE_TARGET": "main",
    "CHANGE_URL": "https://github.com/acme/gitops/pull/7",
    "GIT_COMMIT": HEAD,
}


def found_in(variables: Mapping[str, str]) -> Job:
    job = detect(variables)
    assert job is not None
    return job


def test_gitea_s_actions_are_not_github_s(tmp_path: Path) -> None:
    found = job_of(
        tmp_path, "pull_request", pull_request(), GITEA_ACTIONS="true", GITHUB_SERVER_URL="https://git.acme.example"
    )
    assert (found.forge, found.api) == (Forge.GITEA, "https://git.acme.example/api/v1")
    assert found.pull_request == 7
    assert found_in({**GITEA, "GITHUB_SERVER_URL": ""}).api == "", "no token goes to github.com by mistake"


def test_a_merge_request() -> None:
    found = found_in(REQUEST)
    assert (found.forge, found.api, found.project) == (Forge.GITLAB, "https://gitlab.acme.example/api/v4", "42")
    assert (found.revisions, found.pull_request, found.fork) == ((Revisions(BASE, HEAD),), 7, False)
    merged = found_in({**REQUEST, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": OTHER})
    assert merged.revisions == (Revisions(OTHER, HEAD),)
    assert found_in({**REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "43"}).fork
    assert found_in({**REQUEST, "CI_MERGE_REQUEST_DIFF_BASE_SHA": ""}).blind


def test_a_push_to_gitlab() -> None:
    push = {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BEFORE_SHA": BASE}
    assert found_in(push).revisions == (Revisions(BASE, HEAD),)
    created = found_in({**push, "CI_COMMIT_BEFORE_SHA": ZERO})
    assert (created.revisions, created.whole) == ((), "origin/main")
    nightly = found_in({**push, "CI_PIPELINE_SOURCE": "schedule"})
    assert (nightly.revisions, nightly.whole, nightly.blind) == ((), "", "")


def test_bitbucket_pipelines() -> None:
    found = found_in({**PIPELINES, "BITBUCKET_PR_ID": "7", "BITBUCKET_PR_DESTINATION_COMMIT": BASE})
    assert (found.forge, found.project, found.revisions) == (Forge.BITBUCKET, "acme/gitops", (Revisions(BASE, HEAD),))
    assert found_in({**PIPELINES, "BITBUCKET_PR_ID": "7"}).blind
    assert found_in(PIPELINES).revisions == ()


@pytest.mark.parametrize(
    ("url", "forge", "api", "name"),
    [
        ("https://github.com/acme/gitops/pull/7", Forge.GITHUB, "https://api.github.com", "acme/gitops"),
        ("https://git.acme.example/acme/gitops/pull/7", Forge.GITHUB, "https://git.acme.example/api/v3", "acme/gitops"),
        (
            "https://gitlab.com/acme/platform/gitops/-/merge_requests/7",
            Forge.GITLAB,
            "https://gitlab.com/api/v4",
            "acme%2Fplatform%2Fgitops",
        ),
        ("https://git.acme.example/acme/gitops/pulls/7", Forge.GITEA, "https://git.acme.example/api/v1", "acme/gitops"),
        (
            "https://bitbucket.org/acme/gitops/pull-requests/7",
            Forge.BITBUCKET,
            "https://api.bitbucket.org",
            "acme/gitops",
        ),
        (
            "https://git.acme.example/bitbucket/projects/ACME/repos/gitops/pull-requests/7/overview",
            Forge.BITBUCKET_SERVER,
            "https://git.acme.example/bitbucket",
            "ACME/gitops",
        ),
        ("https://git.acme.example/x", None, "", ""),
        ("https://user@evil.example/acme/gitops/pull/7", None, "", ""),
        ("javascript:/acme/gitops/pull/7", None, "", ""),
        ("https://[", None, "", ""),
        ("", None, "", ""),
    ],
)
def test_jenkins_names_the_forge_by_the_address_of_the_change(
    url: str, forge: Forge | None, api: str, name: str
) -> None:
    found = found_in({**JENKINS, "CHANGE_URL": url})
    assert (found.forge, found.api, found.project) == (forge, api, name)
    assert (found.revisions, found.pull_request) == ((Revisions("origin/main", HEAD),), 7)


def test_jenkins_forks_and_branches() -> None:
    assert found_in({**JENKINS, "CHANGE_FORK": "stranger"}).fork
    assert not found_in(JENKINS).fork
    assert found_in({**JENKINS, "CHANGE_TARGET": "--upload-pack=touch"}).blind
    assert found_in({"JENKINS_URL": "https://ci.acme.example/"}).revisions == ()


def test_elsewhere_nobody_is_asked() -> None:
    assert detect({}) is None
    assert detect({"CI": "true", "GITHUB_REPOSITORY": "acme/gitops"}) is None


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", ["..", "a/..", "../x", "a", "a/b c", "a/b?x", "a/b#x", "a/%2e%2e", "a//b", "/a/b", "a/b\n", 5, None]
)
def test_what_is_no_repository(text: object) -> None:
    assert project(text) == ""


@pytest.mark.parametrize(
    "text", ["-x", "a..b", "a b", "a:b", "a~1", "a^", "a\n", "a.lock", "a//b", "/a", "a/", "@{-1}", "", None]
)
def test_what_is_no_branch(text: object) -> None:
    assert branch(text) == ""


@pytest.mark.parametrize("text", ["feature/x-1", "release-1.2", "renovate/ghcr.io-acme-api-2.x", "main"])
def test_what_is_a_branch(text: str) -> None:
    assert branch(text) == text


@pytest.mark.parametrize("text", [0, -1, "0", "07", "1.0", "x", "\u0661", True, None, "9" * 11, 1.5])
def test_what_is_no_number(text: object) -> None:
    assert number(text) is None


def test_what_is_a_commit() -> None:
    assert commit("A" * 40) == "a" * 40
    assert commit("a" * 64)
    assert not commit("a" * 41)


def test_job_names_hold_nothing_odd() -> None:
    assert job_name("Pull request", "a/b --> <x>") == "Pull-request/a-b----x-"
    assert job_name("", None) is None


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        (ACTIONS, f"https://github.com/acme/gitops/blob/{HEAD}"),
        (GITEA, f"https://git.acme.example/acme/gitops/src/commit/{HEAD}"),
        (GITLAB, f"https://gitlab.acme.example/acme/gitops/-/blob/{HEAD}"),
        (
            {**PIPELINES, "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.org/acme/gitops"},
            f"https://bitbucket.org/acme/gitops/src/{HEAD}",
        ),
        ({}, None),
    ],
)
def test_where_files_are_shown(variables: Mapping[str, str], address: str | None) -> None:
    assert blob_url(variables, HEAD) == address
    assert blob_url(variables, "not-a-commit") is None
