"""The token goes to the API that was configured, and into no message."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.model.forge import Forge as Kind
from auditor.publish.api import Access, Api
from auditor.publish.message import Message
from auditor.publish.outcome import Did, Post
from auditor.publish.publish import publish
from auditor.publish.target import TOKEN, Target, access
from auditor.report.options import RenderOptions
from fixtures.forges import Asked, BitbucketCloud, GitHubForge, Reply
from tests.support import samples
from tests.support.forges import HURRIED, NOW, NUMBER, Publisher

SECRET = "tok-0123456789abcdef"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_takes_the_token_to_another_host(status: int, method: str) -> None:
    with GitHubForge() as forge, GitHubForge() as other:
        forge.fail("/comments$", status, method=method, headers={"Location": f"{other.url}/repos/x/comments"})
        outcome = Publisher(forge).one(samples.clear())
        assert outcome.failed
        assert other.asked == []
        assert "another host" in outcome.why or "moved" in outcome.why


def test_a_redirect_within_the_api_is_followed() -> None:
    """A renamed repository: GitHub answers with the address by number."""
    with GitHubForge() as forge:

        def moved(asked: Asked, _true: Reply | None) -> Reply | None:
            return Reply(301, {}, {"Location": f"{asked.path}?moved=1"}) if "moved" not in asked.query else None

        forge.spoil("/comments$", moved, "GET")
        assert Publisher(forge).one(samples.clear()).did is Did.CREATED


def test_a_redirect_in_circles_ends() -> None:
    with GitHubForge() as forge:
        forge.fail("/comments$", 307, method="GET", headers={"Location": "/repos/acme/gitops/issues/7/comments"})
        assert Publisher(forge).one(samples.clear()).failed
        assert len(forge.told("GET", "/comments$")) <= HURRIED.redirects + 1


@pytest.mark.parametrize("where", ["http://localhost:1/x", "https://evil.example/", "//evil.example/x", "http://["])
def test_no_next_page_takes_the_token_to_another_host(where: str) -> None:
    with GitHubForge() as forge, GitHubForge() as other:
        target = where.replace("localhost:1", other.url.removeprefix("http://"))
        forge.spoil("/comments$", lambda _a, _t: Reply(200, [], {"Link": f'<{target}>; rel="next"'}), "GET")
        assert Publisher(forge).one(samples.clear()).failed
        assert other.asked == []
        assert forge.bodies(NUMBER) == []


@pytest.mark.parametrize("status", [401, 403, 422, 500])
def test_a_forge_that_repeats_the_token_does_not_make_us_print_it(status: int) -> None:
    with GitHubForge() as forge:
        forge.fail(
            "/comments$", status, method="POST", body={"message": f"bad token {SECRET} in\n::error::request\x1b[31m"}
        )
        outcome = Publisher(forge).one(samples.clear())
        told = f"{outcome} {outcome.help}"
        assert SECRET not in told
        assert "bad token ***" in told
        assert told.isprintable()


def test_the_token_is_in_no_representation() -> None:
    reached = access(Kind.GITHUB, "https://api.github.com", {TOKEN: SECRET}, plain_http=False)
    assert SECRET not in repr(reached)
    assert SECRET not in repr(Api(reached, {}, HURRIED).__dict__)
    with GitHubForge() as forge:
        assert SECRET not in repr(Publisher(forge).target)


@pytest.mark.parametrize("token", ["with space", "line\nbreak", "carriage\rreturn", "émile", "nul\x00"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        access(Kind.GITHUB, "https://api.github.com", {TOKEN: token}, plain_http=False)
    assert token not in caught.value.message + caught.value.help


@pytest.mark.parametrize(
    "base",
    ["http://github.acme.example/api/v3", "http://10.0.0.1", "ftp://x", "", "github.com", "https://u:p@x.example"],
)
def test_no_token_travels_in_plain_http(base: str) -> None:
    with pytest.raises(UsageError):
        Api(Access(base, {"Authorization": "Bearer x"}), {}, HURRIED)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://x.example"])
def test_loopback_may_be_plain(base: str) -> None:
    Api(Access(base), {}, HURRIED)


def test_plain_http_can_be_allowed() -> None:
    Api(Access("http://github.acme.example", plain_http=True), {}, HURRIED)


@pytest.mark.parametrize(
    ("forge", "variables", "header"),
    [
        (Kind.GITHUB, {"GITHUB_TOKEN": "a", TOKEN: "b"}, ("Authorization", "Bearer b")),
        (Kind.GITHUB, {"GH_TOKEN": "a"}, ("Authorization", "Bearer a")),
        (Kind.GITLAB, {"GITLAB_TOKEN": "a", "CI_JOB_TOKEN": "c"}, ("PRIVATE-TOKEN", "a")),
        (Kind.GITEA, {"FORGEJO_TOKEN": "a", "GITHUB_TOKEN": "c"}, ("Authorization", "token a")),
        (Kind.GITEA, {"GITEA_ACTIONS": "true", "GITHUB_TOKEN": "c"}, ("Authorization", "token c")),
        (Kind.GITEA, {"GITHUB_TOKEN": "c", "JENKINS_URL": "x"}, None),
        (Kind.BITBUCKET, {"BITBUCKET_TOKEN": "a"}, ("Authorization", "Bearer a")),
        (Kind.BITBUCKET_SERVER, {"BITBUCKET_TOKEN": "a"}, ("Authorization", "Bearer a")),
        (Kind.GITLAB, {"CI_JOB_TOKEN": "c", "GITHUB_TOKEN": "x"}, None),
    ],
)
def test_each_forge_has_its_own_token(
    forge: Kind, variables: Mapping[str, str], header: tuple[str, str] | None
) -> None:
    headers = access(forge, "https://x.example", variables, plain_http=False).headers
    assert (header is None and not headers) or (header is not None and headers[header[0]] == header[1])


def test_pipelines_sign_by_their_proxy() -> None:
    reached = access(Kind.BITBUCKET, "https://api.bitbucket.org", {"BITBUCKET_BUILD_NUMBER": "5"}, plain_http=False)
    assert (reached.base, reached.proxy) == ("http://api.bitbucket.org", "http://localhost:29418")
    assert not reached.headers
    own = {"BITBUCKET_BUILD_NUMBER": "5", "BITBUCKET_TOKEN": "a"}
    assert access(Kind.BITBUCKET, "https://api.bitbucket.org", own, plain_http=False).proxy == ""


class Signing(BitbucketCloud):
    """The proxy of a Pipelines build: it takes requests without a token, and signs them itself."""

    token, token_scheme = "", ""


def test_in_pipelines_the_report_goes_through_the_proxy() -> None:
    with Signing() as proxy:
        variables = {"BITBUCKET_BUILD_NUMBER": "5", "AUDITOR_PIPELINES_PROXY": proxy.url}
        reached = access(Kind.BITBUCKET, "https://api.bitbucket.org", variables, plain_http=False)
        target = Target(Kind.BITBUCKET, reached, "acme/gitops", commit=samples.HEAD, posts=(Post.REPORT,))
        message = Message(samples.failing(), RenderOptions())
        (outcome,) = publish(message, target, {}, HURRIED, NOW)
        assert outcome.did is Did.CREATED
        assert len(proxy.only.annotations) == 5
        assert {asked.headers["host"] for asked in proxy.asked} == {"api.bitbucket.org"}
        assert not [asked for asked in proxy.asked if "authorization" in asked.headers]


def test_the_authority_of_the_ci_s_own_server_is_no_other_s() -> None:
    variables = {"CI_API_V4_URL": "https://gitlab.acme.example/api/v4", "CI_SERVER_TLS_CA_FILE": "/ca.pem"}
    own = access(Kind.GITLAB, "https://gitlab.acme.example/api/v4", variables, plain_http=False)
    assert own.ca_file == "/ca.pem"
    assert access(Kind.GITLAB, "https://gitlab.com/api/v4", variables, plain_http=False).ca_file == ""
    assert access(Kind.GITHUB, "https://api.github.com", variables, plain_http=False).ca_file == ""


def test_an_answer_that_is_too_large_is_not_read() -> None:
    with GitHubForge() as forge:
        forge.fail("/comments$", 200, method="GET", body=json.dumps([{"id": 1, "body": "x" * 200_000}]))
        limits = replace(HURRIED, forge_bytes=100_000)
        outcome = Publisher(forge, limits=limits).one(samples.clear())
        assert outcome.failed
        assert "more than 100000 bytes" in outcome.why
