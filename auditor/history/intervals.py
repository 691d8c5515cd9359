"""What is seen, and since when: rows that stay open while a repository's good runs see the same.

An interval is about one repository and contiguous over its good runs: a night in which the repository could not be read
ends none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from auditor.config.levels import ONE_NIGHT
from auditor.history.runs import day_of
from auditor.history.sighting import Sighting, name_of, read_signers, sighting, write_signers
from auditor.history.store import Row, Store
from auditor.history.texts import column
from auditor.model.report import Report
from auditor.model.verdict import Verdict

COLUMNS: Final = "refs.text, refs.name, rule, digest, verdict, signers.content, vouched"
"""Of a sighting, in the order that `seen` reads."""
TABLES: Final = "sightings JOIN refs ON refs.id = sightings.ref JOIN signers ON signers.id = sightings.signers"


class Span(NamedTuple):
    """Where an interval is extended: its repository, the run that sees it, and the repository's good run before that."""

    repository: int
    run: int
    before: int | None


def seen(row: Row) -> Sighting:
    """A row of `COLUMNS` as the sighting that it is."""
    text, name, rule, digest, verdict, signers, vouched = row[:7]
    return Sighting(
        text,
        name,
        rule or None,
        digest or None,
        Verdict(verdict),
        read_signers(signers),
        None if vouched is None else bool(vouched),
    )


def extend(store: Store, span: Span, report: Report) -> None:
    """Bring the intervals of a repository to what a run has found. Inside a transaction."""
    sightings = [found for image in report.images if (found := sighting(image)) is not None]
    _sightings(store, span, sightings)
    _findings(store, span, report, {each.reference for each in sightings if not each.definite})


def _sightings(store: Store, span: Span, sightings: Iterable[Sighting]) -> None:
    now = {_row(each): each for each in sightings}
    rows = store.all(
        f"SELECT {COLUMNS}, sightings.id FROM {TABLES} WHERE repository = ? AND until_run IS NULL",  # noqa: S608 - constants
        (span.repository,),
    )
    before = {tuple(row[:7]): row[7] for row in rows}
    gone = [identifier for row, identifier in before.items() if row not in now]
    store.each("UPDATE sightings SET until_run = ? WHERE id = ?", ((span.before, each) for each in gone))
    for row, each in now.items():
        if row not in before:
            _insert(store, span, each, row)


def _row(each: Sighting) -> Row:
    """A sighting as `COLUMNS` hold it."""
    vouched = None if each.vouched is None else int(each.vouched)
    texts = column(each.reference), column(each.name), column(each.rule or ""), each.digest or "", each.verdict.value
    return (*texts, write_signers(each.signers), vouched)


def _insert(store: Store, span: Span, each: Sighting, row: Row) -> None:
    values = (span.repository, reference(store, each.reference, each.name), *row[2:5], signers(store, row[5]), row[6])
    store.all(
        "INSERT INTO sightings (repository, ref, rule, digest, verdict, signers, vouched, since_run)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, span.run),
    )


def reference(store: Store, text: str, name: str) -> int:
    """The number of a reference, which it gets where it has none."""
    store.all("INSERT OR IGNORE INTO refs (text, name) VALUES (?, ?)", (column(text), column(name)))
    found: int = store.all("SELECT id FROM refs WHERE text = ?", (column(text),))[0][0]
    return found


def signers(store: Store, content: str) -> int:
    """The number of a set of signers."""
    store.all("INSERT OR IGNORE INTO signers (content) VALUES (?)", (content,))
    found: int = store.all("SELECT id FROM signers WHERE content = ?", (content,))[0][0]
    return found


def _findings(store: Store, span: Span, report: Report, unjudged: set[str]) -> None:
    """A finding about an image that nobody could judge tonight is neither there nor gone: it keeps its age."""
    now = {each.fingerprint: each.image for each in report.findings if each.rule not in ONE_NIGHT}
    rows = store.all(
        "SELECT fingerprint, refs.text, findings.id FROM findings LEFT JOIN refs ON refs.id = findings.ref"
        " WHERE repository = ? AND until_run IS NULL",
        (span.repository,),
    )
    doubtful = {column(each) for each in unjudged}
    gone = [row[2] for row in rows if row[0] not in now and row[1] not in doubtful]
    store.each("UPDATE findings SET until_run = ? WHERE id = ?", ((span.before, each) for each in gone))
    known = {row[0] for row in rows}
    for fingerprint in sorted(now.keys() - known):
        image = now[fingerprint]
        about = None if image is None else _about(store, image)
        store.all(
            "INSERT INTO findings (repository, fingerprint, ref, since_run) VALUES (?, ?, ?, ?)",
            (span.repository, fingerprint, about, span.run),
        )


def _about(store: Store, image: str) -> int:
    return reference(store, image, name_of(image))


def ages(store: Store, repository: int, run: int) -> Mapping[str, date]:
    """Fingerprint → the day (UTC) on which it was first seen, of the findings that a run saw."""
    rows = store.all(
        "SELECT fingerprint, runs.started, earlier.started, later.started FROM findings JOIN runs ON runs.id = since_run"
        " LEFT JOIN runs earlier ON earlier.id = since_run - 1 LEFT JOIN runs later ON later.id = since_run + 1"
        " WHERE repository = ? AND since_run <= ? AND (until_run IS NULL OR until_run >= ?)",
        (repository, run, run),
    )
    return {fingerprint: day_of(*started) for fingerprint, *started in rows}
