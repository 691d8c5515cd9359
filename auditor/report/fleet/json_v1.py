"""JSON, version 1, of an audit: one document, written as it is read. Each entry of a list stands on a line of its own.

Everything is as in the report of one run, with the repository beside each entry; `repositories` and `nights` are an audit's own
(`docs/reference/json.md`). Worst first over all repositories: what is to be sorted goes through temporary files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from auditor.model.audit import Audited, AuditRun, Failure, Fleet, Night
from auditor.model.finding import Level
from auditor.report.escape import json_line
from auditor.report.fleet.census import Census
from auditor.report.fleet.spool import Spool, sort_key
from auditor.report.json_v1 import (
    SCHEMA,
    finding_counts,
    finding_json,
    gap_json,
    gaps_in_order,
    image_json,
    instant,
    run_json,
    summary_json,
)
from auditor.report.options import RenderOptions
from auditor.report.view import images_worst_first, worst_first

Json: TypeAlias = dict[str, Any]

LISTS: Final = ("images", "findings", "skipped", "repositories")
"""The lists of a document that are as long as the audit is large, in the order in which they are written."""


def render(fleet: Fleet, _options: RenderOptions) -> Iterator[str]:
    """The document in pieces, with a final newline. Reads back with `auditor.report.fleet.json_read.read_fleet`."""
    with Draft() as draft:
        draft.add_all(fleet.repositories())
        yield from draft.pieces(fleet)


class Draft:
    """A document that is begun while its audit goes on. Its repositories may come in any order: what is written is the same.

    Close it. Raises OSError where no temporary file fits.
    """

    def __init__(self) -> None:
        self._census = Census()
        with ExitStack() as stack:
            self._lists = {name: stack.enter_context(Spool()) for name in LISTS}
            self._open = stack.pop_all()

    def add(self, audited: Audited) -> None:
        """Take in what came of one target."""
        self._census.add(audited)
        _add(self._lists, audited)

    def add_all(self, repositories: Iterable[Audited]) -> None:
        """Take in several."""
        for audited in repositories:
            self.add(audited)

    def pieces(self, fleet: Fleet) -> Iterator[str]:
        """The document, as often as needed. `fleet` tells of the run and its nights; its repositories have all been added."""
        yield "{\n"
        yield f'"schema": {json_line(SCHEMA)},\n'
        yield f'"tool": {json_line({"version": fleet.run.version})},\n'
        yield f'"run": {json_line(_run(fleet, self._census))},\n'
        yield f'"summary": {json_line(self._census.summary())},\n'
        for name in LISTS:
            yield from _list(name, (body.decode() for _key, body in self._lists[name]))
            yield ",\n"
        yield from _list("nights", (json_line(_night(night)) for night in fleet.nights()))
        yield "\n}\n"

    def close(self) -> None:
        """Give the temporary files back."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _list(name: str, lines: Iterator[str]) -> Iterator[str]:
    """One member of the document, entry by entry."""
    yield f'"{name}": ['
    before = "\n"
    for line in lines:
        yield before + line
        before = ",\n"
    yield "\n]" if before == ",\n" else "]"


def _add(lists: dict[str, Spool], audited: Audited) -> None:
    """Put what is said of one repository where it is sorted."""
    name, report = audited.target.name, audited.report
    lists["repositories"].add(sort_key(name), _bytes(_repository(audited)))
    if report is None:
        return
    for image in images_worst_first(report.images):
        severity = 99 if image.verdict is None else image.verdict.severity
        key = sort_key(severity, image.reference, name, image.rule or "")
        lists["images"].add(key, _bytes({**image_json(image), "repository": name}))
    for finding in worst_first(report.findings):
        key = sort_key(0 if finding.counts else 1, finding.level.rank, name)
        lists["findings"].add(key, _bytes({**finding_json(finding), "repository": name}))
    for gap in gaps_in_order(report.gaps):
        lists["skipped"].add(sort_key(name), _bytes({**gap_json(gap), "repository": name}))


def _bytes(value: Json) -> bytes:
    return json_line(value).encode()


def _run(fleet: Fleet, census: Census) -> Json:
    """The run as a whole. What differs between repositories is told with each of them."""
    run = fleet.run
    return {
        "command": "audit",
        "target": "",
        "base": None,
        "merge_base": None,
        "head": None,
        "started": instant(run.started),
        "seconds": round(run.seconds, 3),
        "complete": census.complete and not run.ended_early,
        "exit": int(census.exit(fleet)),
        "renderers": dict(sorted(run.renderers.items())),
        "trust": [{"name": t.name, "source": t.source, "age_days": t.age_days} for t in census.trusts],
        "notes": list(run.notes),
        "fail_on": (census.fail_on or Level.ERROR).value,
        "exit_zero": census.exit_zero and census.fail_on is not None,
        "empty": False,
        **_audit_json(run),
    }


def _audit_json(run: AuditRun) -> Json:
    """What only the run of an audit has."""
    return {
        "shard": str(run.shard) if run.shard else None,
        "targets": run.targets,
        "ended_early": run.ended_early,
        "previous": instant(run.previous) if run.previous else None,
    }


def _repository(audited: Audited) -> Json:
    target, report = audited.target, audited.report
    return {
        "name": target.name,
        "address": target.address,
        "ref": target.ref,
        "path": target.path,
        "commit": audited.commit,
        "exit": int(audited.exit),
        "failure": _failure(audited.failure) if audited.failure else None,
        "summary": summary_json(report) if report else _NO_SUMMARY,
        "run": run_json(report, report.run) if report else None,
    }


_NO_SUMMARY: Final[Json] = {"images": 0, "uses": 0, "verdicts": {}, "findings": finding_counts(())}


def _failure(failure: Failure) -> Json:
    return {"stage": failure.stage.value, "why": failure.why, "help": failure.help}


def _night(night: Night) -> Json:
    verdicts = {v.value: n for v, n in sorted(night.verdicts.items(), key=lambda item: item[0].severity)}
    findings = {level.value: n for level, n in sorted(night.findings.items(), key=lambda item: item[0].rank)}
    return {
        "id": night.id,
        "started": instant(night.started),
        "repositories": night.repositories,
        "failed": night.failed,
        "images": night.images,
        "verdicts": verdicts,
        "findings": findings,
        "complete": night.complete,
    }
