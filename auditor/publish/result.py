"""A saved result, read back: perhaps from an artifact that a stranger wrote. Bounded, checked, and nothing of it believed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import Limits
from auditor.model.report import Report
from auditor.report.json_read import InvalidReport, read_report

_NEXT = "give the file that `auditor check -f json=FILE` wrote"


def read_result(path: str, limits: Limits, now: datetime) -> Report:
    """The report in a file. A run that says it began after `now` began now. Raises UsageError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(limits.result_bytes + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read {path}: {why}", help="check the path and its permissions") from None
    if len(content) > limits.result_bytes:
        raise UsageError(f"{path} is larger than {limits.result_bytes >> 20} MiB", help=_NEXT)
    try:
        report = read_report(content.decode("utf-8"))
    except (InvalidReport, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no result of version 1: {error}", help=_NEXT) from None
    return replace(report, run=replace(report.run, started=min(report.run.started, now)))
