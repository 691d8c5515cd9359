"""Options that several commands share, and what their values may be."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from auditor.cli.parsing import Listed, Several
from auditor.errors import UsageError
from auditor.model.finding import Level
from auditor.progress import SILENT, Progress


class Environment(Struct, frozen=True):
    """What a command may know of its surroundings: given, so that tests can give another."""

    variables: Mapping[str, str]
    progress: Progress = SILENT

    @property
    def in_github_actions(self) -> bool:
        """Whether workflow commands in the log become annotations."""
        return self.variables.get("GITHUB_ACTIONS") == "true"


def add_render_option(parser: argparse.ArgumentParser) -> None:
    """Whether programs render what the tree deploys."""
    parser.add_argument(
        "--render",
        choices=("auto", "never", "require"),
        default="auto",
        help="render with kustomize (or kubectl) and helm where they are on PATH (auto: not what comes from a fork), never, "
        "or only if both are there (require)",
    )
    parser.add_argument(
        "--fetch-charts",
        action="store_true",
        help="fetch charts that are not in the tree from the hosts that manifests.charts of the rules lists",
    )


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Where the report goes and how it looks."""
    _add_report_options(
        parser,
        "table, json, sarif, junit, github, markdown, codequality, html, csv or vsa; with =FILE into a file; repeatable",
    )


def add_audit_report_options(parser: argparse.ArgumentParser) -> None:
    """Where the report of an audit goes and how it looks."""
    _add_report_options(
        parser,
        "table, json, csv, markdown, metrics or vsa, with =FILE into a file; html=FOLDER, a page for each repository and image; "
        "sarif=FOLDER, a file for each repository; repeatable",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="messages on standard error as text, or each line as a JSON object",
    )


def add_notify_option(parser: argparse.ArgumentParser) -> None:
    """Whom an audit tells."""
    parser.add_argument(
        "--notify",
        action=Several,
        default=Listed(),
        metavar="WHOM",
        help="github-issue: an issue in each repository that fails, kept up to date and closed when it is clear; "
        "github-issue=OWNER/REPO: all of them there; webhook=URL: a signed summary; repeatable",
    )
    parser.add_argument(
        "--issue-label",
        default="auditor",
        metavar="NAME",
        help="the label of these issues, made where it is missing (default auditor; '' for none)",
    )


def _add_report_options(parser: argparse.ArgumentParser, formats: str) -> None:
    group = parser.add_argument_group("report")
    group.add_argument("-f", "--format", action=Several, default=Listed(), metavar="NAME[=FILE]", help=formats)
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour of the table")
    group.add_argument("-v", "--verbose", action="store_true", help="say more: every signature, every use, every retry")
    group.add_argument(
        "-q", "--quiet", action="store_true", help="no table: only the formats asked for, and the exit status"
    )


def add_kyverno_option(parser: argparse._ActionsContainer) -> None:
    """Which Kyverno the cluster runs."""
    parser.add_argument(
        "--kyverno",
        choices=("1.13", "1.17", "1.19"),
        default="1.19",
        help="the version of Kyverno whose policies rule, where versions judge differently",
    )


def add_judging_options(parser: argparse.ArgumentParser) -> None:
    """What judges, and what fails the run."""
    group = parser.add_argument_group("judging")
    group.add_argument(
        "--config", metavar="FILE", help="rules file; inside the repository it is read from the base revision"
    )
    group.add_argument(
        "--fail-on",
        type=_level,
        default=Level.ERROR,
        metavar="LEVEL",
        help="error (default), warning or note: findings at or above it make the exit status 1",
    )
    group.add_argument("--exit-zero", action="store_true", help="report only: the exit status is 0 whatever is found")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """How registries are asked, and signatures judged."""
    group = parser.add_argument_group("network")
    group.add_argument("--offline", action="store_true", help="ask nobody: judge from the cache, the rest is unjudged")
    group.add_argument(
        "--tag-ttl",
        type=age,
        default=0.0,
        metavar="AGE",
        help="believe what a tag named for so long: 90s, 10m, 12h, 7d",
    )
    group.add_argument(
        "--listing-ttl", type=age, default=0.0, metavar="AGE", help="believe a list of signatures for so long"
    )
    group.add_argument("--refresh", action="store_true", help="use nothing from the cache, and replace what is there")
    group.add_argument(
        "--second-opinion",
        action="store_true",
        help="accept no bundle that sigstore-python can judge and refuses; `second-opinion: true` in the rules does it always",
    )
    group.add_argument("--jobs", type=jobs, default=None, metavar="N", help="requests under way at once (default 64)")
    group.add_argument("--timings", action="store_true", help="say on standard error what took how long")


def check_network_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that exclude each other; their twins may set either, so the parser cannot tell."""
    if options.offline and options.refresh:
        raise UsageError("--refresh asks again, --offline asks nobody", help="leave out one of them")


def _level(text: str) -> Level:
    if text not in {"error", "warning", "note"}:
        raise argparse.ArgumentTypeError(f"{text!r} is none of error, warning, note")
    return Level(text)


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def age(text: str) -> float:
    """Seconds: a number with a unit, or a bare 0."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s" if text == "0" else "")
    if not (number.isascii() and number.isdigit() and unit) or len(number) > _LONGEST_AGE:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 90s, 10m, 12h or 7d")
    return float(int(number) * _UNITS[unit])


_LONGEST_AGE: Final = 6
"""Digits of an age."""


def jobs(text: str) -> int:
    """How much is under way at once."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def split_format(text: str) -> tuple[str, str | None]:
    """`json=FILE` → name and file. Raises UsageError for an empty file name."""
    name, equals, file = text.partition("=")
    if equals and not file:
        raise UsageError(f"--format {text}: no file name after '='", help="write --format json=report.json")
    return name, file or None
