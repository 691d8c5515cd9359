"""Report ↔ what is kept of it: JSON v1 without what differs from night to night where nothing has changed.

When the run began and which commit it was stand beside the document, and so the same report of two nights is kept once. How old
a trust root is becomes the day of which it is. Since when a finding has been there is told by the intervals.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from auditor.history.texts import plain
from auditor.model.report import Report
from auditor.report.json_read import InvalidReport, read_members
from auditor.report.json_v1 import document, gaps_in_order, instant
from auditor.report.view import images_worst_first, worst_first


def write_document(report: Report) -> bytes:
    """What is kept: equal for equal reports of two nights. ASCII."""
    members = document(report)
    run = members["run"]
    for name in ("started", "seconds", "head"):
        del run[name]
    for trust in run["trust"]:
        trust["age_days"] = _day(trust["age_days"], report.run.started)
    for finding in members["findings"]:
        finding.pop("since", None)
    return plain(members).encode("ascii")


def _day(age: int | None, started: datetime) -> str | None:
    """The day (ISO 8601) that was so many days before the run; None where no calendar has it."""
    try:
        return None if age is None else (started.date() - timedelta(days=age)).isoformat()
    except OverflowError:
        return None


def read_document(content: bytes, started: datetime, commit: str | None, since: Mapping[str, date]) -> Report | None:
    """The report of a run that began at `started`, as it would have been written then; None where it is damaged.

    `since` maps fingerprints to the days on which the findings were first seen.
    """
    try:
        members = json.loads(content)
        members["run"].update(started=instant(started), seconds=0.0, head=commit)
        for trust in members["run"]["trust"]:
            trust["age_days"] = _age(trust["age_days"], started)
        report = read_members(members)
    except (InvalidReport, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return _aged(report, started, since)


def as_read(report: Report, started: datetime, commit: str | None, since: Mapping[str, date]) -> Report:
    """What `read_document` would give back after `write_document`, without writing and parsing the document."""
    trust = tuple(
        replace(each, age_days=_age(_day(each.age_days, report.run.started), started)) for each in report.run.trust
    )
    ordered = replace(
        report,
        run=replace(report.run, seconds=0.0, head=commit, trust=trust),
        images=tuple(images_worst_first(report.images)),
        findings=tuple(worst_first(report.findings)),
        gaps=tuple(gaps_in_order(report.gaps)),
    )
    return _aged(ordered, started, since)


def _age(day: Any, started: datetime) -> int | None:
    return None if day is None else (started.date() - date.fromisoformat(day)).days


def _aged(report: Report, started: datetime, since: Mapping[str, date]) -> Report:
    """Nothing is older than the run that found it, also where a clock was wrong."""
    today = started.date()
    findings = tuple(
        dataclasses.replace(each, since=min(since.get(each.fingerprint, today), today)) for each in report.findings
    )
    return replace(report, run=replace(report.run, started=started), findings=findings)
