"""An audit: the trees of many repositories, each judged whole, and what is different since the last time.

An audit can be larger than memory. What reports read is therefore a `Fleet`: its repositories come one at a time, and as often
as a report goes through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from auditor.model.case import Case
from auditor.model.finding import Level
from auditor.model.report import Exit, Report
from auditor.model.verdict import Verdict


class Target(Struct, frozen=True):
    """One tree to audit. `name` is unique within an audit, and is what history knows it by.

    `address` is a local path or the address of a git repository, without a password. `ref` is a branch, a tag or a commit,
    None for what HEAD names there. `path` is the folder below the top that is asked for, "" for all of the tree.
    """

    name: str
    address: str
    ref: str | None = None
    path: str = ""


class Stage(StrEnum):
    """Where the audit of one repository ended too early."""

    FETCH = "fetch"  # it could not be reached, or not be cloned
    READ = "read"  # its tree or its rules could not be read
    TIME = "time"  # the run was over before its turn came
    WORKER = "worker"  # the machine that worked on it was lost, twice
    INTERNAL = "internal"  # an unexpected exception; a log tells


class Failure(Case, frozen=True):
    """Why a repository was not audited, and what the reader can do."""

    stage: Stage
    why: str
    help: str = ""


class Audited(Struct, frozen=True):
    """What came of one target: its report, or why there is none.

    Drift since the last time is among the findings of the report, and each finding knows since when it has been there.
    """

    target: Target
    commit: str | None = None
    """None for a plain folder, and where the repository could not be reached."""
    report: Report | None = None
    failure: Failure | None = None

    @property
    def exit(self) -> Exit:
        """As the gate would end on this tree alone. What could not be audited is incomplete."""
        return self.report.exit if self.report is not None else Exit.INCOMPLETE


class Shard(Struct, frozen=True):
    """The part of an audit that one machine did: `index` from 1 to `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class Night(Struct, frozen=True):
    """One run of an audit in numbers: what a trend is drawn from. `id` is its number in the history, 0 without one."""

    id: int
    started: datetime
    repositories: int
    failed: int
    images: int
    verdicts: Mapping[Verdict, int]
    findings: Mapping[Level, int]
    """Those that count: neither waived nor in a baseline."""
    complete: bool = True


class AuditRun(Struct, frozen=True):
    """How an audit came to be. `targets` is a SHA-256 over the names of all its targets, those of the other shards too."""

    started: datetime
    version: str
    targets: str
    seconds: float = 0.0
    shard: Shard | None = None
    ended_early: str = ""
    """Why it stopped before it was through (`--max-time`, a signal); empty where it was not."""
    previous: datetime | None = None
    """When the run began that drift is measured against; None for the first."""
    notes: tuple[str, ...] = ()
    renderers: Mapping[str, str | None] = field(default_factory=dict)


class Fleet(Protocol):
    """What reports of an audit are written from."""

    @property
    def run(self) -> AuditRun:
        """How the audit came to be."""
        ...

    def repositories(self) -> Iterator[Audited]:
        """Each target with what came of it, in the order of names. Read one at a time; may be gone through repeatedly."""
        ...

    def nights(self) -> tuple[Night, ...]:
        """The runs that the history knows, oldest first, this one last."""
        ...


def fleet_exit(fleet: Fleet) -> Exit:
    """How an audit ends. Goes through all of it."""
    return exit_of((audited.exit for audited in fleet.repositories()), fleet.run)


def exit_of(exits: Iterable[Exit], run: AuditRun) -> Exit:
    """1 where a repository fails, else 3 where one is incomplete or the run ended early, else 0."""
    seen = frozenset(exits)
    if Exit.FINDINGS in seen:
        return Exit.FINDINGS
    return Exit.INCOMPLETE if Exit.INCOMPLETE in seen or run.ended_early else Exit.CLEAN
