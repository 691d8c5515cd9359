"""Where a result goes: forge, project, change, commit, and the token. And whether it may."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from auditor.errors import UsageError
from auditor.model.forge import Forge
from auditor.publish.api import Access
from auditor.publish.ci.github import is_gitea
from auditor.publish.outcome import Post

TOKEN: Final = "AUDITOR_FORGE_TOKEN"  # noqa: S105 - the name of a variable
_TOKENS: Final = {
    Forge.GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    Forge.GITLAB: ("GITLAB_TOKEN",),
    Forge.GITEA: ("GITEA_TOKEN", "FORGEJO_TOKEN"),
    Forge.BITBUCKET: ("BITBUCKET_TOKEN",),
    Forge.BITBUCKET_SERVER: ("BITBUCKET_TOKEN",),
}
_SCHEMES: Final = {
    Forge.GITHUB: ("Authorization", "Bearer "),
    Forge.GITLAB: ("PRIVATE-TOKEN", ""),
    Forge.GITEA: ("Authorization", "token "),
    Forge.BITBUCKET: ("Authorization", "Bearer "),
    Forge.BITBUCKET_SERVER: ("Authorization", "Bearer "),
}
DEFAULTS: Final = {
    Forge.GITHUB: (Post.COMMENT, Post.SUMMARY),
    Forge.GITLAB: (Post.COMMENT,),
    Forge.GITEA: (Post.COMMENT, Post.STATUS),
    Forge.BITBUCKET: (Post.REPORT,),
    Forge.BITBUCKET_SERVER: (Post.REPORT,),
}
"""What is published where nothing else is asked for: where each forge's people look."""
_PROXY: Final = "http://localhost:29418"
"""Bitbucket Pipelines runs a proxy that signs requests to http://api.bitbucket.org ("Code Insights")."""


class Target(Struct, frozen=True):
    """Where a result goes. `summary` is the file of the job's summary page, None where there is none."""

    forge: Forge
    access: Access
    project: str
    pull_request: int | None = None
    commit: str | None = None
    posts: tuple[Post, ...] = ()
    summary: Path | None = None
    heads: tuple[str, ...] = ()
    source: str = ""
    graphql: str = ""


def access(forge: Forge, base: str, variables: Mapping[str, str], *, plain_http: bool) -> Access:
    """How the API is reached. Raises UsageError for a token that no header can carry."""
    names = (TOKEN, *_names(forge, variables))
    token = next((value for name in names if (value := variables.get(name, "").strip())), "")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token holds characters that no token has", help=f"look at {', '.join(names)}")
    header, scheme = _SCHEMES[forge]
    own_server = forge is Forge.GITLAB and base == variables.get("CI_API_V4_URL", "").rstrip("/")
    ca_file = variables.get("CI_SERVER_TLS_CA_FILE", "") if own_server else ""
    if not token and forge is Forge.BITBUCKET and variables.get("BITBUCKET_BUILD_NUMBER"):
        return Access(
            "http://api.bitbucket.org", plain_http=True, proxy=variables.get("AUDITOR_PIPELINES_PROXY", _PROXY)
        )
    return Access(
        base,
        {header: f"{scheme}{token}", **_MORE.get(forge, {})} if token else {},
        (token,) if token else (),
        plain_http,
        ca_file=ca_file,
    )


def _names(forge: Forge, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The variables of this forge's tokens. Gitea's own jobs have theirs in GitHub's variable; elsewhere that one is GitHub's."""
    ours = forge is Forge.GITEA and is_gitea(variables)
    return (*_TOKENS[forge], *(("GITHUB_TOKEN",) if ours else ()))


_MORE: Final = {Forge.GITHUB: {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}}


def token_names(forge: Forge) -> str:
    """The variables that may hold the token."""
    return " or ".join((TOKEN, *_TOKENS[forge]))
