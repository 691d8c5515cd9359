"""`auditor merge PART.json…`: the parts of an audit as one."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.cli.options import Environment, add_audit_report_options, add_notify_option
from auditor.errors import AuditorError, UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.report.fleet.json_read import SavedFleet


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "merge",
        help="put the parts of an audit together",
        description=(
            "Read what `auditor audit --shard I/N -f json=PART.json` has written on several machines, and report it as one audit. "
            "All parts must be there: without one the audit is incomplete."
        ),
    )
    parser.add_argument("parts", nargs="+", metavar="PART.json", help="the result of each part")
    parser.add_argument("--history", metavar="FILE", help="record the whole audit there, for trends")
    parser.add_argument("--exit-zero", action="store_true", help="the exit status is 0 whatever was found")
    add_audit_report_options(parser)
    add_notify_option(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Merge, and report."""
    from auditor.cli import fleet_reports
    from auditor.cli.journal import close
    from auditor.cli.notify import wishes
    from auditor.fleet.merge import merge
    from auditor.history.history import open_history

    wanted = fleet_reports.destinations(options)
    told = wishes(options, environment)
    with ExitStack() as stack:
        parts = [(name, stack.enter_context(opened(name))) for name in options.parts]
        history = Path(options.history) if options.history else None
        fleet_reports.refuse_over(history, wanted)
        recorded = stack.enter_context(open_history(history, now=datetime.now(UTC)))
        fleet = merge(parts, recorded)
        fleet_reports.deliver(fleet, wanted, options, environment)
        return close(fleet, told, options, environment)


def opened(name: str) -> SavedFleet:
    """The saved result of an audit. Raises UsageError."""
    from auditor.report.fleet.json_read import InvalidReport, read_fleet

    try:
        return read_fleet(Path(name))
    except InvalidReport as error:
        raise UsageError(
            f"{name} is no result of an audit: {error}", help="give what `auditor audit -f json=FILE` has written"
        ) from error
    except AuditorError:  # a temporary file, which says so itself
        raise
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}", help="check the path") from error
