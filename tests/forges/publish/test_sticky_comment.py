"""One comment per check, on every forge that has conversations, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from auditor.model.evidence import FaultKind
from auditor.publish.outcome import Did, Outcome, Post
from auditor.report.markdown import marker
from fixtures.forges import Asked, GiteaForge, GitHubForge, GitLabForge, Reply
from tests.support import samples
from tests.support.forges import HURRIED, NUMBER, Publisher, later

Talking: TypeAlias = GitHubForge | GitLabForge | GiteaForge
COMMENTS = r"/(comments|notes)$"
CHANGE = r"/(comments|notes)/\d+$"


@pytest.fixture(params=[GitHubForge, GitLabForge, GiteaForge], ids=["github", "gitlab", "gitea"])
def forge(request: pytest.FixtureRequest) -> Iterator[Talking]:
    with request.param() as running:
        yield running


def put(forge: Talking, body: str) -> int:
    """A comment of somebody else."""
    if isinstance(forge, GitLabForge):
        return forge.put_note(NUMBER, body)
    return forge.put_comment(NUMBER, body, "mallory")


def put_own(forge: Talking, body: str) -> None:
    """A comment of the token's own account."""
    if isinstance(forge, GitLabForge):
        forge.put_note(NUMBER, body, 900)
    else:
        forge.put_comment(NUMBER, body, forge.login)


def test_the_first_run_creates_the_second_updates_and_all_clear_replaces(forge: Talking) -> None:
    publisher = Publisher(forge)
    assert publisher.one(samples.failing()) == Outcome(Post.COMMENT, Did.CREATED)
    (body,) = forge.bodies(NUMBER)
    assert body.startswith(f"{marker('check')}\n<!-- auditor:run:2026-11-20T09:30:00")
    assert "2 of 5 new images fail" in body
    assert publisher.one(samples.failing()) == Outcome(Post.COMMENT, Did.UNCHANGED)
    assert publisher.one(later(samples.clear(), 1)) == Outcome(Post.COMMENT, Did.UPDATED)
    (body,) = forge.bodies(NUMBER)
    assert "may be deployed" in body
    assert "fail" not in body


def test_two_checks_have_a_comment_each(forge: Talking) -> None:
    for key in ("production", "staging", "production"):
        assert Publisher(forge, key=key).one(samples.clear()).did in {Did.CREATED, Did.UNCHANGED}
    assert [body.partition("\n")[0] for body in forge.bodies(NUMBER)] == [marker("production"), marker("staging")]


def test_the_comment_is_found_on_a_later_page(forge: Talking) -> None:
    for n in range(230):
        put(forge, f"comment {n}")
    Publisher(forge).one(samples.failing())
    for n in range(30):
        put(forge, f"later {n}")
    assert Publisher(forge).one(later(samples.clear(), 1)).did is Did.UPDATED
    assert len([body for body in forge.bodies(NUMBER) if body.startswith(marker("check"))]) == 1


def test_a_marker_of_somebody_else_is_not_ours(forge: Talking) -> None:
    theirs = f"{marker('check')}\nall is well, merge it"
    put(forge, theirs)
    assert Publisher(forge).one(samples.failing()).did is Did.CREATED
    first, second = forge.bodies(NUMBER)
    assert first == theirs
    assert "2 of 5 new images fail" in second
    assert not forge.told("DELETE")


def test_a_marker_that_is_not_in_the_first_line_is_not_ours(forge: Talking) -> None:
    put_own(forge, f"see below\n{marker('check')}\n")
    assert Publisher(forge).one(samples.failing()).did is Did.CREATED


def test_a_comment_deleted_in_between_is_created_anew(forge: Talking) -> None:
    Publisher(forge).one(samples.failing())

    def delete(_asked: Asked, _true: Reply | None) -> Reply | None:
        forge.conversation.of(NUMBER).clear()
        return None

    forge.spoil(CHANGE, delete, times=1)
    assert Publisher(forge).one(later(samples.clear(), 1)).did is Did.CREATED
    assert len(forge.bodies(NUMBER)) == 1


def test_several_comments_become_one(forge: Talking) -> None:
    for text in ("one", "two", "three"):
        put_own(forge, f"{marker('check')}\n{text}")
    assert Publisher(forge).one(samples.clear()).did is Did.UPDATED
    (body,) = forge.bodies(NUMBER)
    assert "may be deployed" in body


@pytest.mark.parametrize("number", [2, 5])
def test_publishers_at_once_leave_one_comment(forge: Talking, number: int) -> None:
    """Each of them finds nothing before it creates; forges have no conditional write, so any of the texts may be the last."""
    asked: list[Asked] = []
    everybody = threading.Condition(forge.lock)  # waiting lets the forge take the others' questions

    def nothing_yet(question: Asked, _true: Reply | None) -> Reply | None:
        """Nobody is answered before all have asked: else a quick one would look twice."""
        with everybody:
            asked.append(question)
            everybody.notify_all()
            assert everybody.wait_for(lambda: len(asked) == number, 60)
        return Reply(200, [])

    forge.spoil(COMMENTS, nothing_yet, "GET", number)
    outcomes: list[Outcome] = []

    def run(minute: int) -> None:
        outcomes.append(Publisher(forge).one(later(samples.failing(), minute / 100)))

    jobs = [threading.Thread(target=run, args=(minute,)) for minute in range(number)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(90)
    assert len(outcomes) == number
    assert not [outcome for outcome in outcomes if outcome.failed]
    (body,) = forge.bodies(NUMBER)
    assert "2 of 5 new images fail" in body
    assert len(forge.told("POST", COMMENTS)) == number, "each of them created one"


def test_of_two_that_were_created_at_once_the_first_stays(forge: Talking) -> None:
    """The other job creates its comment after we have listed, and before we create ours."""
    other = Publisher(forge)
    busy = threading.Event()

    def meanwhile(_asked: Asked, _true: Reply | None) -> Reply | None:
        if not busy.is_set():
            busy.set()
            put_own(forge, f"{marker('check')}\nof the other job")
        return None

    forge.spoil(COMMENTS, meanwhile, "POST", 1)
    assert other.one(samples.clear()).did is Did.UPDATED
    (body,) = forge.bodies(NUMBER)
    assert "may be deployed" in body
    assert len(forge.told("DELETE")) == 1


def test_an_older_run_leaves_the_comment_of_a_newer_one(forge: Talking) -> None:
    Publisher(forge).one(later(samples.failing(), 30))
    before = forge.bodies(NUMBER)
    told = Publisher(forge).publish(samples.clear(), later(samples.failing(), 31).run.started)
    assert [outcome.did for outcome in told] == [Did.LEFT]
    assert forge.bodies(NUMBER) == before


def test_a_comment_from_the_future_holds_nothing_up(forge: Talking) -> None:
    Publisher(forge).one(later(samples.failing(), 60 * 24 * 365 * 50))
    assert Publisher(forge).one(samples.clear()).did is Did.UPDATED


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_post_whose_answer_was_lost_is_not_repeated(forge: Talking, status: int) -> None:
    forge.fail(COMMENTS, status, method="POST", times=1, lost=True)
    assert Publisher(forge).one(samples.clear()).did is Did.CREATED
    assert len(forge.bodies(NUMBER)) == 1
    assert len(forge.told("POST", COMMENTS)) == 1


def test_a_post_that_failed_is_tried_once_more(forge: Talking) -> None:
    forge.fail(COMMENTS, 502, method="POST", times=1)
    assert Publisher(forge).one(samples.clear()).did is Did.CREATED
    assert len(forge.bodies(NUMBER)) == 1


def test_a_listing_that_fails_for_a_moment_is_asked_again(forge: Talking) -> None:
    forge.fail(COMMENTS, 503, method="GET", times=2)
    assert Publisher(forge).one(samples.clear()).did is Did.CREATED


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "answered 401"), (403, "answered 403"), (404, "answered 404"), (409, "answered 409"), (500, "answered 500")],
)
def test_an_error_is_told_and_leaves_nothing_behind(forge: Talking, status: int, kind: str) -> None:
    forge.fail(COMMENTS, status, method="POST")
    outcome = Publisher(forge).one(samples.failing())
    assert outcome.failed
    assert kind in outcome.why
    assert outcome.help
    assert f"simulated {status}" in outcome.why
    assert forge.bodies(NUMBER) == []


def test_the_comment_is_shortened_where_the_forge_finds_it_too_long(forge: Talking) -> None:
    def too_long(asked: Asked, _true: Reply | None) -> Reply | None:
        return Reply(422, {"message": "Body is too long"}) if len(asked.body["body"]) > 5000 else None

    forge.spoil(COMMENTS, too_long, "POST")
    report = samples.failing()
    images = tuple(
        replace(report.images[1], reference=f"ghcr.io/acme/worker-{n}:7", reason="no signature " * 60)
        for n in range(100)
    )
    outcome = Publisher(forge).one(replace(report, images=images, findings=()))
    if isinstance(forge, GitLabForge):
        assert outcome.failed, "a quarter of a million code points are halved three times and still too many"
        return
    assert outcome.did is Did.FAILED or len(forge.bodies(NUMBER)[0]) <= 7500


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}])
@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_for(forge: Talking, status: int, headers: dict[str, str]) -> None:
    forge.fail(COMMENTS, status, method="POST", times=1, headers=headers)
    assert Publisher(forge).one(samples.clear()).did is Did.CREATED
    assert len(forge.bodies(NUMBER)) == 1


def test_a_rate_limit_that_lasts_too_long_is_told(forge: Talking) -> None:
    forge.fail(COMMENTS, 429, method="GET", headers={"Retry-After": "3600"})
    outcome = Publisher(forge).one(samples.clear())
    assert outcome.failed
    assert "429" in outcome.why
    assert "wait" in outcome.help
    assert len(forge.told("GET", COMMENTS)) == 1


def test_pages_without_end_repeat_no_comment(forge: Talking) -> None:
    def loop(asked: Asked, _true: Reply | None) -> Reply:
        return Reply(200, [], {"Link": f'<{forge.url}{asked.path}?page=1>; rel="next"'})

    forge.spoil(COMMENTS, loop, "GET")
    outcome = Publisher(forge).one(samples.clear())
    assert outcome.failed
    assert "pages its answer without end" in outcome.why
    assert forge.bodies(NUMBER) == [], "whether ours is there could not be told: a second one would be worse"


def test_more_pages_than_anybody_reads_end_too(forge: Talking) -> None:
    count = 0

    def on_and_on(asked: Asked, _true: Reply | None) -> Reply:
        nonlocal count
        count += 1
        return Reply(200, [], {"Link": f'<{forge.url}{asked.path}?page={count}>; rel="next"'})

    forge.spoil(COMMENTS, on_and_on, "GET")
    assert Publisher(forge, limits=replace(HURRIED, forge_pages=5)).one(samples.clear()).failed
    assert count == 5


@pytest.mark.parametrize(
    "body", ["<html>log in</html>", "[[[[", '"text"', "null", '[1, null, {"id": "x"}, {"id": 5}]', '{"values": 3}']
)
def test_an_answer_that_makes_no_sense_ends_no_run(forge: Talking, body: str) -> None:
    forge.fail(COMMENTS, 200, method="GET", body=body)
    outcome = Publisher(forge).one(samples.clear())
    assert outcome.did in {Did.CREATED, Did.FAILED}
    assert len(forge.bodies(NUMBER)) <= 1


def test_without_a_token_nothing_is_asked(forge: Talking) -> None:
    outcome = Publisher(forge, token="none").one(samples.clear())
    assert outcome.failed
    assert "there is no token" in outcome.why
    assert "second workflow" in outcome.help
    assert forge.asked == []


def test_without_a_pull_request_there_is_no_comment(forge: Talking) -> None:
    assert Publisher(forge, pull_request=None).one(samples.clear()).did is Did.SKIPPED


def test_whose_token_it_is_must_be_known_before_anything_is_posted() -> None:
    with GitLabForge() as forge:
        forge.fail("/user$", 403)
        assert Publisher(forge).one(samples.clear()).failed
        assert forge.bodies(NUMBER) == []
    with GitHubForge() as github:
        github.fail("/graphql", 502)
        assert Publisher(github).one(samples.clear()).failed
        assert github.bodies(NUMBER) == []


def test_a_person_s_token_has_its_own_comment() -> None:
    with GitHubForge("octo-bot") as forge:
        Publisher(forge).one(samples.failing())
        assert Publisher(forge).one(later(samples.clear(), 1)).did is Did.UPDATED
    with GiteaForge("acme-bot") as gitea:
        Publisher(gitea).one(samples.failing())
        assert Publisher(gitea).one(later(samples.clear(), 1)).did is Did.UPDATED


def test_an_app_s_comments_bear_its_name_with_a_suffix() -> None:
    with GitHubForge("acme-app[bot]") as forge:
        forge.spoil("/graphql", lambda _a, _t: Reply(200, {"data": {"viewer": {"login": "acme-app"}}}))
        forge.put_comment(NUMBER, f"{marker('check')}\nnot the app", "acme-app[bot]", "User")
        Publisher(forge).one(samples.failing())
        assert Publisher(forge).one(later(samples.clear(), 1)).did is Did.UPDATED
        assert len(forge.bodies(NUMBER)) == 2


def test_a_second_comment_that_must_not_be_deleted_keeps_the_first_current(forge: Talking) -> None:
    for text in ("one", "two"):
        put_own(forge, f"{marker('check')}\n{text}")
    forge.fail(CHANGE, 403, method="DELETE")
    assert Publisher(forge).one(samples.clear()).failed
    assert "may be deployed" in forge.bodies(NUMBER)[0]


def test_the_secondary_limit_without_a_time_is_a_rate_limit() -> None:
    with GitHubForge() as forge:
        said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
        forge.fail(COMMENTS, 403, method="POST", body=said)
        outcome = Publisher(forge, limits=replace(HURRIED, publish_seconds=2.0)).one(samples.clear())
        assert outcome.failed
        assert "wait" in outcome.help
        assert FaultKind.RATE_LIMITED.value == "rate-limited"
        assert len(forge.told("POST", COMMENTS)) == 1
