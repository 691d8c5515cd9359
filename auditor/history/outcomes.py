"""What came of one target in one run ↔ rows. Equal outcomes of many nights are kept once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from datetime import date, datetime
from typing import Final, NamedTuple

from auditor.history.documents import read_document, write_document
from auditor.history.intervals import ages
from auditor.history.runs import counted
from auditor.history.store import Row, Store
from auditor.history.texts import hashed, packed, plain, unpacked
from auditor.model.audit import Audited, Failure, Stage, Target
from auditor.model.report import Report

_AT_ONCE: Final = 200
"""Rows of one question, where a fleet is gone through."""
_COLUMNS: Final = "target, commit_id, failure, document"


class Stored(NamedTuple):
    """The number of an outcome, and the hash of its document (None for a failure)."""

    outcome: int
    document: bytes | None


def store_outcome(store: Store, audited: Audited) -> Stored:
    """Keep what came of a target. Inside a transaction."""
    document, content = None, b""
    images, verdicts, findings = 0, "{}", "{}"
    if audited.report is not None:
        content = write_document(audited.report)
        document = hashlib.sha256(content).digest()
        images, verdicts, findings = counted(audited.report)
    target, failure = audited.target, audited.failure
    named = plain([target.name, target.address, target.ref, target.path])
    told = None if failure is None else plain([failure.stage.value, failure.why, failure.help])
    values = (named, audited.commit, told, document, int(audited.exit), images, verdicts, findings)
    key = hashed(*(each.hex() if isinstance(each, bytes) else each for each in values))
    known = store.one("SELECT id FROM outcomes WHERE hash = ?", (key,))
    if known is not None:  # as on most nights; its document is there too
        return Stored(known[0], document)
    if document is not None and store.one("SELECT 1 FROM documents WHERE hash = ?", (document,)) is None:
        store.all("INSERT INTO documents (hash, content) VALUES (?, ?)", (document, packed(content)))
    store.all(
        "INSERT INTO outcomes (hash, target, commit_id, failure, document, exit, images, verdicts, findings)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, *values),
    )
    return Stored(store.all("SELECT id FROM outcomes WHERE hash = ?", (key,))[0][0], document)


def each_outcome(store: Store, run: int, started: datetime, beside: Container[str] = frozenset()) -> Iterator[Audited]:
    """What came of every target of a run, in the order of names; some at a time, however many there are.

    Those whose names (as columns hold them) are in `beside` are left out, and not read.
    """
    last = None
    while True:
        rows = store.all(
            f"SELECT name, repository, {_COLUMNS} FROM results JOIN outcomes ON outcomes.id = outcome"  # noqa: S608 - constants
            " JOIN repositories ON repositories.id = repository"
            " WHERE run = ? AND (? IS NULL OR name > ?) ORDER BY name LIMIT ?",
            (run, last, last, _AT_ONCE),
        )
        for row in rows:
            if row[0] not in beside:
                yield _audited(store, run, started, row)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][0]


def _audited(store: Store, run: int, started: datetime, row: Row) -> Audited:
    _, repository, named, commit, told, document = row
    target = Target(*json.loads(named))
    if document is None:
        stage, why, advice = json.loads(told)
        return Audited(target, commit, failure=Failure(Stage(stage), why, advice))
    report = _report(store, document, started, commit, ages(store, repository, run))
    if report is None:
        why = "what the history keeps of it is damaged"
        return Audited(target, commit, failure=Failure(Stage.INTERNAL, why, "move the history away, and audit anew"))
    return Audited(target, commit, report)


def _report(
    store: Store, document: bytes, started: datetime, commit: str | None, since: Mapping[str, date]
) -> Report | None:
    """None where it was damaged since it was written: never a report with less in it."""
    row = store.one("SELECT content FROM documents WHERE hash = ?", (document,))
    content = unpacked(row[0]) if row else None
    if content is None or hashlib.sha256(content).digest() != document:
        return None
    return read_document(content, started, commit, since)
