"""Pushes to a branch that is no target: the second one is not judged by what the first one brought."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.house import House, Ran

LOOSE = "version: 1\notherwise: allow\n"


@pytest.fixture
def pushed(house: House) -> tuple[House, str, str]:
    """A first push that loosens the rules and deploys an image that its base refuses, and a second one beside it."""
    base = house.commit_base()
    house.git("update-ref", "refs/remotes/origin/main", base)
    first = house.commit({"auditor.yaml": LOOSE, "wrong.yaml": house.images.pod("wrong")})
    return house, first, house.commit({"web.yaml": house.images.pod("unsigned")})


def on_github(house: House, folder: Path, before: str, after: str, **variables: str) -> Ran:
    event = folder / "event.json"
    repository = {"default_branch": "main"}
    event.write_text(
        json.dumps({"ref": "refs/heads/change", "before": before, "after": after, "repository": repository})
    )
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/gitops",
        "GITHUB_SHA": after,
        **variables,
    }
    return house.run("check", ".", "-f", "json", environ=environ).clean_of_tracebacks()


def on_gitlab(house: House, before: str, after: str, **variables: str) -> Ran:
    environ = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_SOURCE": "push",
        "CI_COMMIT_BEFORE_SHA": before,
        "CI_COMMIT_BRANCH": "change",
        "CI_COMMIT_SHA": after,
        "CI_DEFAULT_BRANCH": "main",
        "CI_PROJECT_ID": "1",
        **variables,
    }
    return house.run("check", ".", "-f", "json", environ=environ).clean_of_tracebacks()


def test_what_the_first_push_brought_is_new_until_it_is_merged(pushed: tuple[House, str, str], tmp_path: Path) -> None:
    house, first, second = pushed
    for ran in (on_github(house, tmp_path, first, second), on_gitlab(house, first, second)):
        assert ran.status == 1
        assert (ran.verdicts["wrong"], ran.verdicts["unsigned"]) == ("wrong-signer", "unsigned")
        assert "rules-changed" in ran.rules


def test_a_pipeline_that_somebody_starts_on_a_branch_is_no_other(pushed: tuple[House, str, str]) -> None:
    house, first, second = pushed
    assert on_gitlab(house, first, second, CI_PIPELINE_SOURCE="web").status == 1


def test_a_protected_branch_is_compared_with_the_commit_before(pushed: tuple[House, str, str], tmp_path: Path) -> None:
    house, first, second = pushed
    github = on_github(house, tmp_path, first, second, GITHUB_REF_PROTECTED="true")
    gitlab = on_gitlab(house, first, second, CI_COMMIT_REF_PROTECTED="true")
    assert github.report["run"]["base"] == gitlab.report["run"]["base"] == first
    assert set(github.verdicts) == set(gitlab.verdicts) == {"unsigned"}


def test_a_clone_without_the_default_branch_is_exit_2(pushed: tuple[House, str, str], tmp_path: Path) -> None:
    house, first, second = pushed
    house.git("update-ref", "-d", "refs/remotes/origin/main")
    for ran in (on_github(house, tmp_path, first, second), on_gitlab(house, first, second)):
        assert (ran.status, "origin/main" in ran.err) == (2, True)
