"""`auditor report RESULT.json`: a saved run in other formats. The verdict is computed anew, and is the exit status."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
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
            "are computed anew. The result of an audit has the formats of `auditor audit`."
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
    from auditor.report.fleet.json_read import is_audit
    from auditor.stopwatch import Stopwatch

    if is_audit(Path(options.result)):
        return _audit(options, environment)
    wanted = output.destinations(options, environment)
    report = read_result(options.result, DEFAULT, datetime.now(UTC))
    output.deliver(report, wanted, options, environment, Stopwatch(time.monotonic))
    return report.exit


def _audit(options: argparse.Namespace, environment: Environment) -> Exit:
    from auditor.cli import fleet_reports
    from auditor.cli.merge import opened
    from auditor.model.audit import fleet_exit

    wanted = fleet_reports.destinations(options)
    with opened(options.result) as fleet:
        fleet_reports.deliver(fleet, wanted, options, environment)
        return fleet_exit(fleet)
