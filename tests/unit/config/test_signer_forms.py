"""Every way to write a signer, what it checks, and the writings that are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from auditor.config.load import load_rules
from auditor.config.match import matches
from auditor.config.names import TextKind
from auditor.config.rules import KeylessSigner, KeySigner, SignerPattern
from auditor.errors import ConfigurationError
from auditor.model.identity import Identity

GITHUB = "https://token.actions.githubusercontent.com"
LOGGED = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = date(2026, 3, 1)
KEY = b"-----BEGIN PUBLIC KEY-----\n"


def patterns(text: str) -> tuple[SignerPattern, ...]:
    files = {"auditor.yaml": f"version: 1\nsigners:\n  it: {text}\n".encode(), "keys/cosign.pub": KEY}
    return load_rules(files.get, None, today=TODAY).signers["it"].patterns


def one(text: str) -> KeylessSigner:
    (pattern,) = patterns(text)
    assert isinstance(pattern, KeylessSigner)
    return pattern


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        patterns(text)
    return [problem.message for problem in raised.value.problems]


def github(
    subject: str, source: str, *, issuer: str = GITHUB, ref: str = "refs/tags/v1", event: str = "push"
) -> Identity:
    claims = {"sourceRepositoryURI": source, "sourceRepositoryRef": ref, "buildTrigger": event}
    return Identity(issuer, subject, claims=claims)


class TestGitHub:
    def test_any_workflow_of_the_repositories(self) -> None:
        signer = one("{github: acme/*}")
        assert signer.issuer.text == GITHUB
        assert signer.require_trigger
        own = "https://github.com/acme/api/.github/workflows/x.yaml@refs/heads/main"
        reusable = "https://github.com/acme-shared/ci/.github/workflows/x.yaml@refs/heads/main"
        assert matches(signer, github(own, "https://github.com/acme/api"), LOGGED)
        assert matches(signer, github(reusable, "https://github.com/acme/api"), LOGGED)
        assert not matches(signer, github(own, "https://github.com/evil/api"), LOGGED)
        assert not matches(signer, github(own, "https://github.com/acme-evil/api"), LOGGED)
        assert not matches(signer, github(own, "https://github.com/acme/api/evil"), LOGGED)

    @pytest.mark.parametrize("workflow", ["release.yaml", ".github/workflows/release.yaml"])
    def test_the_repositorys_own_workflow(self, workflow: str) -> None:
        signer = one(f"{{github: acme/*, workflow: {workflow}, ref: 'refs/tags/v*'}}")
        subject = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v1"
        assert matches(signer, github(subject, "https://github.com/acme/api"), LOGGED)
        assert not matches(signer, github(subject, "https://github.com/acme/web"), LOGGED)
        assert not matches(signer, github(subject, "https://github.com/acme/api", ref="refs/heads/main"), LOGGED)
        assert not matches(signer, github(subject, "https://github.com/acme/api", ref="refs/tags/v1/evil"), LOGGED)
        assert not matches(signer, github(subject, "https://github.com/acme/api", event="pull_request"), LOGGED)

    def test_a_ref_cannot_play_the_workflow(self) -> None:
        signer = one("{github: 'acme/**', workflow: release.yaml}")
        ref = "refs/heads/x/.github/workflows/release.yaml@y"
        subject = f"https://github.com/acme/api/.github/workflows/evil.yaml@{ref}"
        assert not matches(signer, github(subject, "https://github.com/acme/api"), LOGGED)

    def test_a_reusable_workflow(self) -> None:
        signer = one("{github: acme/*, workflow: acme/shared/.github/workflows/release.yaml}")
        subject = "https://github.com/acme/shared/.github/workflows/release.yaml@refs/heads/main"
        assert matches(signer, github(subject, "https://github.com/acme/api"), LOGGED)
        assert not matches(signer, github(subject, "https://github.com/evil/api"), LOGGED)
        own = "https://github.com/acme/api/.github/workflows/release.yaml@refs/heads/main"
        assert not matches(signer, github(own, "https://github.com/acme/api"), LOGGED)
        pinned = one("{github: acme/*, workflow: acme/shared/.github/workflows/release.yaml@refs/tags/v2}")
        assert not matches(pinned, github(subject, "https://github.com/acme/api"), LOGGED)

    def test_numbers(self) -> None:
        signer = one("{github: acme/api, repository-id: 12, owner-id: '007'}")
        assert signer.claims["sourceRepositoryIdentifier"].text == "12"
        assert signer.claims["sourceRepositoryOwnerIdentifier"].text == "007"
        own = "https://github.com/acme/api/.github/workflows/x.yaml@refs/heads/main"
        assert not matches(signer, github(own, "https://github.com/acme/api"), LOGGED)

    @pytest.mark.parametrize(
        ("issuer", "server"),
        [
            (f"{GITHUB}/acme-inc", "https://github.com"),
            ("https://token.actions.acme.ghe.com", "https://acme.ghe.com"),
            ("https://github.acme.example/_services/token", "https://github.acme.example"),
        ],
    )
    def test_enterprises(self, issuer: str, server: str) -> None:
        signer = one(f"{{github: acme/*, issuer: '{issuer}'}}")
        subject = f"{server}/acme/api/.github/workflows/x.yaml@refs/heads/main"
        assert matches(signer, github(subject, f"{server}/acme/api", issuer=issuer), LOGGED)
        assert not matches(signer, github(subject, f"{server}/acme/api"), LOGGED)

    @pytest.mark.parametrize(
        "owner", ["'*/*'", "'*'", "acme", "'ac*/api'", "acme/api/x", "'https://github.com/acme/api'", "/api"]
    )
    def test_the_owner_is_literal(self, owner: str) -> None:
        assert "no GitHub repository pattern" in problems(f"{{github: {owner}}}")[0]

    @pytest.mark.parametrize(
        "workflow", ["'*/shared/.github/workflows/x.yaml'", "a/b", "a/b/.github/workflows/x.yaml@", "../x.yaml"]
    )
    def test_a_reusable_workflow_is_literal_too(self, workflow: str) -> None:
        assert "no reusable workflow" in problems(f"{{github: acme/*, workflow: {workflow}}}")[0]


class TestOtherShorthands:
    def test_gitlab(self) -> None:
        signer = one("{gitlab: 'acme/platform/*', ref: 'refs/tags/*'}")
        assert signer.issuer.text == "https://gitlab.com"
        subject = "https://gitlab.com/acme/platform/api//.gitlab-ci.yml@refs/tags/v1"
        source = "https://gitlab.com/acme/platform/api"
        assert matches(signer, github(subject, source, issuer="https://gitlab.com"), LOGGED)
        assert not matches(signer, github(subject, f"{source}2", issuer="https://gitlab.com"), LOGGED)
        merged = github(subject, source, issuer="https://gitlab.com", event="merge_request_event")
        assert not matches(signer, merged, LOGGED)

    def test_gitlab_of_your_own(self) -> None:
        signer = one("{gitlab: acme/api, issuer: https://gitlab.acme.example}")
        assert signer.subject.text == "https://gitlab.acme.example/acme/api//**"

    def test_email(self) -> None:
        signer = one("{email: oncall@acme.example, issuer: https://accounts.google.com}")
        assert signer.subject.kind is TextKind.EXACT
        assert matches(signer, Identity("https://accounts.google.com", "oncall@acme.example"), LOGGED)
        assert not matches(signer, Identity("https://github.com/login/oauth", "oncall@acme.example"), LOGGED)

    def test_kubernetes_spiffe_buildkite_circleci(self) -> None:
        organisation, project = "0" * 8 + "-0000-0000-0000-" + "0" * 12, "1" * 8 + "-1111-1111-1111-" + "1" * 12
        assert one("{kubernetes: build/builder, issuer: https://oidc.acme.example}").subject.text == (
            "https://kubernetes.io/namespaces/build/serviceaccounts/builder"
        )
        assert one("{spiffe: 'acme.example/ci/*', issuer: https://oidc.acme.example}").subject.text == (
            "spiffe://acme.example/ci/*"
        )
        assert one("{buildkite: acme/release}").subject.text == "https://buildkite.com/acme/release"
        circle = one(f"{{circleci: {organisation}/{project}}}")
        assert circle.issuer.text == f"https://oidc.circleci.com/org/{organisation}"
        assert circle.subject.text == f"https://circleci.com/api/v2/projects/{project}/pipeline-definitions/*"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{email: oncall@acme.example}", "no `issuer`"),
            ("{email: '*@gmail.com', issuer: https://accounts.google.com}", "a stranger"),
            ("{email: '*@*.example', issuer: https://accounts.google.com}", "no mail address"),
            ("{kubernetes: '*/builder', issuer: https://oidc.acme.example}", "no service account"),
            ("{spiffe: '*/ci', issuer: https://oidc.acme.example}", "no SPIFFE ID"),
            ("{buildkite: '*/release'}", "no Buildkite pipeline"),
            ("{circleci: '*/*'}", "no CircleCI project"),
            ("{gitlab: '*/api'}", "no GitLab project pattern"),
            ("{gitlab: '**'}", "no GitLab project pattern"),
        ],
    )
    def test_what_is_refused(self, text: str, message: str) -> None:
        assert message in problems(text)[0]


class TestWrittenOut:
    def test_glob_exact_and_expression(self) -> None:
        signer = one(f"{{issuer: {GITHUB}, subject: 'https://github.com/acme/*/x@*'}}")
        assert (signer.issuer.kind, signer.subject.kind) == (TextKind.EXACT, TextKind.GLOB)
        assert not signer.require_trigger
        regex = one(
            r"{issuer-regex: 'https://gitlab\.acme\.example/.*', subject-regex: 'https://gitlab\.acme\.example/a/.+'}"
        )
        assert (regex.issuer.kind, regex.subject.kind) == (TextKind.REGEX, TextKind.REGEX)

    def test_a_list_is_any_of(self) -> None:
        read = patterns(f"[{{github: acme/api}}, {{key: keys/cosign.pub}}, {{issuer: {GITHUB}, subject: a}}]")
        assert [type(pattern) for pattern in read] == [KeylessSigner, KeySigner, KeylessSigner]

    def test_days_and_how_it_was_written(self) -> None:
        signer = one("{github: acme/api, ref: refs/heads/main, not-before: 2026-01-01, not-after: '2026-02-01'}")
        assert (signer.not_before, signer.not_after) == (date(2026, 1, 1), date(2026, 2, 1))
        assert signer.text == "github: acme/api, ref: refs/heads/main"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{}", "says nothing"),
            ("[]", "is an empty list"),
            ("''", "is text, expected is a mapping"),
            (f"{{issuer: {GITHUB}}}", "says nothing"),
            ("{subject: 'https://github.com/acme/x'}", "no `issuer`"),
            (f"{{issuer: {GITHUB}, subject: ''}}", "is empty"),
            (f"{{issuer: {GITHUB}, subject: '**'}}", "a stranger"),
            (f"{{issuer: {GITHUB}, subject: 'https://github.com/*/x'}}", "a stranger"),
            (f"{{issuer: {GITHUB}, subject-regex: '.*'}}", "a stranger"),
            (f"{{issuer: {GITHUB}, subject-regex: '('}}", "RE2"),
            ("{issuer-regex: '.*', subject: 'https://github.com/acme/x'}", "a stranger could satisfy `issuer-regex`"),
            ("{issuer: 'https://*', subject: 'https://github.com/acme/x'}", "exact"),
            ("{issuer: accounts.google.com, subject: a@acme.example}", "cannot be"),
            ("{issuer: '', subject: a@acme.example}", "is empty"),
            (f"{{issuer: {GITHUB}, issuer-regex: 'https://a/', subject: a@b.c}}", "both"),
            (f"{{issuer: {GITHUB}, subject: a, subject-regex: a}}", "both"),
            ("{github: acme/api, key: keys/cosign.pub}", "both"),
            ("{email: a@acme.example, issuer: https://accounts.google.com, ref: x}", "says nothing beside"),
            ("{key: keys/cosign.pub, trust: public-good}", "says nothing beside"),
            ("{key: keys/none.pub}", "there is no file"),
            ("{key: ../cosign.pub}", "inside the tree"),
            ("{key: auditor.yaml}", "has no '-----BEGIN PUBLIC KEY-----'"),
            ("{github: acme/api, repository-id: x1}", "cannot be"),
            ("{github: acme/api, not-before: 2026-02-30}", "no date"),
            ("{github: acme/api, not-before: 2026-02-02, not-after: 2026-02-01}", "before"),
            ("{github: acme/api, workflwo: x.yaml}", "unknown key `workflwo`"),
            ("{github: acme/api, trust: lab}", "trust root 'lab'"),
            ("{github: acme/api, events: []}", "empty list"),
            ("{github: acme/api, ref: !x y}", "a value with a tag"),
        ],
    )
    def test_what_is_refused(self, text: str, message: str) -> None:
        assert any(message in found for found in problems(text)), problems(text)


@pytest.mark.parametrize(("more", "accepted"), [("", False), (", owner-id: 42", True), (", repository-id: 7", True)])
def test_a_written_out_subject_wants_its_owners_sources_unless_numbers_say_whose(more: str, accepted: bool) -> None:
    subject = "https://github.com/acme/ci/.github/workflows/release.yaml@refs/tags/v1"
    signer = one(f"{{issuer: {GITHUB}, subject: 'https://github.com/acme/*/.github/workflows/*@**'{more}}}")
    numbers = {"sourceRepositoryIdentifier": "7", "sourceRepositoryOwnerIdentifier": "42"}
    stranger, own = (github(subject, f"https://github.com/{owner}/api") for owner in ("evil", "acme"))
    assert bool(matches(signer, Identity(GITHUB, subject, claims={**stranger.claims, **numbers}), LOGGED)) is accepted
    assert matches(signer, Identity(GITHUB, subject, claims={**own.claims, **numbers}), LOGGED)
