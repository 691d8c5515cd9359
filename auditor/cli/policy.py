"""`auditor policy lint|test|export`: the cluster's own policies, and our rules in their languages."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from auditor.cli.options import (
    Environment,
    add_judging_options,
    add_kyverno_option,
    add_network_options,
    add_report_options,
)
from auditor.cli.parsing import Single
from auditor.errors import UsageError
from auditor.model.report import Exit

_TARGETS: Final = ("kyverno", "imagevalidatingpolicy", "clusterimagepolicy", "rego", "cosign")
_TEST_FORMATS: Final = ("table", "json", "junit")


def add(commands: Any) -> None:
    """Add the command, and its own three, to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "policy",
        help="the cluster's own policies: mistakes in them, tests of them, our rules in their language",
        description="Kyverno, policy-controller, Flux, Connaisseur and Rego, offline and in one tool.",
    )
    own = parser.add_subparsers(dest="policy_command", metavar="lint|test|export", required=True)
    _add_lint(own)
    _add_test(own)
    _add_export(own)


def _add_lint(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "lint",
        help="mistakes in the policies of the tree (no network)",
        description="Find mistakes in the cluster's policies: under `policies:` of the rules, else anywhere in the tree.",
    )
    _add_tree(parser)
    add_judging_options(parser)
    add_report_options(parser)
    parser.set_defaults(execute=_lint)


def _add_test(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "test",
        help="a table of images and the verdict that each policy is to give",
        description="Ask every policy of the tree about the images of a table, and compare. 0 only if all is as expected.",
    )
    parser.add_argument("cases", metavar="CASES.yaml", help="`version: 1` and `cases:` with image and expect")
    _add_tree(parser)
    parser.add_argument("--config", metavar="FILE", help="rules file: registries, and where policies are")
    parser.add_argument("-v", "--verbose", action="store_true", help="why, also where all is as expected")
    parser.add_argument("-f", "--format", action=Single, choices=_TEST_FORMATS, default="table", help="how it is told")
    add_kyverno_option(parser)
    add_network_options(parser)
    parser.set_defaults(execute=_test)


def _add_export(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "export",
        help="auditor.yaml in another language (no network)",
        description="Write the rules as a policy. What the language cannot say is refused, never approximated.",
    )
    _add_tree(parser)
    parser.add_argument("--to", required=True, choices=_TARGETS, dest="target", help="the language")
    parser.add_argument(
        "--identity-only",
        action="store_true",
        help="compare issuer and subject alone, where the language has no word for the event and the caller of a workflow",
    )
    parser.add_argument("--config", metavar="FILE", help="rules file; inside the repository it is read from the tree")
    parser.set_defaults(execute=_export)


def _add_tree(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a folder or repository; - reads manifests"
    )
    parser.add_argument("--rev", metavar="REV", help="read this revision instead of the working tree")


def _lint(options: argparse.Namespace, environment: Environment) -> Exit:
    """Lint, and report like every other command."""
    from auditor import policy_runs
    from auditor.cli import output, sources

    wanted = output.destinations(options, environment)
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=options.rev, standard_input=sys.stdin.buffer) as (change, rules):
        report = policy_runs.lint_policies(change, rules, world)
    output.deliver(report, wanted, options, environment, world.watch)
    return report.exit


def _test(options: argparse.Namespace, environment: Environment) -> Exit:
    """Judge the table, print a line for each cell."""
    from auditor import policy_runs
    from auditor.cli import sources
    from auditor.policies.cases import read_cases
    from auditor.report.policy_cases import render_outcomes

    content = sources.read_option(options.cases, "the cases")
    assert content is not None
    cases = read_cases(content, options.cases)
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=options.rev, standard_input=sys.stdin.buffer) as (change, rules):
        rows = policy_runs.judge_cases(cases, change, rules, world)
    if not rows:
        raise UsageError("no policy was asked", help="name policies in `expect:`, or check that the tree holds some")
    sys.stdout.write(render_outcomes(rows, options.format, world.watch.seconds, verbose=options.verbose))
    return Exit.CLEAN if policy_runs.agreed(rows) else Exit.FINDINGS


def _export(options: argparse.Namespace, environment: Environment) -> Exit:
    """Write the policy to standard output."""
    from auditor import policy_runs
    from auditor.cli import sources
    from auditor.cli.streams import tell_error
    from auditor.policies.export.statements import Unsayable

    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=options.rev, standard_input=sys.stdin.buffer) as (_, rules):
        try:
            policy = policy_runs.export_rules(rules, world, options.target, identity_only=options.identity_only)
        except Unsayable as error:
            for reason in error.reasons:
                tell_error(f"{error.language} cannot say: {reason}")
            raise UsageError("the rules were not exported", help=error.help) from error
    sys.stdout.write(policy)
    return Exit.CLEAN
