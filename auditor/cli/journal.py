"""What is told of an audit once its reports are written, and how the program ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from auditor.cli.notify import Wish, notify
from auditor.cli.options import Environment
from auditor.cli.streams import tell
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.history.recording import RecordedFleet


def close(
    fleet: RecordedFleet, wanted: tuple[Wish, ...], options: argparse.Namespace, environment: Environment
) -> Exit:
    """Tell whoever is to be told, and the log where programs read it. `--exit-zero` forgives findings, not an early end."""
    notify(wanted, fleet, fleet.exit, environment)
    status = Exit.CLEAN if options.exit_zero and not fleet.run.ended_early else fleet.exit
    if options.log_format == "json":
        _tell_outcome(fleet, status)
    return status


def _tell_outcome(fleet: RecordedFleet, status: Exit) -> None:
    """One line for each repository that could not be audited, and one for the run."""
    failed = seen = 0
    for audited in fleet.repositories():
        seen += 1
        if audited.failure is not None:
            failed += 1
            failure = audited.failure
            tell(failure.why, "error", repository=audited.target.name, stage=failure.stage.value, help=failure.help)
    run = fleet.run
    ended = {"ended_early": run.ended_early} if run.ended_early else {}
    tell("the audit is over", repositories=seen, failed=failed, seconds=round(run.seconds), exit=int(status), **ended)
