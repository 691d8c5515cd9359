"""JSON, version 1, of an audit → `Fleet`: parts of an audit that other machines did, and saved ones in other formats.

The document may come from anywhere and be larger than memory. Every field is checked when it is opened, and nothing that can be
derived is believed. What it holds is sorted by repository in a temporary file, from which the reports are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits
from auditor.model.audit import Audited, AuditRun, Failure, Night, Shard, Stage, Target
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.report import Image, Report
from auditor.model.verdict import Verdict
from auditor.report.fields import Fields, InvalidReport
from auditor.report.fleet.json_parts import members
from auditor.report.fleet.spool import Spool, sort_key
from auditor.report.json_read import read_finding, read_gap, read_image, read_instant, read_run, read_seconds
from auditor.report.json_v1 import SCHEMA

__all__ = ["InvalidReport", "SavedFleet", "is_audit", "read_fleet"]

_LISTS: Final = ("repositories", "images", "findings", "skipped")
"""A repository comes before what is said of it."""
_NIGHTS: Final = 10_000
"""Nights of one trend: 27 years."""
_SHARD: Final = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


class SavedFleet:
    """An audit that was read from a file. Close it to give the space of its temporary file back."""

    def __init__(self, run: AuditRun, nights: tuple[Night, ...], spool: Spool) -> None:
        self._run = run
        self._nights = nights
        self._spool = spool

    @property
    def run(self) -> AuditRun:
        """How the audit came to be."""
        return self._run

    def repositories(self) -> Iterator[Audited]:
        """Each target with what came of it, in the order of names."""
        for _name, records in groupby(self._spool, key=lambda record: _owner(record[0])):
            yield _audited([body for _key, body in records], self._run.version)

    def nights(self) -> tuple[Night, ...]:
        """The runs that the document tells of, oldest first."""
        return self._nights

    def close(self) -> None:
        """It cannot be read any more after this."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_fleet(path: Path, limits: Limits = DEFAULT) -> SavedFleet:
    """Read what `auditor.report.fleet.json_v1.render` wrote. Raises InvalidReport, and OSError."""
    spool = Spool()
    try:
        run, nights = _fill(spool, path, limits)
        _check_owners(spool)
    except BaseException:
        spool.close()
        raise
    return SavedFleet(run, nights, spool)


def is_audit(path: Path, limits: Limits = DEFAULT) -> bool:
    """Whether a file says that it is the result of an audit. One that cannot be read, or is no JSON, is none."""
    try:
        with path.open("rb") as file:
            found = members(file, (), {"run"}, limits.audit_entry_bytes)
            run = next((value for _, value in found), None)
    except (InvalidReport, OSError, ValueError):
        return False
    return isinstance(run, dict) and run.get("command") == "audit"


def _fill(spool: Spool, path: Path, limits: Limits) -> tuple[AuditRun, tuple[Night, ...]]:
    """Go through the document once."""
    values, nights = dict[str, Any](), list[Night]()
    with path.open("rb") as file:
        for name, value in members(file, {*_LISTS, "nights"}, {"schema", "tool", "run"}, limits.audit_entry_bytes):
            if name == "nights":
                nights.append(_night(_object(value, f"report.nights[{len(nights)}]")))
            elif name in _LISTS:
                _keep(spool, name, _object(value, f"report.{name}[…]"))
            elif name in values:
                raise InvalidReport(f"report: {name} stands there twice")
            else:
                values[name] = value
            if len(nights) > _NIGHTS:
                raise InvalidReport(f"report.nights: more than {_NIGHTS}")
    return _audit_run(values), tuple(nights)


def _object(value: Any, where: str) -> Fields:
    if not isinstance(value, dict):
        raise InvalidReport(f"{where}: expected an object")
    return Fields(value, where)


def _keep(spool: Spool, name: str, entry: Fields) -> None:
    """Check an entry, and put it beside what else is said of its repository."""
    _READERS[name](entry)
    owner = entry.text("name" if name == "repositories" else "repository")
    rank = _LISTS.index(name)
    spool.add(sort_key(owner, rank), json.dumps([rank, entry.members]).encode())


def _owner(key: bytes) -> bytes:
    """The part of a key that stands for the repository."""
    return key[:-8]


def _check_owners(spool: Spool) -> None:
    """Each repository once, and nothing about one that is not listed."""
    for _name, records in groupby(spool, key=lambda record: _owner(record[0])):
        ranks = [int.from_bytes(key[-8:]) for key, _body in records]
        if ranks.count(0) != 1:
            wrong = "a repository stands there twice" if 0 in ranks else "something is said of one that is not listed"
            raise InvalidReport(f"report.repositories: {wrong}")


def _audited(bodies: list[bytes], version: str) -> Audited:
    """A repository from its own entry, which comes first, and what is said of it."""
    images, findings, gaps = list[Image](), list[Finding](), list[Gap]()
    head: Fields | None = None
    for body in bodies:
        rank, values = json.loads(body)
        entry = Fields(values, f"report.{_LISTS[rank]}[…]")
        match _LISTS[rank]:
            case "images":
                images.append(replace(read_image(entry), repository=None))
            case "findings":
                findings.append(read_finding(entry))
            case "skipped":
                gaps.append(read_gap(entry))
            case _:
                head = entry
    assert head is not None
    audited = _repository(head, version)
    if audited.report is None:
        return audited
    report = replace(audited.report, images=tuple(images), findings=tuple(findings), gaps=tuple(gaps))
    return replace(audited, report=report)


def _repository(entry: Fields, version: str = "") -> Audited:
    """A repository without what is said of it."""
    run, failure = entry.fields_or_none("run"), entry.fields_or_none("failure")
    if run is None and failure is None:
        raise InvalidReport(f"{entry.where}: neither a run nor a failure")
    return Audited(
        Target(entry.text("name"), entry.text("address"), entry.text_or_none("ref"), entry.text("path")),
        commit=entry.text_or_none("commit"),
        report=Report(
            run=read_run(run, version),
            fail_on=run.parsed("fail_on", Level, Level.ERROR.value),
            exit_zero=run.truth("exit_zero", False),
            empty=run.truth("empty", False),
        )
        if run
        else None,
        failure=Failure(failure.parsed("stage", Stage), failure.text("why"), failure.text("help", ""))
        if failure
        else None,
    )


_READERS: Final[Mapping[str, Callable[[Fields], object]]] = {
    "repositories": _repository,
    "images": read_image,
    "findings": read_finding,
    "skipped": read_gap,
}


def _night(night: Fields) -> Night:
    verdicts, findings = night.fields("verdicts"), night.fields("findings")
    return Night(
        id=_count(night, "id"),
        started=night.parsed("started", read_instant),
        repositories=_count(night, "repositories"),
        failed=_count(night, "failed"),
        images=_count(night, "images"),
        verdicts=MappingProxyType({_word(Verdict, name, night): _count(verdicts, name) for name in verdicts.members}),
        findings=MappingProxyType({_word(Level, name, night): _count(findings, name) for name in findings.members}),
        complete=night.truth("complete", True),
    )


def _count(fields: Fields, name: str) -> int:
    number = fields.number(name)
    if number is None or number < 0:
        raise InvalidReport(f"{fields.where}.{name}: expected a number that is not negative")
    return number


def _word(kind: Any, name: str, fields: Fields) -> Any:
    try:
        return kind(name)
    except ValueError:
        raise InvalidReport(f"{fields.where}: {name[:60]!r} is unknown") from None


class _Top(Struct, frozen=True):
    """The members that a document has once."""

    run: Fields
    version: str


def _top(values: dict[str, Any]) -> _Top:
    fields = Fields(values, "report")
    if fields.text("schema") != SCHEMA:
        raise InvalidReport(f"schema is {fields.text('schema')[:60]!r}, this reads {SCHEMA!r}")
    run = fields.fields("run")
    if run.text("command") != "audit":
        raise InvalidReport(f"the result of `auditor {run.text('command')[:60]}`, which is no audit")
    return _Top(run, fields.fields("tool").text("version"))


def _audit_run(values: dict[str, Any]) -> AuditRun:
    top = _top(values)
    run, renderers = top.run, top.run.fields("renderers")
    previous: datetime | None = run.parsed_or_none("previous", read_instant)
    return AuditRun(
        started=run.parsed("started", read_instant),
        version=top.version,
        targets=run.text("targets"),
        seconds=read_seconds(run),
        shard=run.parsed_or_none("shard", _shard),
        ended_early=run.text("ended_early", ""),
        previous=previous,
        notes=run.texts("notes"),
        renderers=MappingProxyType({name: renderers.text_or_none(name) for name in renderers.members}),
    )


def _shard(text: str) -> Shard:
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError(text)
    return Shard(int(match[1]), int(match[2]))
