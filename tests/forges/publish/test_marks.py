"""What counts as a check: statuses, check runs, reports with annotations; within each forge's limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.publish.github import SUMMARY_BYTES
from auditor.publish.outcome import Did, Post
from fixtures.forges import BitbucketCloud, BitbucketServer, GiteaForge, GitHubForge, GitLabForge
from tests.support import samples
from tests.support.forges import HEAD, NUMBER, Publisher, many_findings

INCOMPLETE = Report(
    run=samples.run(),
    findings=(Finding("unrendered", Level.INCOMPLETE, "not rendered", "install helm", Place("c.yaml")),),
)


@pytest.fixture(params=[BitbucketCloud, BitbucketServer], ids=["cloud", "data-center"])
def bitbucket(request: pytest.FixtureRequest) -> Iterator[BitbucketCloud | BitbucketServer]:
    with request.param() as running:
        yield running


@pytest.mark.parametrize(
    ("report", "state"), [(samples.clear(), "success"), (samples.failing(), "failure"), (INCOMPLETE, "error")]
)
@pytest.mark.parametrize("kind", [GitHubForge, GiteaForge])
def test_the_commit_status_says_what_the_gate_says(
    kind: type[GitHubForge | GiteaForge], report: Report, state: str
) -> None:
    with kind() as forge:
        assert Publisher(forge, (Post.STATUS,)).one(report).did is Did.CREATED
        ((commit, status),) = forge.statuses
        assert (commit, status["state"], status["context"]) == (HEAD, state, "auditor/check")
        assert 0 < len(status["description"]) <= 140


def test_a_check_run_has_its_annotations_in_batches_of_fifty() -> None:
    with GitHubForge() as forge:
        assert Publisher(forge, (Post.CHECK_RUN,)).one(many_findings(123)).did is Did.CREATED
        (run,) = forge.check_runs.values()
        assert [note["start_line"] for note in run["annotations"]] == list(range(1, 124))
        assert (run["head_sha"], run["conclusion"]) == (HEAD, "success"), "warnings fail nothing"
        assert len(forge.told("PATCH")) == 2
        assert {note["annotation_level"] for note in run["annotations"]} == {"warning"}


def test_a_check_run_of_a_failing_result_fails() -> None:
    with GitHubForge() as forge:
        for report, conclusion in (
            (samples.failing(), "failure"),
            (INCOMPLETE, "failure"),
            (samples.clear(), "success"),
        ):
            Publisher(forge, (Post.CHECK_RUN,)).one(report)
            assert list(forge.check_runs.values())[-1]["conclusion"] == conclusion


def test_annotations_beyond_what_anybody_reads_are_counted() -> None:
    with GitHubForge() as forge:
        Publisher(forge, (Post.CHECK_RUN,)).one(many_findings(1234))
        (run,) = forge.check_runs.values()
        assert len(run["annotations"]) == 1000
        assert "234 more annotations are not shown" in run["output"]["summary"]


def test_a_batch_that_fails_is_told_and_not_repeated() -> None:
    with GitHubForge() as forge:
        forge.fail(r"/check-runs/\d+$", 502, method="PATCH", times=1, lost=True)
        assert Publisher(forge, (Post.CHECK_RUN,)).one(many_findings(60)).failed
        (run,) = forge.check_runs.values()
        assert len(run["annotations"]) == 60


def test_a_report_with_annotations(bitbucket: BitbucketCloud | BitbucketServer) -> None:
    publisher = Publisher(bitbucket, (Post.REPORT,))
    assert publisher.one(samples.failing()).did is Did.CREATED
    kept = bitbucket.only
    assert kept.report["result"] in {"FAILED", "FAIL"}
    assert "2 of 5 new images fail" in kept.report["details"]
    assert len(kept.annotations) == 5
    assert {note["path"] for note in kept.annotations.values()} >= {"apps/api/kustomization.yaml", "auditor.yaml"}
    assert publisher.one(samples.clear()).did is Did.UPDATED
    assert bitbucket.only.report["result"] in {"PASSED", "PASS"}
    assert bitbucket.only.annotations == {}, "what was mended is gone"


def test_a_report_has_a_hundred_annotations_a_request_and_a_thousand_in_all(
    bitbucket: BitbucketCloud | BitbucketServer,
) -> None:
    publisher = Publisher(bitbucket, (Post.REPORT,))
    assert publisher.one(many_findings(1234)).did is Did.CREATED
    assert len(bitbucket.only.annotations) == 1000
    assert len(bitbucket.told("POST", "/annotations$")) == 10
    assert "234 more findings are not shown here" in bitbucket.only.report["details"]
    assert publisher.one(many_findings(3)).did is Did.UPDATED
    assert len(bitbucket.only.annotations) == 3


def test_two_checks_have_a_report_each(bitbucket: BitbucketCloud | BitbucketServer) -> None:
    for key in ("production", "staging"):
        Publisher(bitbucket, (Post.REPORT,), key=key).one(samples.failing())
    assert len(bitbucket.reports) == 2


def test_a_report_deleted_in_between_is_no_error() -> None:
    with BitbucketCloud() as forge:
        Publisher(forge, (Post.REPORT,)).one(samples.failing())
        forge.fail("/reports/", 404, method="DELETE", times=1)
        assert Publisher(forge, (Post.REPORT,)).one(samples.clear()).did is Did.UPDATED


@pytest.mark.parametrize("status", [401, 403, 409, 422, 500])
def test_a_report_that_is_refused_is_told(bitbucket: BitbucketCloud | BitbucketServer, status: int) -> None:
    bitbucket.fail("/reports/", status, method="PUT", body=bitbucket.wrong(status, "simulated").body)
    outcome = Publisher(bitbucket, (Post.REPORT,)).one(samples.failing())
    assert outcome.failed
    assert f"answered {status}" in outcome.why
    assert "simulated" in outcome.why
    assert outcome.help


def test_a_rate_limited_report_is_waited_for(bitbucket: BitbucketCloud | BitbucketServer) -> None:
    bitbucket.fail("/annotations", 429, method="POST", times=1, headers={"Retry-After": "1"})
    assert Publisher(bitbucket, (Post.REPORT,)).one(samples.failing()).did is Did.CREATED
    assert len(bitbucket.only.annotations) == 5


# ── the job's summary ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_summary_is_added_to_what_other_steps_said(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# earlier\n")
    with GitHubForge() as forge:
        comment, summary = Publisher(forge, (Post.COMMENT, Post.SUMMARY), summary=file).publish(samples.failing())
    assert (comment.did, summary.did) == (Did.CREATED, Did.CREATED)
    text = file.read_text("utf-8")
    assert text.startswith("# earlier\n<!-- auditor:v1:check -->\n### ❌ 2 of 5")


@pytest.mark.slow
@pytest.mark.parametrize("before", [0, SUMMARY_BYTES - 400_000, SUMMARY_BYTES - 3000, SUMMARY_BYTES - 10, 2_000_000])
def test_the_summary_never_outgrows_what_the_runner_uploads(tmp_path: Path, before: int) -> None:
    file = tmp_path / "summary.md"
    file.write_text("x" * before)
    report = samples.failing()
    images = tuple(
        replace(report.images[1], reference=f"ghcr.io/acme/w-{n}:7", reason="kein Schlüssel — 鍵がない " * 50)
        for n in range(700)
    )
    with GitHubForge() as forge:
        told = Publisher(forge, (Post.SUMMARY,), summary=file).publish(replace(report, images=images, findings=()))
    size = file.stat().st_size
    assert size <= max(SUMMARY_BYTES, before)
    if before <= SUMMARY_BYTES - 3000:
        assert "not shown here" in file.read_text("utf-8")
        assert [outcome.did for outcome in told] == [Did.CREATED]
    else:
        assert [outcome.did for outcome in told] == [Did.SKIPPED]
        assert size == before


def test_where_the_comment_cannot_be_the_summary_is(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    with GitHubForge() as forge:
        forge.fail("/comments$", 403, method="POST", body={"message": "Resource not accessible by integration"})
        told = Publisher(forge, (Post.COMMENT,), summary=file).publish(samples.failing())
    assert [(outcome.post, outcome.did) for outcome in told] == [
        (Post.COMMENT, Did.FAILED),
        (Post.SUMMARY, Did.CREATED),
    ]
    assert "second workflow" in told[0].help
    assert "2 of 5 new images fail" in file.read_text("utf-8")


def test_one_thing_that_fails_does_not_keep_the_others_back(tmp_path: Path) -> None:
    with GitHubForge() as forge:
        forge.fail("/statuses/", 500)
        told = Publisher(forge, (Post.STATUS, Post.COMMENT, Post.CHECK_RUN)).publish(samples.failing())
        assert [outcome.did for outcome in told] == [Did.FAILED, Did.CREATED, Did.CREATED]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "post"),
    [
        (GitLabForge, Post.STATUS),
        (GitLabForge, Post.REPORT),
        (GiteaForge, Post.CHECK_RUN),
        (BitbucketCloud, Post.COMMENT),
        (BitbucketServer, Post.STATUS),
    ],
)
def test_what_a_forge_does_not_have_is_skipped_with_a_word(kind: type[GitLabForge], post: Post) -> None:
    with kind() as forge:
        outcome = Publisher(forge, (post,)).one(samples.clear())
        assert outcome.did is Did.SKIPPED
        assert outcome.why
        assert not forge.told("POST")


def test_a_summary_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with GitHubForge() as forge:
        told = Publisher(forge, (Post.SUMMARY,), summary=tmp_path / "no" / "such" / "folder").publish(samples.clear())
    assert [outcome.did for outcome in told] == [Did.FAILED]
    assert NUMBER == 7
