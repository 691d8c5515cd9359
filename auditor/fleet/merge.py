"""The parts of an audit, done by several machines → one audit, as one machine would have done it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Final

from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.fleet.shards import Targets, falls, missing
from auditor.history.history import History
from auditor.history.recording import RecordedFleet
from auditor.model.audit import Audited, AuditRun, Fleet, Shard

_SETTINGS: Final = "merge"
_ONE_NIGHT: Final = timedelta(hours=12)
"""How far apart the parts of one audit may begin: those of two nights begin a day apart."""


def merge(parts: Sequence[tuple[str, Fleet]], history: History) -> RecordedFleet:
    """Put parts together, each given with the name of its file. Of a part that is there twice, the one that began later counts.

    What differs from the last time was found by the parts, each by its own history: it is taken as it stands. A part that is
    missing makes the audit incomplete. Raises UsageError for parts that are not of one audit.
    """
    chosen = _chosen(parts)
    count = next(iter(chosen.values())).run.shard
    absent = missing(
        (each.shard for each in (fleet.run for fleet in chosen.values()) if each.shard), count.count if count else 0
    )
    fleets = [chosen[index] for index in sorted(chosen)]
    targets = {audited.target.name: audited.target for fleet in fleets for audited in _own(fleet)}
    run = _run([fleet.run for fleet in fleets], absent)
    if not absent and Targets(tuple(targets.values())).id != run.targets:
        why = "the parts do not hold all repositories that the audit named"
        run = replace(run, ended_early="; ".join(filter(None, (run.ended_early, why))))
    recording = history.begin(replace(run, ended_early=""), targets.values(), settings=_SETTINGS)
    for fleet in fleets:
        for audited in fleet.repositories():
            recording.record(audited)
    recording.finish(run)
    return recording.fleet()


def _chosen(parts: Sequence[tuple[str, Fleet]]) -> dict[int, Fleet]:
    """One fleet for each part that is there, by its number."""
    chosen: dict[int, Fleet] = {}
    first: tuple[str, AuditRun] | None = None
    for name, fleet in parts:
        run = fleet.run
        if run.shard is None:
            raise UsageError(
                f"{name} is a whole audit, and no part of one", help="merge what `--shard I/N` has written"
            )
        if first is not None and not _fits(first[1], run):
            raise UsageError(
                f"{name} and {first[0]} are parts of different audits",
                help="merge parts of one night, of the same targets, split into as many parts, by the same version",
            )
        first = first or (name, run)
        known = chosen.get(run.shard.index)
        if known is not None and known.run.started == run.started and not _same(known, fleet):
            raise UsageError(
                f"{name} says something else of part {run.shard} than another file of the same time",
                help="find out which of the two that part has written, and merge that one",
            )
        if known is None or known.run.started < run.started:
            chosen[run.shard.index] = fleet
    if not chosen:
        raise UsageError("nothing to merge", help="name the results of all parts")
    return chosen


def _same(one: Fleet, other: Fleet) -> bool:
    """Whether two files say the same of every repository."""
    return all(mine == theirs for mine, theirs in zip_longest(one.repositories(), other.repositories()))


def _own(fleet: Fleet) -> Iterator[Audited]:
    """The repositories of a part. Raises UsageError for one that falls into another: whose word would count?"""
    shard = fleet.run.shard
    for audited in fleet.repositories():
        if shard is not None and not falls(audited.target, shard):
            raise UsageError(
                f"the result of part {shard} tells of {audited.target.name[:100]!r}, which is of another part",
                help="merge what `--shard I/N` has written, as it was written",
            )
        yield audited


def _fits(one: AuditRun, other: AuditRun) -> bool:
    """Whether two parts are of one audit. What is left over from the night before must not stand in for a part of tonight."""
    counts = {run.shard.count for run in (one, other) if run.shard}
    same = (one.targets, one.version) == (other.targets, other.version) and len(counts) == 1
    return same and abs(one.started - other.started) <= _ONE_NIGHT


def _run(runs: list[AuditRun], absent: tuple[Shard, ...]) -> AuditRun:
    why = [run.ended_early for run in runs if run.ended_early]
    if absent:
        why.append(f"without part {', '.join(map(str, absent))}")
    previous = [run.previous for run in runs if run.previous is not None]
    return AuditRun(
        started=min(run.started for run in runs),
        version=runs[0].version,
        targets=runs[0].targets,
        seconds=max(run.seconds for run in runs),
        ended_early="; ".join(dict.fromkeys(why)),
        previous=max(previous, default=None),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
        renderers={name: version for run in runs for name, version in run.renderers.items() if version},
    )
