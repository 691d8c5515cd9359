"""`--notify`: whom an audit tells, once its reports are written. What goes wrong here is told, and changes no verdict."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from auditor.cli.options import Environment
from auditor.cli.streams import tell, tells_json
from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.forge import Forge
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.model.audit import Audited, Fleet
    from auditor.publish.outcome import Outcome

_ISSUE: Final = "github-issue"
_WEBHOOK: Final = "webhook"
_API: Final = "https://api.github.com"
_SERVER: Final = "https://github.com"


class Wish(Struct, frozen=True):
    """One `--notify`: what, and where to; "" where the audited repository says so itself. `label`: what issues bear."""

    what: str
    where: str
    label: str = ""


def wishes(options: argparse.Namespace, environment: Environment) -> tuple[Wish, ...]:
    """What is asked for, checked before any work is done. Raises UsageError."""
    from auditor.publish.label import check_label

    check_label(options.issue_label)
    found = []
    for text in options.notify:
        what, _, where = text.partition("=")
        if what == _WEBHOOK:
            from auditor.publish.webhook import check_address

            check_address(where, environment.variables)
        elif what != _ISSUE:
            raise UsageError(
                f"--notify {what[:60]!r} is not known",
                help="write github-issue, github-issue=OWNER/REPO or webhook=URL",
            )
        elif where and not _is_project(where):
            raise UsageError(f"--notify {_ISSUE}={where[:60]}: no repository", help="write OWNER/REPO")
        found.append(Wish(what, where, options.issue_label))
    return tuple(found)


def notify(wanted: tuple[Wish, ...], fleet: Fleet, exit_status: Exit, environment: Environment) -> None:
    """Tell whoever is to be told."""
    for wish in wanted:
        for who, outcome in _told(wish, fleet, exit_status, environment):
            if outcome.failed or tells_json():
                _tell(wish, who, outcome)


def _tell(wish: Wish, who: str, outcome: Outcome) -> None:
    """What went wrong; and what went well, for those who read it as JSON."""
    level = "warning" if outcome.failed else "info"
    more: dict[str, Any] = {
        "event": "notify",
        "notify": wish.what,
        "post": outcome.post.value,
        "outcome": outcome.did.value,
    }
    repository = {"repository": who} if wish.what == _ISSUE and who != _ISSUE else {}
    tell(f"{who}: {outcome}", level, help=outcome.help, **more, **repository)


def _told(wish: Wish, fleet: Fleet, exit_status: Exit, environment: Environment) -> Iterator[tuple[str, Outcome]]:
    from auditor.publish import webhook
    from auditor.publish.outcome import Post, failed
    from auditor.registry.faults import Failed

    if wish.what == _ISSUE:
        yield from _issues(wish, fleet, environment)
        return
    try:
        said = webhook.summary(fleet, exit_status)
        yield "webhook", webhook.post(said, wish.where, environment.variables, DEFAULT, datetime.now(UTC))
    except Failed as failure:
        yield "webhook", failed(Post.WEBHOOK, failure)


def _issues(wish: Wish, fleet: Fleet, environment: Environment) -> Iterator[tuple[str, Outcome]]:
    from auditor.publish.api import Api
    from auditor.publish.github import graphql_of, own_login
    from auditor.publish.issues import Issues
    from auditor.publish.outcome import Did, Outcome, Post, failed
    from auditor.publish.target import Target, access, token_names
    from auditor.registry.faults import Failed

    variables = environment.variables
    reached = access(Forge.GITHUB, variables.get("GITHUB_API_URL") or _API, variables, plain_http=False)
    if not reached.headers:
        why = "no token may open issues"
        yield _ISSUE, Outcome(Post.ISSUE, Did.FAILED, why, f"set {token_names(Forge.GITHUB)}")
        return
    api = Api(reached, variables, replace(DEFAULT, publish_seconds=DEFAULT.notify_seconds))
    try:
        login = own_login(api, graphql_of(Target(Forge.GITHUB, reached, wish.where)))
    except Failed as failure:
        yield _ISSUE, failed(Post.ISSUE, failure)
        return
    issues = Issues(api, login, wish.label)
    for audited in fleet.repositories():
        project = wish.where or _project(audited, variables.get("GITHUB_SERVER_URL") or _SERVER)
        if project is not None:  # it is on this forge
            yield from ((audited.target.name, each) for each in issues.keep(project, audited, datetime.now(UTC)))


def _project(audited: Audited, server: str) -> str | None:
    """`owner/name` of a repository on that server; None for one that is elsewhere."""
    parts, home = urlsplit(audited.target.address), urlsplit(server)
    found = parts.path.strip("/").removesuffix(".git")
    return found if parts.hostname == home.hostname and _is_project(found) else None


def _is_project(text: str) -> bool:
    from auditor.publish.ci.job import project

    return bool(project(text)) and text.count("/") == 1
