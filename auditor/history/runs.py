"""Rows of runs: `AuditRun` and `Night` ↔ columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from auditor.history.store import Row, Store
from auditor.history.texts import column, instant, moment, plain
from auditor.model.audit import AuditRun, Night, Shard
from auditor.model.finding import Level
from auditor.model.report import Report
from auditor.model.verdict import Verdict

_COLUMNS: Final = "started, version, targets, seconds, shard, ended_early, previous, notes, renderers"
_NIGHT: Final = "id, started, repositories, failed, images, verdicts, findings, finished, ended_early"


def load_run(store: Store, run: int) -> AuditRun:
    """A run as it was recorded."""
    row = store.all(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run,))[0]  # noqa: S608 - constants
    started, version, targets, seconds, shard, ended_early, previous, notes, renderers = row
    return AuditRun(
        moment(started),
        version,
        targets,
        seconds,
        _shard(shard),
        ended_early,
        moment(previous) if previous else None,
        tuple(json.loads(notes)),
        json.loads(renderers),
    )


def _shard(text: str) -> Shard | None:
    index, slash, count = text.partition("/")
    return Shard(int(index), int(count)) if slash else None


def start_run(store: Store, run: AuditRun, settings: str) -> int:
    """A new run, numbered after every other."""
    previous = None if run.previous is None else instant(run.previous)
    shard = str(run.shard) if run.shard else ""
    store.all(
        "INSERT INTO runs (started, version, targets, settings, shard, previous) VALUES (?, ?, ?, ?, ?, ?)",
        (instant(run.started), run.version, run.targets, settings, shard, previous),
    )
    found: int = store.all("SELECT max(id) FROM runs")[0][0]
    return found


def day_of(started: str, before: str | None, after: str | None) -> date:
    """The day (UTC) on which a run began, by its own clock and those of the runs before and after it.

    The one in the middle counts: a clock that was wrong for one run is put right by its neighbours.
    """
    if before is not None and after is not None:
        started = sorted((started, before, after))[1]
    return moment(started).date()


def end_run(store: Store, number: int, run: AuditRun) -> None:
    """What is known of a run at its end, and the sums over its repositories."""
    outcomes = store.all(
        "SELECT failure IS NOT NULL, images, verdicts, findings FROM results JOIN outcomes ON outcomes.id = outcome WHERE run = ?",
        (number,),
    )
    store.all(
        "UPDATE runs SET finished = 1, ended_early = ?, seconds = ?, notes = ?, renderers = ?, repositories = ?, failed = ?,"
        " images = ?, verdicts = ?, findings = ? WHERE id = ?",
        (
            column(run.ended_early),
            run.seconds,
            plain(run.notes),
            plain(dict(run.renderers)),
            len(outcomes),
            sum(row[0] for row in outcomes),
            sum(row[1] for row in outcomes),
            plain(summed(row[2] for row in outcomes)),
            plain(summed(row[3] for row in outcomes)),
            number,
        ),
    )


def summed(counts: Iterable[str]) -> Mapping[str, int]:
    """The sum of counts in JSON, by name."""
    total: Counter[str] = Counter()
    for text in counts:
        total.update(json.loads(text))
    return total


def counted(report: Report) -> tuple[int, str, str]:
    """Images; verdicts, and findings that count, in JSON."""
    findings = Counter(each.level.value for each in report.findings if each.counts and each.level is not Level.OFF)
    return len(report.images), plain({str(k): n for k, n in report.verdicts().items()}), plain(findings)


def nights(store: Store, shard: str | None = None, until: int | None = None) -> tuple[Night, ...]:
    """The runs that are over, oldest first; those of one shard where it is given, none after `until` where that is."""
    rows = store.all(f"SELECT {_NIGHT}, shard FROM runs ORDER BY id")  # noqa: S608 - constants
    return tuple(
        _night(row)
        for row in rows
        if row[7] and (shard is None or row[9] == shard) and (until is None or row[0] <= until)
    )


def _night(row: Row) -> Night:
    number, started, repositories, failed, images, verdicts, findings, _, ended_early = row[:9]
    return Night(
        number,
        moment(started),
        repositories,
        failed,
        images,
        {Verdict(name): count for name, count in sorted(json.loads(verdicts).items(), key=_severity)},
        {Level(name): count for name, count in sorted(json.loads(findings).items(), key=_rank)},
        complete=not ended_early and not failed,
    )


def _severity(item: tuple[str, int]) -> int:
    return Verdict(item[0]).severity


def _rank(item: tuple[str, int]) -> int:
    return Level(item[0]).rank
