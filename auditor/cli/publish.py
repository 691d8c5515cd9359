"""`auditor publish RESULT.json`: a saved run, posted where people work. The exit status stays the verdict's."""

from __future__ import annotations

import argparse
from typing import Any

from auditor.cli.options import Environment
from auditor.cli.parsing import Listed, Several
from auditor.model.forge import POSTS, Forge
from auditor.model.report import Exit


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
        choices=POSTS,
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


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Post a saved run."""
    from auditor.cli.posting import post

    return post(options, environment)
