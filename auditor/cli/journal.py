"""What the log of an audit says at its end, for those who read logs by program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.cli.streams import tell

if TYPE_CHECKING:
    from auditor.history.recording import RecordedFleet


def tell_outcome(fleet: RecordedFleet) -> None:
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
    status = int(fleet.exit)
    tell("the audit is over", repositories=seen, failed=failed, seconds=round(run.seconds), exit=status, **ended)
