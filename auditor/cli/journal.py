"""What is told of an audit once its reports are written, and how the program ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from auditor.cli.notify import Wish, notify
from auditor.cli.options import Environment
from auditor.cli.streams import tell
from auditor.model.report import Exit
from auditor.report.json_v1 import finding_counts

if TYPE_CHECKING:
    from auditor.history.recording import RecordedFleet
    from auditor.model.audit import Audited


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
    """One line for each repository, and one for the run."""
    failed = seen = images = 0
    for audited in fleet.repositories():
        seen += 1
        failed += audited.failure is not None
        images += len(audited.report.images) if audited.report else 0
        _tell_repository(audited)
    run = fleet.run
    tell(
        "the audit is over",
        event="end",
        repositories=seen,
        failed=failed,
        images=images,
        seconds=round(run.seconds, 3),
        exit=int(status),
        ended_early=run.ended_early,
    )


def _tell_repository(audited: Audited) -> None:
    level, said, advice = "info", "audited", ""
    more: dict[str, Any] = {"commit": audited.commit, "exit": int(audited.exit)}
    if audited.failure is not None:
        level, said, advice = "error", audited.failure.why, audited.failure.help
        more |= {"stage": audited.failure.stage.value}
    elif audited.report is not None:
        report = audited.report
        more |= {"images": len(report.images), "findings": finding_counts(report.findings)}
    tell(said, level, help=advice, event="repository", repository=audited.target.name, **more)
