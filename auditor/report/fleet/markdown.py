"""The digest of an audit in GitHub's Markdown, for chat, e-mail and issues: bounded, the least bad rows left out first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from auditor.model.audit import Fleet
from auditor.model.report import Exit
from auditor.report.escape import cut, markdown_code, markdown_prose
from auditor.report.fleet.census import State
from auditor.report.fleet.ledger import Drifted, Ledger, Row, Shared, open_ledger
from auditor.report.fleet.words import age_words, compared_words, headline, outcome, tally, verdict_words
from auditor.report.markdown import Table, cells, marker, within_budget
from auditor.report.options import RenderOptions
from auditor.report.words import count, short_reference

_NAME: Final = 300
_SENTENCE: Final = 800
_ROWS: Final = 200
"""Rows of one table that are looked at: the budget decides how many of them are shown."""
_IMAGES: Final = 10
_NOTES: Final = 10
_KEY: Final = "check"

_ICONS: Final = {State.FAILS: "❌", State.UNREACHED: "❔", State.INCOMPLETE: "❔", State.CLEAN: "✅"}
_LEVELS: Final = {"error": "❌", "warning": "⚠️", "incomplete": "❔"}


def render(fleet: Fleet, options: RenderOptions) -> Iterator[str]:
    """The digest: at most `options.budget` code points, with a final newline."""
    with open_ledger(fleet) as ledger:
        census = ledger.census
        icon = {Exit.FINDINGS: "❌", Exit.INCOMPLETE: "❔"}.get(census.outcome(fleet), "✅")
        title = headline(fleet, census)
        key = "audit" if options.key == _KEY else options.key
        head = [marker(key), f"### {icon} {title[:1].upper()}{title[1:]}", *_notes(fleet)]
        version = markdown_prose(cut(fleet.run.version, 40))
        began = f"{fleet.run.started:%Y-%m-%d %H:%M} UTC"
        foot = f"<sub>auditor {version}, audit of {began}: {tally(census)}; {outcome(fleet, census)}</sub>"
        yield within_budget(head, _tables(fleet, ledger), foot, options.budget)


def _notes(fleet: Fleet) -> list[str]:
    run = fleet.run
    told = [f"this is part {run.shard} of the audit"] if run.shard else []
    told += [f"the run ended early: {run.ended_early}"] if run.ended_early else []
    told += run.notes[:_NOTES]
    left = len(run.notes) - _NOTES
    more = [f"> … and {count(left, 'more note')} not shown here."] if left > 0 else []
    return [f"> ⚠️ {markdown_prose(cut(note, _SENTENCE))}" for note in told] + more


def _tables(fleet: Fleet, ledger: Ledger) -> list[Table]:
    """What changed stands first: it is the news. Then who fails, and what most places share."""
    open_ = [row for row in islice(ledger.rows(), _ROWS) if row.state is not State.CLEAN]
    judged = [row for row in open_ if row.state is not State.UNREACHED]
    missed = [row for row in open_ if row.state is State.UNREACHED]
    drift = tuple(_drifted(fleet, drifted) for drifted in islice(ledger.drift(), _ROWS))
    left = ledger.census.repositories - ledger.census.states[State.CLEAN] - len(open_)
    tables = [
        Table((f"| Changed {compared_words(fleet)} | Where | What, and what now |", "|---|---|---|"), drift),
        Table(
            ("| Repository | Images | Findings | Oldest |", "|---|---|---|---|"),
            (*(_row(fleet, row) for row in judged), *([cells(f"and {left} more", "", "", "")] if left else [])),
        ),
        Table(("| Not audited | Address | Why, and what now |", "|---|---|---|"), tuple(map(_missed, missed))),
        Table(
            ("| Without a trusted signature | Verdict | Used in | For |", "|---|---|---|---|"),
            tuple(_image(fleet, image) for image in ledger.most_used(_IMAGES)),
        ),
    ]
    return [table for table in tables if table.rows]


def _drifted(fleet: Fleet, drifted: Drifted) -> str:
    icon = "🔕" if drifted.waived else _LEVELS.get(drifted.level, "▫️")
    days = age_words(drifted.since, fleet.run.started)
    since = f" ({days})" if days and days != "new" else ""
    image = [markdown_code(cut(short_reference(drifted.image), _NAME))] if drifted.image else []
    why = [markdown_prose(cut(drifted.message, _SENTENCE))]
    why += [f"➜ {markdown_prose(cut(drifted.help, _SENTENCE))}"] if drifted.help else []
    return cells(
        f"{icon} **{markdown_code(drifted.rule)}**{since}",
        "<br>".join([*image, markdown_code(cut(drifted.repository, _NAME))]),
        "<br>".join(why),
    )


def _row(fleet: Fleet, row: Row) -> str:
    told = [f"{row.findings[name]} {name}" for name in ("error", "incomplete", "warning") if row.findings[name]]
    return cells(
        f"{_ICONS[row.state]} {markdown_code(cut(row.name, _NAME))}",
        verdict_words(row.verdicts) or "none",
        ", ".join(told),
        age_words(row.since, fleet.run.started),
    )


def _missed(row: Row) -> str:
    why = [f"{row.stage}: {markdown_prose(cut(row.why, _SENTENCE))}"]
    why += [f"➜ {markdown_prose(cut(row.help, _SENTENCE))}"] if row.help else []
    name = markdown_code(cut(row.name, _NAME))
    return cells(f"❔ {name}", markdown_code(cut(row.address, _NAME)), "<br>".join(why))


def _image(fleet: Fleet, image: Shared) -> str:
    where = f"{count(image.uses, 'place')} of {count(image.repositories, 'repository', 'repositories')}"
    name = markdown_code(cut(short_reference(image.reference), _NAME))
    return cells(name, image.verdict.value, where, age_words(image.since, fleet.run.started))
