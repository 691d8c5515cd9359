"""`auditor report RESULT.json`: a saved run in other formats. The verdict is computed anew, and is the exit status."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from auditor.cli.options import Environment, add_report_options
from auditor.model.report import Exit


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="other formats of a saved run",
        description=(
            "Read a result that `-f json=FILE` wrote, and write it in other formats. Counts, fingerprints and the exit status "
            "are computed anew."
        ),
    )
    parser.add_argument("result", metavar="RESULT.json", help="the saved result")
    add_report_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Show a saved run."""
    from auditor.cli import output
    from auditor.limits import DEFAULT
    from auditor.publish.result import read_result
    from auditor.stopwatch import Stopwatch

    wanted = output.destinations(options, environment)
    report = read_result(options.result, DEFAULT, datetime.now(UTC))
    output.deliver(report, wanted, options, environment, Stopwatch(time.monotonic))
    return report.exit
