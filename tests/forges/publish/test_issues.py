"""One issue for each audited repository: opened, kept up to date, closed when it is clear; never somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from auditor.limits import DEFAULT
from auditor.model.audit import Audited, Failure, Stage, Target
from auditor.model.finding import Finding, Level
from auditor.model.forge import Forge as Kind
from auditor.model.report import Report
from auditor.publish.api import Api
from auditor.publish.github import graphql_of, own_login
from auditor.publish.issues import keep_issue
from auditor.publish.outcome import Did
from auditor.publish.target import TOKEN, access
from auditor.publish.target import Target as Place
from fixtures.forges import GitHubForge
from tests.support import samples
from tests.support.forges import HURRIED, NOW

WORSE = Finding("unsigned-image", Level.ERROR, "nobody has signed it @somebody fixes #1", "sign it", image="acme/api:1")
ODD = Finding("unjudged-image", Level.INCOMPLETE, "nobody could tell", "look", image="acme/api:1")


@pytest.fixture
def forge() -> Iterator[GitHubForge]:
    with GitHubForge() as forge:
        yield forge


def audited(*findings: Finding, name: str = "acme/gitops") -> Audited:
    report = Report(replace(samples.run("audit"), target=name), findings=findings)
    return Audited(Target(name, "https://github.com/acme/gitops"), "a" * 40, report)


def keep(forge: GitHubForge, what: Audited) -> Did:
    reached = access(Kind.GITHUB, forge.url, {TOKEN: forge.token}, plain_http=False)
    api, place = Api(reached, {}, HURRIED), Place(Kind.GITHUB, reached, "acme/gitops")
    return keep_issue(api, own_login(api, graphql_of(place)), place.project, what, NOW).did


def test_an_issue_lives_as_long_as_what_it_is_about(forge: GitHubForge) -> None:
    assert keep(forge, audited()) is Did.UNCHANGED
    assert forge.issues == {}
    assert keep(forge, audited(WORSE)) is Did.CREATED
    (issue,) = forge.issues.values()
    assert issue["title"] == "auditor: acme/gitops"
    assert re.search(r"(?<!`)[@#]\w", issue["body"].replace("### ", "")) is None, (
        "nobody is called, and nothing is closed"
    )
    assert keep(forge, audited(WORSE)) is Did.UNCHANGED
    assert keep(forge, audited(WORSE, replace(WORSE, image="acme/web:1"))) is Did.UPDATED
    assert keep(forge, audited()) is Did.CLOSED
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert keep(forge, audited()) is Did.UNCHANGED
    assert keep(forge, audited(WORSE)) is Did.UPDATED
    assert (len(forge.issues), issue["state"]) == (1, "open")


def test_what_could_not_be_judged_neither_opens_nor_closes(forge: GitHubForge) -> None:
    failed = Audited(Target("acme/gitops", "x"), failure=Failure(Stage.FETCH, "it does not answer"))
    for unknown in (failed, audited(ODD)):
        assert keep(forge, unknown) is Did.LEFT
        assert forge.issues == {}
    keep(forge, audited(WORSE))
    for unknown in (failed, audited(ODD)):
        assert keep(forge, unknown) is Did.LEFT
    assert [issue["state"] for issue in forge.issues.values()] == ["open"]


def test_each_repository_has_its_own_and_nobody_elses_is_touched(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    (ours,) = forge.issues.values()
    theirs = [
        forge.put_issue(ours["body"], "mallory"),
        forge.put_issue("no marker", forge.login),
        forge.put_issue(ours["body"], forge.login, pull_request={}),
    ]
    before = {number: dict(forge.issues[number]) for number in theirs}
    keep(forge, audited(WORSE, name="acme-gitops"))
    keep(forge, audited())
    assert {number: forge.issues[number] for number in theirs} == before
    assert ours["state"] == "closed"
    assert (
        sum(issue["title"] == "auditor: acme-gitops" and issue["state"] == "open" for issue in forge.issues.values())
        == 1
    )


def test_one_too_many_is_closed(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    (ours,) = forge.issues.values()
    twin = forge.put_issue(ours["body"], forge.login)
    keep(forge, audited(WORSE))
    assert ours["state"] == "open"
    assert forge.issues[twin]["state"] == "closed"


def test_it_is_found_among_many(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    for number in range(130):
        forge.put_issue(f"another {number}", forge.login)
    assert keep(forge, audited(WORSE)) is Did.UNCHANGED


def test_the_text_stays_within_what_the_forge_takes(forge: GitHubForge) -> None:
    many = tuple(replace(WORSE, image=f"acme/image-{number}:1", message="x" * 500) for number in range(400))
    assert keep(forge, audited(*many)) is Did.CREATED
    assert DEFAULT.forge_pages
    assert all(len(issue["body"]) <= 65_536 for issue in forge.issues.values())
