"""What `auditor publish` does: where to from the CI and the options, the result from its file, and the posts."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from auditor.cli.options import Environment
from auditor.cli.streams import print_out, tell
from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.forge import POSTS, Forge
from auditor.model.report import Exit, Report
from auditor.publish.ci.detect import blob_url, detect
from auditor.publish.ci.job import Job, address, commit, number, project
from auditor.publish.message import Message
from auditor.publish.outcome import Outcome, Post
from auditor.publish.publish import publish
from auditor.publish.result import read_result
from auditor.publish.target import DEFAULTS, Target, access
from auditor.report.options import RenderOptions
from auditor.report.render import render


class _Asked(Struct, frozen=True):
    """What the options and the CI say together."""

    job: Job
    relayed: bool


def post(options: argparse.Namespace, environment: Environment) -> Exit:
    """Read a saved run, find out where to, post. The exit status is the verdict's."""
    now = datetime.now(UTC)
    found = detect(environment.variables) or Job("")
    asked = _Asked(found, relayed=options.relayed or found.relayed)
    target = _target(options, asked, environment)
    report = read_result(options.result, DEFAULT, now)
    message = Message(report, _look(options, asked, environment, report))
    outcomes = publish(message, target, environment.variables, DEFAULT, now)
    for outcome in outcomes:
        tell(f"{target.forge.value}: {outcome}")
        if outcome.help:
            tell(f"  help: {outcome.help}")
    _degrade(message, outcomes, environment)
    if options.strict and any(outcome.failed for outcome in outcomes):
        return Exit.USAGE
    return report.exit


def _degrade(message: Any, outcomes: tuple[Outcome, ...], environment: Environment) -> None:
    """Where nobody will see a comment, annotations say what it would have said."""
    if environment.in_github_actions and any(o.failed and o.post is Post.COMMENT for o in outcomes):
        print_out(render(message.report, "github", message.options))


def _look(options: argparse.Namespace, asked: _Asked, environment: Environment, report: Report) -> RenderOptions:
    head = report.run.head if commit(report.run.head) else asked.job.commit
    return RenderOptions(
        blob_url=blob_url(environment.variables, head),
        key=options.check_name or asked.job.name or report.run.command,
        relayed=asked.relayed,
    )


def _target(options: argparse.Namespace, asked: _Asked, environment: Environment) -> Target:
    """Where to. Raises UsageError for what neither the options nor the CI say, or say wrongly."""
    found = asked.job
    forge = Forge(options.forge) if options.forge else found.forge
    if forge is None:
        why = f"{found.ci} does not say which forge this is" if found.ci else "no CI says where the result goes"
        raise UsageError(why, help="name it: --forge, --api, --repository, and --pull-request or --commit")
    base = address(options.api) if options.api else found.api if forge is found.forge else _PUBLIC.get(forge, "")
    if not base:
        raise UsageError("the address of the forge's API is not known", help="name it: --api https://…")
    named = _project(options.repository, forge) if options.repository else found.project
    if not named:
        raise UsageError("the repository is not known", help="name it: --repository owner/name")
    reached = access(forge, base, environment.variables, plain_http=options.plain_http)
    told = _checked(options.commit, commit, "--commit takes a whole commit name")
    summary = environment.variables.get("GITHUB_STEP_SUMMARY", "") if forge is Forge.GITHUB else ""
    return Target(
        forge=forge,
        access=reached,
        project=named,
        pull_request=_checked(options.pull_request, number, "--pull-request takes a number") or found.pull_request,
        commit=found.commit if asked.relayed and found.relayed else told or found.commit,
        posts=_posts(options.post) or DEFAULTS[forge],
        summary=Path(summary) if summary else None,
        heads=found.heads if found.relayed else (told,) if told else found.heads,
        source=found.source,
        graphql=environment.variables.get("GITHUB_GRAPHQL_URL", "") if not options.api else "",
    )


_PUBLIC: Final = {
    Forge.GITHUB: "https://api.github.com",
    Forge.GITLAB: "https://gitlab.com/api/v4",
    Forge.BITBUCKET: "https://api.bitbucket.org",
}


def _posts(names: list[str]) -> tuple[Post, ...]:
    for name in names:
        if name not in POSTS:
            raise UsageError(f"--post {name} is not known", help=f"one of {', '.join(POSTS)}")
    return tuple(dict.fromkeys(Post(name) for name in names))


def _project(text: str, forge: Forge) -> str:
    """The repository, as the forge's addresses have it. GitLab takes a number, or the path with its slashes encoded."""
    if forge is Forge.GITLAB and text.isascii() and text.isdigit():
        return text
    named = project(text.lstrip("~")) and project(text)
    if not named:
        raise UsageError(f"{text[:100]!r} is no repository", help="write owner/name")
    return named.replace("/", "%2F") if forge is Forge.GITLAB else named


def _checked(text: str | None, read: Any, message: str) -> Any:
    if text is None:
        return None
    told = read(text)
    if not told:
        raise UsageError(message, help=f"got {text[:60]!r}")
    return told
