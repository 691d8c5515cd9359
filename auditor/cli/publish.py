"""`auditor publish RESULT.json`: a saved run, posted where people work. The exit status stays the verdict's."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.cli.options import Environment, Listed, Several
from auditor.errors import UsageError
from auditor.model.report import Exit
from auditor.publish.ci.job import Forge, Job, address, commit, number, project

if TYPE_CHECKING:
    from auditor.model.report import Report
    from auditor.publish.outcome import Outcome, Post
    from auditor.publish.target import Target
    from auditor.report.options import RenderOptions

_POSTS: Final = ("comment", "status", "check-run", "report", "summary")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "publish",
        help="post a saved run to the forge: one comment that is kept current, a status, a report",
        description=(
            "Post a result that `-f json=FILE` wrote. Where to is read from the CI's environment. The token is read from "
            "AUDITOR_FORGE_TOKEN or the forge's own variable (GITHUB_TOKEN, GITLAB_TOKEN, GITEA_TOKEN, BITBUCKET_TOKEN). The "
            "exit status is the verdict's, whether or not everything could be posted."
        ),
    )
    parser.add_argument("result", metavar="RESULT.json", help="the saved result")
    parser.add_argument("--forge", choices=[forge.value for forge in Forge], help="whose API this is")
    parser.add_argument("--api", metavar="URL", help="its address, such as https://github.acme.example/api/v3")
    parser.add_argument(
        "--repository", metavar="NAME", help="owner/name; GitLab: the project's number; Data Center: PROJECT/slug"
    )
    parser.add_argument("--pull-request", metavar="N", help="the pull request or merge request")
    parser.add_argument("--commit", metavar="SHA", help="the commit that gets the status or the report")
    parser.add_argument(
        "--check-name", metavar="NAME", help="tells the comments of several checks apart (default: the job's name)"
    )
    parser.add_argument(
        "--post",
        action=Several,
        default=Listed(),
        choices=_POSTS,
        metavar="WHAT",
        help="comment, status, check-run, report or summary; repeatable (default: what the forge's readers look at)",
    )
    parser.add_argument(
        "--relayed",
        action="store_true",
        help="another job, which the change may have defined, made the result: a comment that says so, and nothing else "
        "(always so in a workflow_run job)",
    )
    parser.add_argument("--plain-http", action="store_true", help="the API may be plain HTTP, the token too")
    parser.add_argument("--strict", action="store_true", help="what could not be posted is exit status 2")
    parser.set_defaults(execute=execute)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options and the CI say together."""

    job: Job
    relayed: bool


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Post a saved run."""
    from auditor.cli.streams import tell
    from auditor.limits import DEFAULT
    from auditor.publish.ci.detect import detect
    from auditor.publish.message import Message
    from auditor.publish.publish import publish
    from auditor.publish.result import read_result

    now = datetime.now(UTC)
    found = detect(environment.variables) or Job("no CI")
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
    from auditor.cli.streams import print_out
    from auditor.publish.outcome import Post
    from auditor.report.render import render

    if environment.in_github_actions and any(o.failed and o.post is Post.COMMENT for o in outcomes):
        print_out(render(message.report, "github", message.options))


def _look(options: argparse.Namespace, asked: _Asked, environment: Environment, report: Report) -> RenderOptions:
    from auditor.publish.ci.detect import blob_url
    from auditor.report.options import RenderOptions

    head = report.run.head if commit(report.run.head) else asked.job.commit
    return RenderOptions(
        blob_url=blob_url(environment.variables, head),
        key=options.check_name or asked.job.name or report.run.command,
        relayed=asked.relayed,
    )


def _target(options: argparse.Namespace, asked: _Asked, environment: Environment) -> Target:
    """Where to. Raises UsageError for what neither the options nor the CI say, or say wrongly."""
    from auditor.publish.target import DEFAULTS, Target, access

    found = asked.job
    forge = Forge(options.forge) if options.forge else found.forge
    if forge is None:
        raise UsageError(f"{found.ci} does not say which forge this is", help="name it: --forge, --api, --repository")
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
    from auditor.publish.outcome import Post

    for name in names:
        if name not in _POSTS:
            raise UsageError(f"--post {name} is not known", help=f"one of {', '.join(_POSTS)}")
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
