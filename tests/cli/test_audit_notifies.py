"""`auditor audit --notify github-issue=…`, run as a user runs it, against the forge's API on a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fixtures.forges import GitHubForge
from tests.cli.house import Ran
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.support import repositories

WHERE = "github-issue=acme/gitops"


@pytest.fixture
def forge() -> Iterator[GitHubForge]:
    with GitHubForge() as forge:
        yield forge


def audit(estate: Estate, forge: GitHubForge, *options: str, status: int) -> Ran:  # noqa: F811 - as above
    environ = {"GITHUB_API_URL": forge.url, "GITHUB_TOKEN": forge.token}
    return estate.audit("one", "two", "clean", "--notify", WHERE, *options, environ=environ, status=status)


def three(estate: Estate) -> None:  # noqa: F811 - as above
    estate.own("one", "unsigned")
    estate.own("two", "unsigned", "wrong")
    estate.own("clean", "api")


def test_one_issue_for_each_that_fails_and_one_list_for_all(estate: Estate, forge: GitHubForge) -> None:  # noqa: F811
    three(estate)
    first = audit(estate, forge, status=1)
    assert first.err == ""
    titles = {issue["title"]: issue for issue in forge.issues.values()}
    assert set(titles) == {"auditor: one", "auditor: two"}
    assert [[each["name"] for each in issue["labels"]] for issue in titles.values()] == [["auditor"]] * 2
    forge.asked.clear()
    audit(estate, forge, status=1)
    assert len(forge.told("GET", "/issues$")) == 1


def test_who_watches_is_told_of_what_became_worse(estate: Estate, forge: GitHubForge) -> None:  # noqa: F811 - as above
    three(estate)
    audit(estate, forge, status=1)
    estate.house.images.push("fresh")
    files = {"fresh.yaml": estate.house.images.pod("fresh")}
    repositories.commit(estate.folder / "one", files)
    audit(estate, forge, status=1)
    said = {issue["title"]: forge.bodies(number) for number, issue in forge.issues.items()}
    assert said["auditor: two"] == []
    (comment,) = said["auditor: one"]
    assert f"{estate.house.images.registry.host}/acme/fresh:1.0" in comment
    audit(estate, forge, status=1)
    assert len(forge.bodies(next(iter(forge.issues)))) == 1


def test_what_goes_wrong_is_told_and_changes_nothing(estate: Estate, forge: GitHubForge) -> None:  # noqa: F811 - as above
    three(estate)
    forge.may_push = False
    ran = audit(estate, forge, "--log-format", "json", "--issue-label", "nightly", status=1)
    told = [each for line in ran.err.splitlines() if (each := json.loads(line))["event"] == "notify"]
    assert [(each["repository"], each["post"], each["outcome"]) for each in told] == [
        ("clean", "issue", "unchanged"),
        ("one", "issue", "created"),
        ("one", "label", "failed"),
        ("two", "issue", "created"),
    ]
    assert "--issue-label" in told[2]["help"]
    forge.asked.clear()
    forge.fail("/issues$", 403, method="GET")
    ran = audit(estate, forge, status=1)
    assert ran.err.count("issue failed") == 3
    assert len(forge.told("GET", "/issues$")) == 1, "refused once for all"


def test_a_label_that_is_none_is_a_mistake(estate: Estate, forge: GitHubForge) -> None:  # noqa: F811 - as above
    three(estate)
    ran = audit(estate, forge, "--issue-label", "a,b", status=2)
    assert "--issue-label" in ran.err
    assert forge.asked == []
    audit(estate, forge, "--issue-label", "", status=1)
    assert all(issue["labels"] == [] for issue in forge.issues.values())
