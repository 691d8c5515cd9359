"""The comment on a pull request, in GitHub's Markdown; GitLab, Gitea and Bitbucket show it too.

Shortened by whole rows: first what is folded is dropped, then the last (least bad) rows, always with a count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.report import Exit, Image, Report
from auditor.report.escape import cut, markdown_code, markdown_fence, markdown_link, markdown_prose, relative_uri
from auditor.report.options import BUDGET, RenderOptions
from auditor.report.remedies import remedy
from auditor.report.view import Entry, Standing, View, view
from auditor.report.words import (
    count,
    current_signer,
    headline,
    outcome,
    previous_words,
    signer_words,
    tag_words,
    tally,
    waiver_words,
    workload_words,
)

__all__ = ["BUDGET", "marker", "render"]

_NAME: Final = 300
_SENTENCE: Final = 1200
_PLACES: Final = 3
_MOST_NOTES: Final = 10
_VERSION: Final = 40
_KEY: Final = re.compile(r"[^A-Za-z0-9._/]+")

_ICONS: Final = {
    Standing.FAILS: "❌",
    Standing.INCOMPLETE: "❔",
    Standing.WARNS: "⚠️",
    Standing.WAIVED: "🔕",
    Standing.PASSES: "✅",
    Standing.UNASKED: "▫️",
}
_LEVELS: Final = {Level.ERROR: "❌", Level.INCOMPLETE: "❔", Level.WARNING: "⚠️", Level.NOTE: "▫️", Level.OFF: "▫️"}


def marker(key: str) -> str:
    """The hidden first line by which the comment of this check is found again."""
    return f"<!-- auditor:v1:{_KEY.sub('-', key) or 'check'} -->"


def render(report: Report, options: RenderOptions) -> str:
    """The comment: at most `options.budget` code points, with a final newline."""
    seen = view(report)
    icon = {Exit.FINDINGS: "❌", Exit.INCOMPLETE: "❔"}.get(seen.outcome, "✅")
    head = [marker(options.key), f"### {icon} {_sentence(headline(seen))}", *_notes(report, options)]
    version = markdown_prose(cut(report.run.version, _VERSION))
    foot = f"<sub>auditor {version}: {tally(seen)}; {outcome(seen)}{_revisions(report)}</sub>"
    return within_budget(head, _tables(seen, options), foot, options.budget)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


_RELAYED: Final = (
    "> ⚠️ Reported by the change's own job: nobody checked this result, and the change may have written it. It is no "
    "substitute for the required check."
)


def _notes(report: Report, options: RenderOptions) -> list[str]:
    notes = [f"> ⚠️ {markdown_prose(cut(note, _SENTENCE))}" for note in report.run.notes[:_MOST_NOTES]]
    left = len(report.run.notes) - _MOST_NOTES
    notes += [f"> … and {count(left, 'more note')} not shown here."] if left > 0 else []
    return [*([_RELAYED] if options.relayed else []), *notes]


def _revisions(report: Report) -> str:
    run = report.run
    if not run.base:
        return ""
    head = markdown_code(run.head[:12]) if run.head else "working tree"
    return f"; {markdown_code(run.base[:12])} → {head}"


class Table(Struct, frozen=True):
    """Rows under a header. `fold` is the summary of a `<details>`, None for a table that stays open."""

    header: tuple[str, ...]
    rows: tuple[str, ...]
    fold: str | None = None

    def text(self, shown: int) -> str:
        """The table with its first `shown` rows, and a word about the others."""
        left = len(self.rows) - shown
        more = f"\n\n… and {count(left, 'more row')} not shown here." if left else ""
        body = "\n".join([*self.header, *self.rows[:shown]]) + more if shown else more.strip()
        if self.fold is None:
            return body
        return f"<details><summary>{self.fold}</summary>\n\n{body}\n\n</details>"


def within_budget(head: Sequence[str], tables: Sequence[Table], foot: str, budget: int) -> str:
    """All rows where they fit; else as many as fit, the folded and least bad ones going first."""
    shown = [len(table.rows) for table in tables]

    def text() -> str:
        parts = ["\n".join(head[:2]), *head[2:]]
        return "\n\n".join([*parts, *(t.text(n) for t, n in zip(tables, shown, strict=True)), foot]) + "\n"

    excess = len(text()) - budget
    for index in sorted(range(len(tables)), key=lambda i: (tables[i].fold is None, -i)):
        rows = tables[index].rows
        if excess > 0:
            excess += _REMARK
        while excess > 0 and shown[index]:
            shown[index] -= 1
            excess -= len(rows[shown[index]]) + 1
    return text()


_REMARK: Final = 60
"""Room for "… and N more rows not shown here."."""


def _tables(seen: View, options: RenderOptions) -> list[Table]:
    link = _linker(options.blob_url)
    open_entries = [e for e in seen.gating if e.standing in _OPEN]
    waived = [e for e in seen.gating if e.standing is Standing.WAIVED]
    passing = [e for e in seen.gating if e.standing in {Standing.PASSES, Standing.UNASKED}]
    counting = [f for f in seen.loose if f.counts]
    other = [f for f in seen.loose if not f.counts]
    fixes = tuple(markdown_fence(found.lines(), "diff") for e in open_entries if (found := remedy(e)))
    new = "new image" if seen.compared else "image"
    changed = ("| Image | Was | Where |", "|---|---|---|")
    tables = [
        Table(("| Image | Where | Why, and what now |", "|---|---|---|"), tuple(_row(e, link) for e in open_entries)),
        Table(
            ("| Finding | Where | Why, and what now |", "|---|---|---|"), tuple(_finding_row(f, link) for f in counting)
        ),
        Table((), fixes, f"🔧 {count(len(fixes), 'fix', 'fixes')} to copy"),
        Table(
            ("| Image | Where | Why |", "|---|---|---|"),
            tuple(_row(e, link) for e in passing),
            _passing(passing, new),
        ),
        Table(
            ("| Waived | Where | Waiver |", "|---|---|---|"),
            (*(_waived_row(e, link) for e in waived), *(_waived_finding_row(f, link) for f in other)),
            f"🔕 {len(waived) + len(other)} waived or in the baseline",
        ),
        Table(
            changed, tuple(_plain_row(e, link) for e in seen.removed), f"{count(len(seen.removed), 'image')} removed"
        ),
        Table(
            changed,
            tuple(_plain_row(e, link) for e in seen.kept),
            f"{count(len(seen.kept), 'image')} {'unchanged' if seen.compared else 'found'}",
        ),
        Table(
            ("| Not read | Where | Why |", "|---|---|---|"),
            tuple(
                cells(markdown_prose(cut(g.what, _NAME)), link(g.place), markdown_prose(cut(g.why, _SENTENCE)))
                for g in seen.report.gaps
            ),
            f"{count(len(seen.report.gaps), 'thing')} not read",
        ),
    ]
    return [table for table in tables if table.rows]


_OPEN: Final = frozenset({Standing.FAILS, Standing.INCOMPLETE, Standing.WARNS})


def _passing(passing: list[Entry], noun: str) -> str:
    return f"✅ {count(len(passing), noun)} without objection"


def _linker(blob_url: str | None) -> Callable[[Place], str]:
    """How a place is written: linked to its line where the address of the tree is known."""

    def link(place: Place) -> str:
        text = cut(str(place), _NAME)
        if blob_url is None or not blob_url.startswith(("https://", "http://")) or not place.file:
            return markdown_code(text)
        anchor = f"#L{place.line}" if place.line else ""
        return markdown_link(text, f"{blob_url.rstrip('/')}/{relative_uri(place.file)}{anchor}")

    return link


def cells(*told: str) -> str:
    """One row of a table, from cells that are escaped."""
    return f"| {' | '.join(told)} |"


def _lines(parts: Iterable[str]) -> str:
    """Several lines in one cell."""
    return "<br>".join(part for part in parts if part)


def _row(entry: Entry, link: Callable[[Place], str]) -> str:
    """An image: what it is and was; where; why and what now."""
    why = [markdown_prose(cut(entry.why, _SENTENCE))]
    why += [_advice(entry.help)] if entry.standing is not Standing.PASSES else []
    for finding in entry.further:
        why += [_also(finding), _advice(finding.help)] if finding.counts else []
    return cells(_name(entry), _where(entry, link), _lines([*why, *_waivers(entry)]))


def _name(entry: Entry) -> str:
    parts = [
        f"{_ICONS[entry.standing]} **{markdown_prose(cut(entry.label, _NAME))}**",
        markdown_code(cut(entry.image.reference, _NAME)),
        *_changes(entry.image),
    ]
    return _lines(parts)


def _changes(image: Image) -> list[str]:
    """Old → new: the tag (or the name), then the signer where it is another one."""
    old = image.previous
    if old is None:
        return []
    before, after = (tag_words(reference, image.name) for reference in (old.reference, image.reference))
    told = [_arrow(before, after)]
    if old.verdict is not None and old.verdict is not image.verdict:
        told[0] += f" (was {old.verdict.value})"
    signer = current_signer(image)
    if old.identity and (
        signer is None or (signer.issuer, signer.subject) != (old.identity.issuer, old.identity.subject)
    ):
        told.append(f"signer {_arrow(signer_words(old.identity), signer_words(signer))}")
    return told


def _arrow(before: str, after: str) -> str:
    return f"{markdown_code(cut(before, _NAME))} → {markdown_code(cut(after, _NAME))}"


def _also(finding: Finding) -> str:
    return f"{_LEVELS[finding.level]} {markdown_code(finding.rule)}: {markdown_prose(cut(finding.message, _SENTENCE))}"


def _advice(text: str) -> str:
    return f"➜ {markdown_prose(cut(text, _SENTENCE))}" if text else ""


def _where(entry: Entry, link: Callable[[Place], str]) -> str:
    """The lines to edit, and the workload of the first."""
    places = entry.places
    first = entry.first_use
    workload = workload_words(first.use) if first else ""
    parts = [link(place) for place in places[:_PLACES]]
    parts[1:1] = [markdown_prose(cut(workload, _NAME))] if workload else []
    left = len(places) - _PLACES
    return _lines([*parts, f"and {count(left, 'more place')}" if left > 0 else ""])


def _waivers(entry: Entry) -> list[str]:
    told = dict.fromkeys(f"{f.rule}: {waiver_words(f)}" for f in entry.findings if not f.counts)
    return [f"🔕 {markdown_prose(cut(text, _SENTENCE))}" for text in told]


def _waived_row(entry: Entry, link: Callable[[Place], str]) -> str:
    return cells(_name(entry), _where(entry, link), _lines(_waivers(entry)))


def _plain_row(entry: Entry, link: Callable[[Place], str]) -> str:
    return cells(
        markdown_code(cut(entry.image.reference, _NAME)),
        markdown_prose(cut(previous_words(entry.image), _NAME)),
        _where(entry, link),
    )


def _finding_row(finding: Finding, link: Callable[[Place], str]) -> str:
    where = link(finding.place) if finding.place else ""
    about = markdown_code(cut(finding.image, _NAME)) if finding.image else ""
    why = _lines([about, markdown_prose(cut(finding.message, _SENTENCE)), _advice(finding.help)])
    return cells(f"{_LEVELS[finding.level]} **{markdown_code(finding.rule)}**", where, why)


def _waived_finding_row(finding: Finding, link: Callable[[Place], str]) -> str:
    where = link(finding.place) if finding.place else ""
    return cells(markdown_code(finding.rule), where, markdown_prose(cut(waiver_words(finding), _SENTENCE)))
