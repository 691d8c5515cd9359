"""The repositories of an organisation, as its forge lists them; and the login that reads them.

Shapes: GitHub's REST description (`orgs/get`, `repos/list-for-org`, `repos/list-for-user`), GitLab's "Groups API" and "Projects
API". A listing that may be incomplete is an error: a repository that is left out is one that nobody audits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import FaultKind
from auditor.model.forge import Forge
from auditor.publish.api import Api, Endless, each_object
from auditor.publish.ci.job import number
from auditor.publish.outcome import Refused
from auditor.publish.target import TOKEN, access
from auditor.registry.hosts import Origin
from auditor.source.addresses import Login

_NAME: Final = re.compile(r"(?!-)[\w.-]+(?:/(?!-)[\w.-]+)+", re.ASCII)
_USERS: Final = {Forge.GITHUB: "x-access-token", Forge.GITLAB: "oauth2"}
"""Whom a token stands for where git asks for a user."""
_PAGE: Final = 100
_PUBLIC_ONLY: Final = "{} was listed without a token: only what everybody can see is in it"


class Filters(Struct, frozen=True):
    """Which repositories of an organisation are meant. `topics`: those that have all of them."""

    topics: tuple[str, ...] = ()
    match: str | None = None
    archived: bool = False
    forks: bool = False


class Listed(Struct, frozen=True):
    """What an organisation has: names, such as `acme/apps`, in order; `notes` are what the reader has to know."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Server(Struct, frozen=True):
    """A forge: `web` is where git reads (`https://github.com`), `api` where it lists."""

    forge: Forge
    web: str
    api: str


class _Repository(Struct, frozen=True):
    name: str
    topics: frozenset[str]
    archived: bool
    fork: bool
    public: bool


def server(forge: Forge, variables: Mapping[str, str]) -> Server:
    """Which server is meant: the one of this job's CI, the one that `GH_HOST` names, or the public one."""
    if forge is Forge.GITHUB:
        return _github(variables)
    api = variables.get("CI_API_V4_URL", "").rstrip("/") or "https://gitlab.com/api/v4"
    return Server(forge, variables.get("CI_SERVER_URL", "").rstrip("/") or api.removesuffix("/api/v4"), api)


def _github(variables: Mapping[str, str]) -> Server:
    """GitHub's own addresses: `api.` before the host on github.com and ghe.com, `/api/v3` on Enterprise Server."""
    api, host = variables.get("GITHUB_API_URL", "").rstrip("/"), variables.get("GH_HOST", "").strip()
    if api:
        web = variables.get("GITHUB_SERVER_URL", "").rstrip("/")
        return Server(Forge.GITHUB, web or api.removesuffix("/api/v3").replace("://api.", "://"), api)
    host = host or "github.com"
    is_cloud = host == "github.com" or host.endswith(".ghe.com")
    return Server(Forge.GITHUB, f"https://{host}", f"https://api.{host}" if is_cloud else f"https://{host}/api/v3")


def logins(variables: Mapping[str, str]) -> dict[str, Login]:
    """By origin: the tokens of this environment, each for the forge that it belongs to and for no other.

    `AUDITOR_FORGE_TOKEN` says not whose it is, and so is for listings only.
    """
    own = {name: value for name, value in variables.items() if name != TOKEN}
    found = {}
    for forge, user in _USERS.items():
        at = server(forge, variables)
        for secret in access(forge, at.api, own, plain_http=False).secrets:
            if _shares_host(at) and (web := Origin.of(at.web)).scheme == "https":
                found[str(web)] = Login(user, secret)
    return found


def _shares_host(at: Server) -> bool:
    """Whether the server that git reads is the one that the token is for: `api.` in front of it, or the same."""
    try:
        api, web = Origin.of(at.api), Origin.of(at.web)
    except ValueError:
        return False
    return api.host in {web.host, f"api.{web.host}"}


def list_organisation(
    at: Server, owner: str, filters: Filters, variables: Mapping[str, str], limits: Limits = DEFAULT
) -> Listed:
    """The repositories of an owner that pass the filters. Raises Refused and Failed where they cannot all be listed."""
    reached = access(at.forge, at.api, variables, plain_http=False)
    api = Api(reached, variables, limits)
    notes = [] if reached.secrets else [_PUBLIC_ONLY.format(owner)]
    try:
        found = _of_github(api, owner, notes) if at.forge is Forge.GITHUB else _of_gitlab(api, owner)
    except Endless as error:
        message = f"{owner} has more repositories than the {len(error.items):,} that were listed"
        raise Refused(FaultKind.TOO_MANY, message, again=False) from None
    names = sorted({each.name for each in found if _passes(each, filters)})
    return Listed(tuple(names), tuple(notes))


def _passes(each: _Repository, filters: Filters) -> bool:
    return (
        (filters.archived or not each.archived)
        and (filters.forks or not each.fork)
        and each.topics.issuperset(topic.lower() for topic in filters.topics)
        and (filters.match is None or _matches(each.name.lower(), filters.match.lower()))
    )


def _matches(name: str, glob: str) -> bool:
    return fnmatchcase(name if "/" in glob else name.rpartition("/")[2], glob)


def _of_github(api: Api, owner: str, notes: list[str]) -> list[_Repository]:
    """Oldest first, so that what is made meanwhile comes last; then counted, since what is deleted moves the others up."""
    quoted = quote(owner, safe="")
    path = f"/orgs/{quoted}"
    try:
        told = api.ask("GET", path)
    except Refused as error:
        if error.status != 404:
            raise
        path = f"/users/{quoted}"
        told = api.ask("GET", path)
    kind = "all" if path.startswith("/orgs/") else "owner"
    listed = api.pages(f"{path}/repos?type={kind}&sort=created&direction=asc&per_page=100")
    found = [_github_repository(item, api) for item in _objects(listed, api)]
    counts = told if isinstance(told, dict) else {}
    public = sum(each.public for each in found)
    wanted, private = number(counts.get("public_repos")) or 0, number(counts.get("total_private_repos")) or 0
    if public < wanted:
        message = f"{api.host} counts {wanted:,} public repositories of {owner}, and lists {public:,}"
        raise Refused(FaultKind.MALFORMED, message, again=False)
    if len(found) - public < private:
        notes.append(f"{owner} has {private:,} private repositories, of which the token sees {len(found) - public:,}")
    return found


def _github_repository(item: dict[str, Any], api: Api) -> _Repository:
    return _Repository(
        _name(item.get("full_name"), api),
        _topics(item.get("topics")),
        item.get("archived") is True,
        item.get("fork") is True,
        item.get("private") is False,
    )


def _of_gitlab(api: Api, owner: str) -> list[_Repository]:
    """A group with its subgroups; else a project of this name; else a user.

    What is removed while pages are read moves the others up, and one of them between two pages: a longer list is read twice.
    """
    quoted = quote(owner, safe="")
    query = "order_by=id&sort=asc&per_page=100"
    path = f"/groups/{quoted}/projects?include_subgroups=true&with_shared=false&{query}"
    try:
        listed = api.pages(path)
    except Refused as error:
        if error.status != 404:
            raise
        if "/" in owner:
            return [_gitlab_repository(item, api) for item in _objects([api.ask("GET", f"/projects/{quoted}")], api)]
        path = f"/users/{quoted}/projects?{query}"
        listed = api.pages(path)
    if len(listed) >= _PAGE:
        listed += api.pages(path)
    return [_gitlab_repository(item, api) for item in _objects(listed, api)]


def _gitlab_repository(item: dict[str, Any], api: Api) -> _Repository:
    name, fork = _name(item.get("path_with_namespace"), api), "forked_from_project" in item
    return _Repository(name, _topics(item.get("topics")), item.get("archived") is True, fork, public=True)


def _objects(items: list[Any], api: Api) -> list[dict[str, Any]]:
    found = list(each_object(items))
    if len(found) != len(items):
        raise Refused(FaultKind.MALFORMED, f"{api.host} lists what is no repository", again=False)
    return found


def _name(value: object, api: Api) -> str:
    """A repository's full name. One that cannot be one is no reason to leave it out."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or ".." in value:
        raise Refused(FaultKind.MALFORMED, f"{api.host} lists a repository without a name", again=False)
    return value


def _topics(value: object) -> frozenset[str]:
    items: Iterable[object] = value if isinstance(value, list) else ()
    return frozenset(item.lower() for item in items if isinstance(item, str))
