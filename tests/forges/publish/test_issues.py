"""One issue for each audited repository: opened, kept up to date, closed when it is clear; never somebody else's."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import DEFAULT, Limits
from auditor.model.audit import Audited, Failure, Stage, Target
from auditor.model.finding import Finding, Level
from auditor.model.forge import Forge as Kind
from auditor.model.report import Report
from auditor.publish.api import Api
from auditor.publish.github import graphql_of, own_login
from auditor.publish.issues import Issues
from auditor.publish.label import check_label
from auditor.publish.outcome import Did, Outcome, Post
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


def issues(forge: GitHubForge, label: str = "", limits: Limits = HURRIED) -> Issues:
    """What one audit keeps."""
    reached = access(Kind.GITHUB, forge.url, {TOKEN: forge.token}, plain_http=False)
    api, place = Api(reached, {}, limits), Place(Kind.GITHUB, reached, "acme/gitops")
    return Issues(api, own_login(api, graphql_of(place)), label, limits)


def told(forge: GitHubForge, what: Audited, label: str = "") -> list[Outcome]:
    """What became of one audit of one repository."""
    return list(issues(forge, label).keep("acme/gitops", what, NOW))


def keep(forge: GitHubForge, what: Audited) -> Did:
    (outcome,) = told(forge, what)
    return outcome.did


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
    assert keep(forge, audited(WORSE, dataclasses.replace(WORSE, image="acme/web:1"))) is Did.UPDATED
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
    many = tuple(dataclasses.replace(WORSE, image=f"acme/image-{number}:1", message="x" * 500) for number in range(400))
    assert keep(forge, audited(*many)) is Did.CREATED
    assert DEFAULT.forge_pages
    assert all(len(issue["body"]) <= 65_536 for issue in forge.issues.values())


def several(count: int, *findings: Finding) -> list[Audited]:
    return [audited(*findings, name=f"acme/repository-{number}") for number in range(count)]


def test_all_issues_of_a_repository_are_listed_once(forge: GitHubForge) -> None:
    """However many are kept there; of what one audit opens itself the newest page tells whether another did so too."""
    for number in range(230):
        forge.put_issue(f"another {number}", forge.login)
    first = issues(forge)
    for each in several(30, WORSE):
        assert [outcome.did for outcome in first.keep("acme/gitops", each, NOW)] == [Did.CREATED]
    assert len(forge.told("GET", "/issues$")) == 3 + 30
    forge.asked.clear()
    second = issues(forge)
    for each in several(30, WORSE):
        assert [outcome.did for outcome in second.keep("acme/gitops", each, NOW)] == [Did.UNCHANGED]
    assert [(each.method, each.path.rpartition("/")[2]) for each in forge.asked] == [
        ("POST", "graphql"), *[("GET", "issues")] * 3
    ]  # fmt: skip
    assert len(forge.issues) == 260


def test_a_list_that_is_not_complete_opens_nothing_and_is_asked_for_once(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    for number in range(230):
        forge.put_issue(f"another {number}", forge.login)
    run = issues(forge, limits=replace(HURRIED, issue_pages=2))
    forge.asked.clear()
    for each in (audited(WORSE), audited(), *several(20, WORSE)):
        (outcome,) = run.keep("acme/gitops", each, NOW)
        assert (outcome.did, "more issues of ours" in outcome.why) == (Did.FAILED, True)
    assert len(forge.asked) == 2
    assert len(forge.issues) == 231


def test_two_audits_at_once_leave_one_issue(forge: GitHubForge) -> None:
    one, other = issues(forge), issues(forge)
    for run in (one, other):  # both have listed
        list(run.keep("acme/gitops", audited(name="acme/else"), NOW))
    list(one.keep("acme/gitops", audited(WORSE), NOW))
    list(other.keep("acme/gitops", audited(WORSE), NOW))
    assert [issue["state"] for issue in forge.issues.values()] == ["open", "closed"]
    assert keep(forge, audited(WORSE)) is Did.UNCHANGED


@pytest.mark.parametrize("status", [500, 502])
def test_an_answer_that_is_lost_opens_no_second_one(forge: GitHubForge, status: int) -> None:
    forge.fail("/issues$", status, method="POST", times=1, lost=True)
    assert keep(forge, audited(WORSE)) is Did.CREATED
    assert len(forge.issues) == 1


def test_one_that_is_gone_is_opened_anew(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    run = issues(forge)
    list(run.keep("acme/gitops", audited(name="acme/else"), NOW))
    forge.issues.clear()
    (outcome,) = run.keep("acme/gitops", audited(WORSE, dataclasses.replace(WORSE, image="acme/web:1")), NOW)
    assert (outcome.did, len(forge.issues)) == (Did.CREATED, 1)


# ── watchers ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def comments(forge: GitHubForge) -> list[str]:
    (number,) = forge.issues
    return forge.bodies(number)


WEB = dataclasses.replace(WORSE, image="acme/web:1", message="nobody <b>knows</b> @somebody")
NOTED = dataclasses.replace(WORSE, level=Level.NOTE, image="acme/note:1")


def test_watchers_are_told_once_of_what_became_worse_and_of_nothing_else(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    assert comments(forge) == [], "opening it tells"
    keep(forge, audited(dataclasses.replace(WORSE, message="in other words")))
    keep(forge, audited(WORSE, NOTED))
    assert comments(forge) == [], "nothing of that blocks, or is new"
    keep(forge, audited(WORSE, WEB))
    (comment,) = comments(forge)
    assert "1 new finding." in comment
    assert "`acme/web:1`" in comment
    assert "acme/api:1" not in comment
    assert re.search(r"(?<!`)(?:@|<b>)", comment) is None, "nobody is called, and nothing is markup"
    keep(forge, audited(WORSE, WEB))
    keep(forge, audited(WEB))
    assert len(comments(forge)) == 1, "the same, then less"
    keep(forge, audited(WORSE, WEB))
    assert len(comments(forge)) == 2, "it is back"
    keep(forge, audited())
    keep(forge, audited(WORSE, WEB))
    assert len(comments(forge)) == 2, "opening it again tells"


def test_a_long_comment_is_cut(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    many = tuple(
        dataclasses.replace(WORSE, image=f"acme/image-{number}:1", message="x" * 5000) for number in range(1500)
    )
    keep(forge, audited(WORSE, *many))
    (comment,) = comments(forge)
    assert "1500 new findings." in comment
    assert "… and 1495 more" in comment
    assert len(comment) < 4000
    keep(forge, audited(WORSE, *many))
    assert len(comments(forge)) == 1
    keep(forge, audited(WORSE, *many, WEB))
    assert "1 new finding." in comments(forge)[1], "of more than are written down the number tells"


def test_watchers_that_cannot_be_told_are_told_of_and_the_text_is_up_to_date(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    forge.fail("/comments$", 403, method="POST")
    issue, comment = told(forge, audited(WORSE, WEB))
    assert (issue.post, issue.did) == (Post.ISSUE, Did.UPDATED)
    assert (comment.post, comment.did) == (Post.COMMENT, Did.FAILED)
    assert "acme/web:1" in next(iter(forge.issues.values()))["body"]


def test_an_issue_of_before_says_nothing_of_what_blocked(forge: GitHubForge) -> None:
    """Nothing is known to be worse where nothing is known of before."""
    keep(forge, audited(WORSE))
    (issue,) = forge.issues.values()
    first, _, rest = issue["body"].split("\n", 2)
    for spoiled in ("", "<!-- auditor:blocking:1:zz -->", f"<!-- auditor:blocking:9999:{'ab' * 9000} -->"):
        issue["body"] = f"{first}\r\n{spoiled}\n{rest}"
        assert keep(forge, audited(WORSE, WEB)) is Did.UPDATED
    assert comments(forge) == []


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def labels(forge: GitHubForge) -> list[list[str]]:
    return [[each["name"] for each in issue.get("labels", [])] for issue in forge.issues.values()]


def test_the_label_is_made_once_and_given_to_each(forge: GitHubForge) -> None:
    run = issues(forge, "image audit")
    for each in several(3, WORSE):
        list(run.keep("acme/gitops", each, NOW))
    assert labels(forge) == [["image audit"]] * 3
    assert len(forge.told("POST", "/labels$")) == 1
    assert len(forge.told("GET", "/labels/")) == 1


def test_one_that_is_there_is_not_made_and_an_older_issue_gets_it(forge: GitHubForge) -> None:
    keep(forge, audited(WORSE))
    forge.labels.append("Auditor")
    assert [each.did for each in told(forge, audited(WORSE, WEB), "auditor")] == [Did.UPDATED]
    assert (labels(forge), forge.told("POST", "/gitops/labels$")) == ([["auditor"]], [])
    told(forge, audited(WORSE), "Auditor")
    assert labels(forge) == [["auditor"]]


def test_who_may_not_is_told_so_once_and_the_issues_are_opened_without(forge: GitHubForge) -> None:
    forge.may_push = False
    run = issues(forge, "auditor")
    outcomes = [outcome for each in several(3, WORSE) for outcome in run.keep("acme/gitops", each, NOW)]
    assert [(each.post, each.did) for each in outcomes] == [
        (Post.ISSUE, Did.CREATED), (Post.LABEL, Did.FAILED), *[(Post.ISSUE, Did.CREATED)] * 2
    ]  # fmt: skip
    assert "permission to create labels" in outcomes[1].why
    assert "--issue-label" in outcomes[1].help
    assert labels(forge) == [[], [], []]


def test_a_label_that_is_left_away_silently_is_noticed(forge: GitHubForge) -> None:
    forge.may_push = False
    forge.labels.append("auditor")
    issue, label = told(forge, audited(WORSE), "auditor")
    assert (issue.did, label.did) == (Did.CREATED, Did.FAILED)
    assert "left it away" in label.why


@pytest.mark.parametrize("name", ["a,b", "x" * 51, " auditor", "a\nb"])
def test_what_is_no_label(name: str) -> None:
    with pytest.raises(UsageError, match="--issue-label"):
        check_label(name)


def test_changes_keep_their_distance(forge: GitHubForge) -> None:
    started = time.monotonic()
    run = issues(forge, limits=replace(HURRIED, issue_pause_seconds=0.2))
    for each in several(3, WORSE):
        list(run.keep("acme/gitops", each, NOW))
    assert time.monotonic() - started >= 0.4
