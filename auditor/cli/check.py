"""`auditor check`: the gate. Does this change deploy an image that nobody we trust has signed?"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from auditor.cli.forge import add_ci_option, compared
from auditor.cli.options import (
    Environment,
    add_judging_options,
    add_kyverno_option,
    add_network_options,
    add_render_option,
    add_report_options,
)
from auditor.cli.parsing import Listed, Several
from auditor.errors import UsageError
from auditor.model.report import Exit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="the gate: judge what a change newly deploys, or a whole tree",
        description=(
            "Judge the images that a change newly deploys. Rules are read from the base revision, so that a change cannot "
            "loosen the rule that judges it. In CI base and head are read from the environment. Without --base the whole tree "
            "gates, by its own rules."
        ),
    )
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a folder or repository; - reads manifests"
    )
    parser.add_argument(
        "--base", metavar="REV", help="the target branch: rules come from here, uses from the merge base"
    )
    parser.add_argument("--head", metavar="REV", help="the change (default: the working tree)")
    parser.add_argument(
        "--changed-only",
        action="store_true",
        help="read only what the change can reach: the same gates, images elsewhere are not listed",
    )
    parser.add_argument(
        "--image",
        action=Several,
        default=Listed(),
        metavar="REF",
        help="judge this image (or oci:FOLDER) only; repeatable",
    )
    add_ci_option(parser)
    add_render_option(parser)
    add_judging_options(parser)
    add_kyverno_option(parser)
    add_network_options(parser)
    add_report_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Judge a change, a tree, standard input, or single images by the repository's rules."""
    from auditor.cli import output, sources

    if options.image and (options.base or options.head):
        raise UsageError(
            "--image judges single images by the rules of the tree",
            help="leave out --base and --head, or leave out --image",
        )
    wanted = output.destinations(options, environment)
    asked = compared(options, environment)
    world = sources.world(options, environment, fork=asked.fork)
    with sources.open_target(
        options,
        base=asked.base,
        head=asked.head,
        standard_input=sys.stdin.buffer,
        rules=asked.rules,
        notes=asked.notes,
    ) as (change, rules_file):
        if options.image:
            from auditor import single_images

            report = single_images.check_references(tuple(options.image), change, rules_file, world)
        else:
            from auditor import pipeline

            report = pipeline.check(change, rules_file, world, changed_only=options.changed_only)
    output.deliver(report, wanted, options, environment, world.watch)
    return report.exit
