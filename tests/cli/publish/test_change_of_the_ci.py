"""`auditor check` in CI: base and head as the CI names them, and never a change judged by its own rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.house import House, Ran

LOOSE = "version: 1\nimages: [{match: '**', unsigned: allow, reason: trust me}]\n"


def run_in(house: House, tmp_path: Path, name: str, event: Any, sha: str, *more: str, **variables: str) -> Ran:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/gitops",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_SHA": sha,
        **variables,
    }
    return house.run("check", ".", "-f", "json", *more, environ=environ).clean_of_tracebacks()


def event(base: str, head: str, theirs: str = "acme/gitops") -> dict[str, Any]:
    ours = {"full_name": "acme/gitops"}
    return {
        "pull_request": {
            "number": 7,
            "base": {"sha": base, "repo": ours},
            "head": {"sha": head, "repo": {"full_name": theirs}},
        }
    }


def merged(house: House) -> str:
    """What GitHub checks out: the change merged into main."""
    house.git("checkout", "--quiet", "--detach", "main")
    house.git(
        "-c", "user.name=x", "-c", "user.email=x@acme.example", "merge", "--quiet", "--no-ff", "-m", "merge", "change"
    )
    return house.git("rev-parse", "HEAD").strip()


@pytest.fixture
def loosened(house: House) -> tuple[House, str, str]:
    """A change that deploys an unsigned image and loosens the rules."""
    base = house.commit_base()
    head = house.commit({"new.yaml": house.images.pod("web", "unsigned"), "auditor.yaml": LOOSE})
    return house, base, head


def test_a_pull_request_is_judged_by_the_rules_of_its_base(loosened: tuple[House, str, str], tmp_path: Path) -> None:
    house, base, head = loosened
    merge = merged(house)
    ran = run_in(house, tmp_path, "pull_request", event(base, head), merge)
    assert ran.status == 1
    assert ran.verdicts["unsigned"] == "unsigned"
    assert "rules-changed" in ran.rules
    run = ran.report["run"]
    assert (run["head"], run["base"]) == (merge, base)
    assert any("head is the merge" in note for note in run["notes"])


def test_the_change_s_own_commit_serves_where_the_merge_is_not_there(
    loosened: tuple[House, str, str], tmp_path: Path
) -> None:
    house, base, head = loosened
    ran = run_in(house, tmp_path, "pull_request", event(base, head), "f" * 40)
    assert (ran.status, ran.report["run"]["head"], ran.report["run"]["base"]) == (1, head, base)


def test_a_merge_that_is_none_does_not_make_the_change_its_own_judge(house: House, tmp_path: Path) -> None:
    """Were the first parent of the change's last commit taken for the target branch, its own rules would judge it."""
    base = house.commit_base()
    house.commit({"auditor.yaml": LOOSE})
    head = house.commit({"new.yaml": house.images.pod("unsigned")})
    other = house.commit({"x.txt": "x"})
    ran = run_in(house, tmp_path, "pull_request", event(base, head), other)
    assert (ran.status, ran.report["run"]["base"]) == (1, base)


def test_the_base_workflow_reads_the_change_as_data(loosened: tuple[House, str, str], tmp_path: Path) -> None:
    house, base, head = loosened
    house.git("checkout", "--quiet", "main")
    ran = run_in(house, tmp_path, "pull_request_target", event(base, head, "stranger/gitops"), base)
    assert (ran.status, ran.report["run"]["head"]) == (1, head)
    assert ran.report["run"]["renderers"] == {"helm": None, "kustomize": None}


def test_a_clean_change_passes(house: House, tmp_path: Path) -> None:
    base = house.commit_base()
    head = house.commit({"new.yaml": house.images.pod("web")})
    assert run_in(house, tmp_path, "pull_request", event(base, head), merged(house)).status == 0


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "merge_group", "workflow_run"])
def test_a_change_that_cannot_be_told_is_exit_2(house: House, tmp_path: Path, name: str) -> None:
    house.commit_base({"auditor.yaml": LOOSE})
    ran = run_in(house, tmp_path, name, [], "f" * 40)
    assert (ran.status, ran.out) == (2, "")
    assert "--base" in ran.err
    assert run_in(house, tmp_path, name, {}, "").status == 2
    assert run_in(house, tmp_path, name, [], "f" * 40, "--ci", "never").status == 0, "by the tree's own rules, as asked"


def test_history_that_is_missing_is_exit_2_with_what_to_fetch(house: House, tmp_path: Path) -> None:
    house.commit_base()
    head = house.commit({"new.yaml": house.images.pod("web")})
    ran = run_in(house, tmp_path, "pull_request", event("e" * 40, head), "f" * 40)
    assert (ran.status, ran.out) == (2, "")
    assert "fetch" in ran.err


def test_a_merge_queue_and_a_push(loosened: tuple[House, str, str], tmp_path: Path) -> None:
    house, base, head = loosened
    queue = run_in(house, tmp_path, "merge_group", {"merge_group": {"base_sha": base, "head_sha": head}}, head)
    push = run_in(house, tmp_path, "push", {"before": base, "after": head}, head)
    assert (queue.status, push.status) == (1, 1)
    assert queue.verdicts == push.verdicts


def test_a_push_of_a_new_branch_is_judged_whole_by_the_default_branch(
    loosened: tuple[House, str, str], tmp_path: Path
) -> None:
    house, base, head = loosened
    house.git("update-ref", "refs/remotes/origin/main", base)
    pushed = {"before": "0" * 40, "after": head, "repository": {"default_branch": "main"}}
    ran = run_in(house, tmp_path, "push", pushed, head)
    assert ran.status == 1
    assert set(ran.verdicts) == {"api", "web", "unsigned"}, "the whole tree, by the rules of main"
    assert ran.report["run"]["base"] is None
    assert any("by the rules of origin/main" in note for note in ran.report["run"]["notes"])
    gone = run_in(house, tmp_path, "push", {**pushed, "before": "e" * 40}, head)
    assert (gone.status, gone.verdicts) == (1, ran.verdicts)


def test_what_is_asked_for_wins(loosened: tuple[House, str, str], tmp_path: Path) -> None:
    house, base, head = loosened
    ran = run_in(house, tmp_path, "pull_request", event("e" * 40, "e" * 40), "f" * 40, "--base", base, "--head", head)
    assert ran.status == 1
    nightly = run_in(house, tmp_path, "schedule", {"schedule": "0 3 * * *"}, head)
    assert nightly.report["run"]["base"] is None


def test_files_that_the_commit_does_not_hold_are_not_passed_over(house: House, tmp_path: Path) -> None:
    base = house.commit_base()
    head = house.commit({"web.yaml": house.images.pod("web")})
    (house.repo / "rendered").mkdir()
    (house.repo / "rendered" / "pod.yaml").write_text(house.images.pod("unsigned"))
    environ = tmp_path / "event.json"
    environ.write_text(json.dumps(event(base, head)))
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(environ),
        "GITHUB_SHA": "f" * 40,
    }
    ran = house.run("check", "rendered", "-f", "json", environ=variables)
    assert ran.status == 2
    assert "--ci never" in ran.err
    assert house.run("check", "rendered", "-f", "json", "--ci", "never", environ=variables).status == 1


def test_a_folder_beside_the_repository_is_not_taken_for_the_change(house: House, tmp_path: Path) -> None:
    base = house.commit_base()
    head = house.commit({"web.yaml": house.images.pod("web")})
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "pod.yaml").write_text(house.images.pod("unsigned"))
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event(base, head)))
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(file)}
    for path in (str(tmp_path / "loose"), str(tmp_path / "none")):
        ran = house.run("check", path, "-f", "json", environ=variables).clean_of_tracebacks()
        assert (ran.status, ran.out) == (2, "")
    assert "--ci never" in house.run("check", str(tmp_path / "loose"), environ=variables).err


def test_other_cis(loosened: tuple[House, str, str]) -> None:
    house, base, head = loosened
    gitlab = {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": head,
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
    }
    pipelines = {
        "BITBUCKET_BUILD_NUMBER": "1",
        "BITBUCKET_COMMIT": head,
        "BITBUCKET_PR_ID": "7",
        "BITBUCKET_PR_DESTINATION_COMMIT": base,
    }
    house.git("update-ref", "refs/remotes/origin/main", base)
    jenkins = {"JENKINS_URL": "https://ci.acme.example", "CHANGE_ID": "7", "CHANGE_TARGET": "main", "GIT_COMMIT": head}
    for variables in (gitlab, pipelines, jenkins):
        ran = house.run("check", ".", "-f", "json", environ=variables).clean_of_tracebacks()
        assert ran.status == 1, variables
        assert "rules-changed" in ran.rules
