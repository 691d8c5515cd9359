"""`auditor images`: every image that a tree deploys, without any network."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from auditor.cli.options import Environment, add_render_option, add_report_options
from auditor.model.report import Exit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "images",
        help="every image the tree deploys, with place, workload and root (no network)",
        description="List every image that the manifests under PATH deploy. Asks nobody, but for charts with --fetch-charts.",
    )
    parser.add_argument(
        "path", nargs="?", default=".", metavar="PATH", help="a folder or repository; - reads manifests"
    )
    parser.add_argument("--rev", metavar="REV", help="read this revision instead of the working tree")
    parser.add_argument(
        "--all",
        action="store_true",
        dest="every",
        help="every kustomization and chart as a root of its own, and what nothing deploys",
    )
    parser.add_argument("--config", metavar="FILE", help="rules file whose `manifests:` section is used")
    add_render_option(parser)
    add_report_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Read the tree and print the inventory."""
    from auditor import pipeline
    from auditor.cli import output, sources

    wanted = output.destinations(options, environment)
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=options.rev, standard_input=sys.stdin.buffer) as (
        change,
        rules_file,
    ):
        report = pipeline.take_inventory(change, rules_file, world, every=options.every)
    output.deliver(report, wanted, options, environment, world.watch)
    return report.exit
