"""A second workflow publishes what the change's own job left behind: a claim, checked against the event and the forge."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.publish.outcome import Did, Post
from fixtures.forges import GitHubForge, GitLabForge
from tests.support import samples
from tests.support.forges import HEAD, NUMBER, Publisher

MERGE = "c" * 40
OTHER = "d" * 40
EVERYTHING = (Post.COMMENT, Post.STATUS, Post.CHECK_RUN)


def relaying(forge: GitHubForge, **more: object) -> Publisher:
    publisher = Publisher(forge, relayed=True, pull_request=None, source="stranger:change")
    return replace(publisher, **more)


def test_a_claim_becomes_a_comment_that_says_so_and_nothing_else() -> None:
    with GitHubForge() as forge:
        forge.put_pull(NUMBER, HEAD, "stranger")
        told = relaying(forge, posts=EVERYTHING).publish(samples.clear())
        assert [outcome.did for outcome in told] == [Did.CREATED, Did.SKIPPED, Did.SKIPPED]
        (body,) = forge.bodies(NUMBER)
        assert "Reported by the change's own job" in body
        assert forge.statuses == []
        assert forge.check_runs == {}


def test_the_result_may_be_about_the_merge_that_the_job_checked_out() -> None:
    report = replace(samples.clear(), run=samples.run(head=MERGE))
    with GitHubForge() as forge:
        forge.put_pull(NUMBER, HEAD, "stranger")
        forge.commits[MERGE] = ["e" * 40, HEAD]
        assert relaying(forge).one(report).did is Did.CREATED


@pytest.mark.parametrize("parents", [[], [HEAD], [HEAD, OTHER], ["e" * 40, OTHER], ["e" * 40, OTHER, HEAD]])
def test_a_result_about_another_commit_is_refused(parents: list[str]) -> None:
    report = replace(samples.clear(), run=samples.run(head=MERGE))
    with GitHubForge() as forge:
        forge.put_pull(NUMBER, HEAD, "stranger")
        if parents:
            forge.commits[MERGE] = parents
        with pytest.raises(UsageError, match="not about the commit"):
            relaying(forge).publish(report)
        assert forge.bodies(NUMBER) == []


def test_a_result_that_names_no_commit_is_refused() -> None:
    with GitHubForge() as forge, pytest.raises(UsageError, match="not about the commit"):
        relaying(forge).publish(replace(samples.clear(), run=samples.run(head=None)))


@pytest.mark.parametrize("head", ["../../../user", "main", "?x=1", "a b", "\n", "%2e%2e", "é"])
def test_a_head_that_is_no_commit_asks_for_nothing_else(head: str) -> None:
    with GitHubForge() as forge:
        with pytest.raises(UsageError, match="not about the commit"):
            relaying(forge).publish(replace(samples.clear(), run=samples.run(head=head)))
        assert forge.asked == []


def test_a_number_from_the_artifact_must_be_at_the_event_s_commit() -> None:
    with GitHubForge() as forge:
        forge.put_pull(NUMBER, HEAD, "stranger")
        forge.put_pull(8, OTHER, "victim")
        assert relaying(forge, pull_request=NUMBER).one(samples.clear()).did is Did.CREATED
        with pytest.raises(UsageError, match="pull request 8 is not at the commit"):
            relaying(forge, pull_request=8).publish(samples.clear())
        assert forge.bodies(8) == []


@pytest.mark.parametrize("pulls", [0, 2])
def test_without_exactly_one_pull_request_nothing_is_posted(pulls: int) -> None:
    with GitHubForge() as forge:
        forge.put_pull(100, OTHER, "stranger")
        for n in range(pulls):
            forge.put_pull(NUMBER + n, HEAD, "stranger")
        with pytest.raises(UsageError, match=f"{pulls} open pull requests are at the commit"):
            relaying(forge).publish(samples.clear())


def test_a_forge_that_cannot_be_asked_gets_nothing() -> None:
    with GitHubForge() as forge:
        forge.fail("/pulls", 500)
        assert relaying(forge).one(samples.clear()).failed
        assert not forge.told("POST", "/comments$")


def test_elsewhere_there_is_no_second_workflow() -> None:
    with GitLabForge() as forge, pytest.raises(UsageError, match="cannot be published on gitlab"):
        replace(Publisher(forge), relayed=True).publish(samples.clear())


def test_a_result_of_another_commit_is_not_this_job_s() -> None:
    with GitHubForge() as forge:
        with pytest.raises(UsageError, match="the result is about"):
            Publisher(forge).publish(replace(samples.clear(), run=samples.run(head=OTHER)))
        assert Publisher(forge).one(replace(samples.clear(), run=samples.run(head=None))).did is Did.CREATED
