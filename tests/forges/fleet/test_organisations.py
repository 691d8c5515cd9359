"""Listings of organisations, against simulators of the two APIs: all of them, or a failure that says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.fleet.targets import Chosen, parse_targets
from auditor.limits import DEFAULT
from auditor.model.audit import Stage
from auditor.model.forge import Forge as Kind
from auditor.publish.organisations import Filters, logins, server
from fixtures.forges.server import Asked, Forge, Reply

LIMITS = replace(DEFAULT, attempts=2, publish_seconds=20.0)


class Organisation(Forge):
    """GitHub's listing of `acme` (an organisation) and `alone` (a user). `counted` is what `orgs/get` says."""

    def __init__(self, repositories: list[dict[str, Any]]) -> None:
        super().__init__()
        self.repositories = repositories
        self.counted: dict[str, Any] = {"public_repos": sum(not each["private"] for each in repositories)}

    def answer(self, asked: Asked) -> Reply:
        if asked.path in {"/orgs/acme", "/users/alone"}:
            return Reply(200, self.counted)
        if asked.path in {"/orgs/acme/repos", "/users/alone/repos"}:
            return page(self.url, asked, self.repositories)
        return Reply(404, {"message": "Not Found"})


class Group(Forge):
    """GitLab's listing of the group `acme`."""

    token_header = "private-token"
    token_scheme = ""

    def __init__(self, projects: list[dict[str, Any]]) -> None:
        super().__init__()
        self.projects = projects
        self.removes_one = False

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/api/v4/groups/acme/projects" and asked.query["include_subgroups"] == ["true"]:
            reply = page(self.url, asked, self.projects)
            if self.removes_one:
                self.removes_one = False
                self.projects = self.projects[1:]
            return reply
        if asked.path == "/api/v4/projects/acme/apps/web":
            return Reply(200, project("acme/apps/web"))
        return Reply(404, {"message": "404 Group Not Found"})


def page(url: str, asked: Asked, items: list[dict[str, Any]]) -> Reply:
    """As both forges page: 100 at most, and a `Link` to the next one."""
    size, number = min(asked.number("per_page", 30), 100), asked.number("page", 1)
    part = items[(number - 1) * size : number * size]
    rest = "&".join(f"{name}={value[0]}" for name, value in asked.query.items() if name != "page")
    link = f'<{url}{asked.path}?{rest}&page={number + 1}>; rel="next"'
    return Reply(200, part, {"Link": link} if number * size < len(items) else {})


def repository(name: str, **more: Any) -> dict[str, Any]:
    """`repos/list-for-org`: what is read of one."""
    return {"full_name": name, "archived": False, "fork": False, "private": False, "topics": [], **more}


def project(name: str, **more: Any) -> dict[str, Any]:
    """GitLab's "Projects API": what is read of one."""
    return {"path_with_namespace": name, "archived": False, "topics": [], **more}


@pytest.fixture
def github() -> Iterator[Organisation]:
    several = [repository(f"acme/r{n:03}") for n in range(240)]
    special = [
        repository("acme/old", archived=True),
        repository("acme/copy", fork=True),
        repository("acme/gitops-a", topics=["gitops", "Prod"], private=True),
        repository("acme/gitops-b", topics=["gitops"]),
    ]
    with Organisation(several + special) as forge:
        yield forge


def listed(forge: Forge, text: str, filters: Filters | None = None, token: str | None = None) -> Chosen:
    """What is chosen of an organisation."""
    token = forge.token if token is None else token
    variables = (
        {"CI_API_V4_URL": f"{forge.url}/api/v4", "CI_SERVER_URL": forge.url, "GITLAB_TOKEN": token}
        if text.startswith("gitlab:")
        else {"GITHUB_API_URL": forge.url, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_TOKEN": token}
    )
    return parse_targets([text], variables, filters, LIMITS)


def names(chosen: Chosen) -> list[str]:
    assert chosen.targets.failed == ()
    return [target.name for target in chosen.targets.found]


def test_all_pages_without_archived_ones_and_forks(github: Organisation) -> None:
    found = names(listed(github, "github:acme"))
    assert found == ["acme/gitops-a", "acme/gitops-b", *(f"acme/r{n:03}" for n in range(240))]
    assert len(github.told("GET", "/repos$")) == 3


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (Filters(topics=("GitOps",)), ["acme/gitops-a", "acme/gitops-b"]),
        (Filters(topics=("gitops", "prod")), ["acme/gitops-a"]),
        (Filters(match="gitops-*"), ["acme/gitops-a", "acme/gitops-b"]),
        (Filters(match="acme/R00[12]"), ["acme/r001", "acme/r002"]),
        (Filters(match="[oc]*", archived=True), ["acme/old"]),
        (Filters(match="[oc]*", forks=True), ["acme/copy"]),
    ],
    ids=["topic", "topics", "glob", "full name", "archived", "forks"],
)
def test_filters(github: Organisation, filters: Filters, wanted: list[str]) -> None:
    assert names(listed(github, "github:acme", filters)) == wanted


def test_revision_and_folder_are_those_of_each(github: Organisation) -> None:
    chosen = listed(github, "github:acme#main:clusters", Filters(match="r001"))
    (target,) = chosen.targets.found
    assert (target.name, target.address) == ("acme/r001@main:clusters", "https://github.com/acme/r001.git")
    assert (target.ref, target.path) == ("main", "clusters")


def test_a_user_is_listed_too(github: Organisation) -> None:
    assert len(names(listed(github, "github:alone"))) == 242


def failure(chosen: Chosen) -> str:
    """Why nothing is known of an organisation; nothing of it is a target."""
    assert chosen.targets.found == ()
    (audited,) = chosen.targets.failed
    assert audited.failure is not None
    assert audited.failure.stage is Stage.FETCH
    assert audited.failure.help
    return audited.failure.why


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502])
def test_a_page_that_is_refused_leaves_no_shorter_list(github: Organisation, status: int) -> None:
    def second(asked: Asked, _true: Reply | None) -> Reply | None:
        return Reply(status, {"message": "no"}) if asked.number("page", 1) == 2 else None

    github.spoil("/repos$", second)
    assert str(status) in failure(listed(github, "github:acme"))


def test_fewer_than_are_counted_are_no_list(github: Organisation) -> None:
    github.counted = {"public_repos": 300}
    assert "counts 300 public repositories of acme, and lists 243" in failure(listed(github, "github:acme"))


def test_endless_pages_and_other_nonsense(github: Organisation) -> None:
    endless = {"Link": f'<{github.url}/orgs/acme/repos?page=1>; rel="next"'}
    for reply in (
        Reply(200, [repository("acme/x")], endless),
        Reply(200, [repository("acme/x"), 7]),
        Reply(200, [repository("../../etc")]),
        Reply(200, [repository("-x/y")]),
        Reply(200, [{"name": "x"}]),
        Reply(200, "<html>"),
        Reply(200, [repository("acme/x")], {"Link": '<https://elsewhere.example/x>; rel="next"'}),
    ):
        with Organisation([]) as forge:
            forge.spoil("/repos$", lambda _asked, _true, reply=reply: reply)  # type: ignore[misc] # bound here
            failure(listed(forge, "github:acme"))


def test_what_a_token_does_not_see_is_told(github: Organisation) -> None:
    github.counted["total_private_repos"] = 5
    assert listed(github, "github:acme").targets.notes == (
        "acme has 5 private repositories, of which the token sees 1",
    )


def test_a_wrong_token_is_not_repeated(github: Organisation) -> None:
    chosen = listed(github, "github:acme", token="wr0ng")
    assert "401" in failure(chosen)
    assert "wr0ng" not in repr(chosen)


def test_groups_with_subgroups_and_projects_of_a_name() -> None:
    projects = [
        *(project(f"acme/apps/p{n:03}") for n in range(150)),
        project("acme/old", archived=True),
        project("acme/copy", forked_from_project={"id": 1}),
    ]
    with Group(projects) as forge:
        chosen = listed(forge, "gitlab:acme")
        assert names(chosen) == [f"acme/apps/p{n:03}" for n in range(150)]
        assert chosen.targets.found[0].address == f"{forge.url}/acme/apps/p000.git"
        assert names(listed(forge, "gitlab:acme/apps/web")) == ["acme/apps/web"]
        assert "404" in failure(listed(forge, "gitlab:nobody"))


def test_what_is_removed_meanwhile_hides_nothing_else() -> None:
    with Group([project(f"acme/p{n:03}") for n in range(150)]) as forge:
        forge.removes_one = True
        found = names(listed(forge, "gitlab:acme"))
    assert set(found) >= {f"acme/p{n:03}" for n in range(1, 150)}


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_token_is_for_its_own_forge() -> None:
    found = logins({"GITHUB_TOKEN": "a", "GITLAB_TOKEN": "b", "AUDITOR_FORGE_TOKEN": "c"})
    assert {origin: login.password for origin, login in found.items()} == {
        "https://github.com": "a",
        "https://gitlab.com": "b",
    }
    own = {"CI_API_V4_URL": "https://git.acme.example/api/v4", "GITLAB_TOKEN": "b", "GH_HOST": "ghe.acme.example"}
    assert set(logins(own)) == {"https://git.acme.example"}
    assert set(logins(own | {"GH_TOKEN": "a"})) == {"https://git.acme.example", "https://ghe.acme.example"}
    assert (
        logins({"GITHUB_TOKEN": "a", "GITHUB_API_URL": "https://a.example", "GITHUB_SERVER_URL": "https://b.example"})
        == {}
    )
    assert logins({"GITHUB_TOKEN": "a", "GITHUB_API_URL": "http://127.0.0.1", "GITHUB_SERVER_URL": "nonsense"}) == {}


def test_a_token_without_a_name_goes_to_one_forge_only(github: Organisation) -> None:
    with Group([project("acme/x")]) as group:
        variables = {
            "GITHUB_API_URL": github.url,
            "CI_API_V4_URL": f"{group.url}/api/v4",
            "CI_SERVER_URL": group.url,
            "AUDITOR_FORGE_TOKEN": github.token,
        }
        parse_targets(["github:acme"], variables, None, LIMITS)
        assert "authorization" in github.asked[0].headers
        parse_targets(["github:acme", "gitlab:acme"], variables, None, LIMITS)
        assert not any(re.search(github.token, str(asked.headers)) for asked in group.asked)
        assert "authorization" not in github.asked[-1].headers


def test_no_token_is_sent_in_the_clear() -> None:
    with pytest.raises(UsageError, match="plain HTTP"):
        parse_targets(["github:acme"], {"GITHUB_API_URL": "http://git.acme.example", "GITHUB_TOKEN": "a"}, None, LIMITS)


def test_servers() -> None:
    assert server(Kind.GITHUB, {}).api == "https://api.github.com"
    assert server(Kind.GITHUB, {"GH_HOST": "acme.ghe.com"}).api == "https://api.acme.ghe.com"
    assert server(Kind.GITHUB, {"GH_HOST": "git.acme.example"}).api == "https://git.acme.example/api/v3"
    assert server(Kind.GITLAB, {}).web == "https://gitlab.com"
