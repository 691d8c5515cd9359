"""Does an identity satisfy a signer? Every accept path, and the attack beside it that must fail."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from auditor.config.match import denies, matches, nearest, trigger, vouches, workflow_repository
from auditor.config.names import TextPattern
from auditor.config.rules import KeylessSigner, KeySigner, Signer, TrustSetting
from auditor.model.identity import Identity, SubjectType

ISSUER = "https://token.actions.githubusercontent.com"
LOGGED = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBJECT = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v1"
CLAIMS = {
    "sourceRepositoryURI": "https://github.com/acme/api",
    "sourceRepositoryRef": "refs/tags/v1",
    "buildTrigger": "push",
}
RELEASE = Identity(ISSUER, SUBJECT, SubjectType.URI, CLAIMS)
SHORTHAND = KeylessSigner(
    issuer=TextPattern.exact(ISSUER),
    subject=TextPattern.glob("https://github.com/acme/*/.github/workflows/release.yaml@**"),
    claims={
        "sourceRepositoryURI": TextPattern.glob("https://github.com/acme/*"),
        "sourceRepositoryRef": TextPattern.glob("refs/tags/v*"),
    },
    require_trigger=True,
    same_repository=True,
)
WRITTEN = KeylessSigner(issuer=TextPattern.exact(ISSUER), subject=TextPattern.glob("https://github.com/acme/*/**"))


def changed(identity: Identity = RELEASE, **claims: str | None) -> Identity:
    merged = {**identity.claims, **claims}
    return dataclasses.replace(identity, claims={name: value for name, value in merged.items() if value is not None})


def test_a_release_of_the_repository_matches() -> None:
    assert matches(SHORTHAND, RELEASE, LOGGED)
    assert matches(WRITTEN, RELEASE, LOGGED)
    assert matches(SHORTHAND, RELEASE, LOGGED).difference == ""


@pytest.mark.parametrize(
    ("identity", "part"),
    [
        (dataclasses.replace(RELEASE, issuer=f"{ISSUER}/hammer-time"), "issuer"),
        (dataclasses.replace(RELEASE, issuer=None), "issuer"),
        (dataclasses.replace(RELEASE, subject=SUBJECT.replace("acme", "evil")), "subject"),
        (dataclasses.replace(RELEASE, subject=SUBJECT.replace("release", "ci")), "subject"),
        # another repository calls acme's own workflow as a reusable one: the subject is acme's, the source is not
        (changed(sourceRepositoryURI="https://github.com/evil/fork"), "the workflow's repository"),
        # of the right owner, but another repository than the workflow's
        (changed(sourceRepositoryURI="https://github.com/acme/web"), "the workflow's repository"),
        (changed(sourceRepositoryURI=None), "the workflow's repository"),
        (changed(sourceRepositoryRef=None), "sourceRepositoryRef"),
        (changed(sourceRepositoryRef="refs/heads/main"), "sourceRepositoryRef"),
        (changed(buildTrigger=None), "trigger"),
        (changed(buildTrigger="pull_request"), "trigger"),
        (changed(buildTrigger="pull_request_target"), "trigger"),
        (changed(buildTrigger=None, githubWorkflowTrigger="pull_request"), "trigger"),
    ],
)
def test_what_differs_is_named(identity: Identity, part: str) -> None:
    match = matches(SHORTHAND, identity, LOGGED)
    assert not match
    assert match.misses[0].part == part
    assert part in match.difference


@pytest.mark.parametrize(
    ("identity", "accepted"),
    [
        (RELEASE, True),
        (changed(sourceRepositoryURI="https://github.com/acme/web"), True),
        (changed(sourceRepositoryURI="https://github.com/Acme/web"), True),
        (changed(sourceRepositoryURI="https://github.com/evil/web"), False),
        (changed(sourceRepositoryURI="https://github.com/acme-evil/web"), False),
        # certificates of 2022 say it in an older claim, the first ones not at all
        (changed(sourceRepositoryURI=None, githubWorkflowRepository="evil/web"), False),
        (changed(sourceRepositoryURI=None, githubWorkflowRepository="acme/web"), True),
        (changed(sourceRepositoryURI=None), True),
    ],
)
def test_a_strangers_run_of_ones_own_reusable_workflow_is_a_strangers(identity: Identity, accepted: bool) -> None:
    """Anybody may call a public reusable workflow: the subject names its owner, the source is the caller's."""
    match = matches(replace(WRITTEN, same_owner=True), identity, LOGGED)
    assert bool(match) is accepted
    assert accepted or match.misses[0].part == "the source repository"


class TestTriggers:
    def test_the_older_claim_counts_where_the_newer_is_absent(self) -> None:
        assert trigger(changed(buildTrigger=None, githubWorkflowTrigger="schedule")) == "schedule"
        assert trigger(changed(buildTrigger="push", githubWorkflowTrigger="pull_request")) == "push"

    def test_an_absent_trigger_is_accepted_for_issuer_and_subject_alone(self) -> None:
        old = Identity(ISSUER, SUBJECT)
        assert matches(WRITTEN, old, LOGGED)
        assert not matches(SHORTHAND, old, LOGGED)

    @pytest.mark.parametrize("ref", ["refs/pull/31/merge", "refs/pull/31/head"])
    def test_a_pull_request_ref_is_a_pull_request_even_without_a_trigger(self, ref: str) -> None:
        subject = f"https://github.com/acme/api/.github/workflows/release.yaml@{ref}"
        assert not matches(WRITTEN, Identity(ISSUER, subject), LOGGED)
        assert not matches(WRITTEN, changed(buildTrigger=None, sourceRepositoryRef=ref), LOGGED)

    def test_a_review_of_a_pull_request_runs_on_its_ref(self) -> None:
        reviewed = changed(buildTrigger="pull_request_review", sourceRepositoryRef="refs/pull/31/merge")
        assert not matches(WRITTEN, reviewed, LOGGED)
        assert matches(replace(WRITTEN, events=frozenset({"pull_request_review"})), reviewed, LOGGED)

    def test_events_name_what_is_accepted(self) -> None:
        pulls = replace(SHORTHAND, events=frozenset({"pull_request"}))
        assert matches(pulls, changed(buildTrigger="pull_request"), LOGGED)
        assert not matches(pulls, changed(buildTrigger="push"), LOGGED)
        assert not matches(pulls, changed(buildTrigger="pull_request_target"), LOGGED)
        assert not matches(replace(WRITTEN, events=frozenset({"push"})), Identity(ISSUER, SUBJECT), LOGGED)

    def test_an_exact_pull_request_subject_says_so_itself(self) -> None:
        subject = "https://github.com/acme/api/.github/workflows/ci.yaml@refs/pull/31/merge"
        identity = Identity(ISSUER, subject, claims={"buildTrigger": "pull_request"})
        assert matches(replace(WRITTEN, subject=TextPattern.exact(subject)), identity, LOGGED)
        pattern = TextPattern.glob(subject.replace("31", "*"))
        assert not matches(replace(WRITTEN, subject=pattern), identity, LOGGED)


class TestTime:
    WINDOW = replace(WRITTEN, not_before=date(2026, 1, 1), not_after=date(2026, 2, 28))

    @pytest.mark.parametrize(
        ("logged", "expected"),
        [
            (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), False),
            (datetime(2026, 1, 1, tzinfo=UTC), True),
            (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), True),
            (datetime(2026, 3, 1, tzinfo=UTC), False),
            (datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), True),
        ],
    )
    def test_both_days_are_inside_and_count_in_utc(self, logged: datetime, expected: bool) -> None:
        assert bool(matches(self.WINDOW, RELEASE, logged)) is expected


@pytest.mark.parametrize(
    ("subject", "repository"),
    [
        (SUBJECT, "https://github.com/acme/api"),
        ("https://gitlab.com/acme/a/b//.gitlab-ci.yml@refs/heads/main", "https://gitlab.com/acme/a/b"),
        ("https://gitlab.com/acme/evil//.github/workflows/x.yml@refs/heads/main", "https://gitlab.com/acme/evil"),
        ("https://buildkite.com/acme/api", None),
        ("oncall@acme.example", None),
        ("/.github/workflows/x", None),
    ],
)
def test_the_repository_of_a_workflow(subject: str, repository: str | None) -> None:
    assert workflow_repository(subject) == repository


class TestNearest:
    def test_fewest_differences_first(self) -> None:
        other = replace(
            WRITTEN, issuer=TextPattern.exact("https://accounts.google.com"), subject=TextPattern.exact("a@b.c")
        )
        signers = [Signer("mail", (other,)), Signer("release", (SHORTHAND, KeySigner("k")))]
        near = nearest([(changed(sourceRepositoryRef="refs/heads/main"), LOGGED)], signers)
        assert near is not None
        assert near.signer == "release"
        assert near.match.difference == "sourceRepositoryRef is refs/heads/main, allowed is refs/tags/v*"

    def test_then_the_most_alike_subject(self) -> None:
        far = replace(WRITTEN, subject=TextPattern.exact("https://github.com/acme/web/x"))
        close = replace(WRITTEN, subject=TextPattern.exact(SUBJECT + ".0"))
        near = nearest([(RELEASE, LOGGED)], [Signer("far", (far,)), Signer("close", (close,))])
        assert near is not None
        assert near.signer == "close"

    def test_nothing_to_compare(self) -> None:
        assert nearest([], [Signer("a", (WRITTEN,))]) is None
        assert nearest([(RELEASE, LOGGED)], [Signer("a", (KeySigner("k"),))]) is None


class TestRevocation:
    def test_what_the_certificate_says_must_match(self) -> None:
        assert denies(SHORTHAND, RELEASE, LOGGED)
        assert not denies(SHORTHAND, dataclasses.replace(RELEASE, issuer="https://gitlab.com"), LOGGED)
        assert not denies(SHORTHAND, changed(sourceRepositoryRef="refs/heads/main"), LOGGED)
        assert not denies(SHORTHAND, changed(sourceRepositoryURI="https://github.com/acme/web"), LOGGED)

    def test_what_it_lacks_does_not_save_it(self) -> None:
        assert denies(SHORTHAND, Identity(ISSUER, SUBJECT), LOGGED)
        assert denies(SHORTHAND, Identity(None, SUBJECT), LOGGED)

    def test_the_older_claims_tell_old_certificates_apart(self) -> None:
        everything = replace(SHORTHAND, subject=TextPattern.glob("https://github.com/**"), same_repository=False)
        other = Identity(
            ISSUER, SUBJECT, claims={"githubWorkflowRepository": "evil/x", "githubWorkflowRef": "refs/tags/v1"}
        )
        assert not denies(everything, other, LOGGED)
        assert denies(everything, changed(other, githubWorkflowRepository="acme/api"), LOGGED)
        assert not denies(
            everything, changed(other, githubWorkflowRepository="acme/api", githubWorkflowRef="x"), LOGGED
        )

    def test_a_pull_request_is_denied_too(self) -> None:
        assert denies(SHORTHAND, changed(buildTrigger="pull_request"), LOGGED)
        assert not denies(replace(SHORTHAND, events=frozenset({"push"})), changed(buildTrigger="pull_request"), LOGGED)

    def test_days_bound_it(self) -> None:
        since = replace(SHORTHAND, not_before=date(2026, 3, 2))
        assert not denies(since, RELEASE, LOGGED)
        assert denies(since, RELEASE, LOGGED + timedelta(days=1))


class TestTrust:
    PUBLIC = TrustSetting("public-good", "public-good")
    GITHUB = TrustSetting("github", "github")
    LAB = TrustSetting("lab", "file", issuers=("https://gitlab.acme.example",))
    BARE = TrustSetting("bare", "file")

    def test_a_lab_cannot_mint_a_github_identity(self) -> None:
        trust = (self.PUBLIC, self.LAB)
        assert not vouches(trust, "lab", RELEASE, WRITTEN)
        assert vouches(trust, "public-good", RELEASE, WRITTEN)
        assert vouches(trust, "lab", dataclasses.replace(RELEASE, issuer="https://gitlab.acme.example"), WRITTEN)

    def test_a_single_root_vouches_for_all(self) -> None:
        assert vouches((self.BARE,), "bare", RELEASE, WRITTEN)
        assert not vouches((self.PUBLIC, self.BARE), "bare", RELEASE, WRITTEN)

    def test_a_signer_names_its_root_and_no_other_counts(self) -> None:
        signer = replace(WRITTEN, trust="bare")
        assert vouches((self.PUBLIC, self.BARE), "bare", RELEASE, signer)
        assert not vouches((self.PUBLIC, self.BARE), "public-good", RELEASE, signer)
        assert not vouches((self.PUBLIC, self.LAB), "lab", RELEASE, replace(WRITTEN, trust="lab"))

    @pytest.mark.parametrize(
        ("issuer", "expected"),
        [
            (ISSUER, True),
            (f"{ISSUER}/acme", True),
            ("https://token.actions.acme.ghe.com", True),
            ("https://token.actions.githubusercontent.com.evil.example", False),
            ("http://token.actions.githubusercontent.com", False),
            ("https://accounts.google.com", False),
        ],
    )
    def test_githubs_root_is_for_github_actions(self, issuer: str, expected: bool) -> None:
        identity = dataclasses.replace(RELEASE, issuer=issuer)
        assert vouches((self.PUBLIC, self.GITHUB), "github", identity, WRITTEN) is expected

    def test_an_unknown_root_or_no_issuer_vouches_for_nobody(self) -> None:
        assert not vouches((self.PUBLIC,), "other", RELEASE, WRITTEN)
        assert not vouches((self.PUBLIC,), "public-good", dataclasses.replace(RELEASE, issuer=None), WRITTEN)
