"""The index of the site: the audit at a glance, then its repositories, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from auditor.model.audit import Fleet
from auditor.model.report import Exit
from auditor.model.verdict import UNTRUSTED, Verdict
from auditor.report.escape import html_text
from auditor.report.fleet.ledger import Drifted, Ledger, Row, Shared
from auditor.report.fleet.site.charts import bars_card, by_look, images_card, strip, trend_card
from auditor.report.fleet.site.coverage import coverage
from auditor.report.fleet.site.frame import (
    STATES,
    chip,
    days,
    foreign,
    frame,
    image_path,
    level_look,
    link,
    look,
    repository_path,
)
from auditor.report.fleet.words import age_words, compared_words, headline, outcome, tally, verdict_words
from auditor.report.html.data import NAME
from auditor.report.words import short_reference

ROWS: Final = 2_000
"""Repositories of one page: a browser filters as many without a pause."""
_DRIFT: Final = 100
_IMAGES: Final = 15
_BARS: Final = 6
_COLUMNS: Final = ("State", "Repository", "Images", "Errors", "Warnings", "Incomplete", "Changed", "Oldest")


def index_pages(fleet: Fleet, ledger: Ledger) -> Iterator[tuple[str, Iterator[str]]]:
    """`index.html`, and `index-2.html` … where there are more repositories than one page shows."""
    rows, total = ledger.rows(), ledger.census.repositories
    pages = max(1, -(-total // ROWS))
    for page in range(1, pages + 1):
        body = _body(fleet, ledger, islice(rows, ROWS), page, pages)
        yield _name(page), frame(fleet, headline(fleet, ledger.census), body, scripted=True)


def _name(page: int) -> str:
    return "index.html" if page == 1 else f"index-{page}.html"


def _body(fleet: Fleet, ledger: Ledger, rows: Iterator[Row], page: int, pages: int) -> Iterator[str]:
    yield _head(fleet, ledger)
    if page == 1:
        yield _tiles(ledger)
        yield f'<div class="charts">{_charts(fleet, ledger)}</div>\n'
        yield _contents(fleet, ledger)
        yield from _drift(fleet, ledger)
        yield from _images(fleet, ledger)
    yield from _repositories(fleet, ledger, rows, page, pages)
    if page == 1:
        yield from coverage(ledger)
    yield f'<p class="dim">{html_text(tally(ledger.census))}</p>'


def _head(fleet: Fleet, ledger: Ledger) -> str:
    run, title = fleet.run, headline(fleet, ledger.census)
    tone, mark = {Exit.FINDINGS: ("fails", "✗"), Exit.INCOMPLETE: ("incomplete", "?")}.get(
        ledger.census.outcome(fleet), ("passes", "✓")
    )
    facts = [("began", f"{run.started:%Y-%m-%d %H:%M} UTC, took {run.seconds:.0f} s"), ("drift", compared_words(fleet))]
    facts += [("part", str(run.shard))] if run.shard else []
    facts += [("rendered by", f"{name} {version}") for name, version in run.renderers.items() if version]
    told = "".join(f"<div><dt>{name}</dt><dd>{foreign(value, NAME)}</dd></div>" for name, value in facts)
    notes = [f"the run ended early: {run.ended_early}"] if run.ended_early else []
    shown = "".join(f'<p class="note">{foreign(note)}</p>' for note in (*notes, *run.notes))
    return (
        f'<header class="verdict {tone}"><span class="mark" aria-hidden="true">{mark}</span><div>'
        f"<h1>{html_text(title[:1].upper() + title[1:])}</h1>"
        f'<p class="outcome">{html_text(outcome(fleet, ledger.census))}</p><dl class="run">{told}</dl>{shown}</div></header>\n'
    )


def _tiles(ledger: Ledger) -> str:
    """How many repositories ended how: each is a filter."""
    tiles = "".join(
        f'<button type="button" class="tile {tone}" data-state="{state.value}" aria-pressed="false">'
        f'<span class="number">{number}</span><span class="mark" aria-hidden="true">{mark}</span> {_plural(word, number)}</button>'
        for state, (tone, mark, word) in STATES.items()
        if (number := ledger.census.states[state])
    )
    return f'<div class="tiles" role="group" aria-label="Repositories by how they ended">{tiles}</div>\n'


def _plural(word: str, number: int) -> str:
    return "fail" if word == "fails" and number != 1 else word


def _contents(fleet: Fleet, ledger: Ledger) -> str:
    """The parts of the page that there are."""
    census = ledger.census
    parts = [("drift", "Changed", ledger.drifts())] if fleet.run.previous or ledger.drifts() else []
    untrusted = sum(census.verdicts[verdict] for verdict in UNTRUSTED)
    parts += [("images", "Without a trusted signature", untrusted)] if untrusted else []
    parts += [("repositories", "Repositories", census.repositories)]
    parts += [("coverage", "Coverage", len({rule for rule, _ in ledger.by_rule}))] if ledger.by_rule else []
    links = "".join(f'<a href="#{anchor}">{name}<span class="n">{number}</span></a>' for anchor, name, number in parts)
    return f'<nav class="views" aria-label="Parts of the page">{links}</nav>\n'


def _charts(fleet: Fleet, ledger: Ledger) -> str:
    findings = Counter[str]()
    worst: dict[str, str] = {}
    for (rule, level), number in ledger.by_finding.items():
        findings[rule] += number
        worst[rule] = min(level, worst.get(rule, level), key=_LEVELS.index)
    rules = [(rule, number, level_look(worst[rule]), "") for rule, number in findings.most_common(_BARS)]
    used = [
        (short_reference(i.reference), i.uses, "fails", image_path(i.name or i.reference))
        for i in ledger.most_used(_BARS)
    ]
    return (
        images_card(ledger.census.verdicts)
        + trend_card(fleet.nights())
        + bars_card("Most used without a trusted signature", used)
        + bars_card("Findings by rule", rules)
    )


_LEVELS: Final = ("error", "incomplete", "warning", "note", "off")


def _drift(fleet: Fleet, ledger: Ledger) -> Iterator[str]:
    number = ledger.drifts()
    if fleet.run.previous is None and not number:
        return
    yield f'<section><h2 id="drift">Changed {html_text(compared_words(fleet))}: {number or "nothing"}</h2>\n'
    yield '<ul class="findings">\n'
    for drifted in islice(ledger.drift(), _DRIFT):
        yield _drifted(fleet, drifted)
    yield "</ul>"
    yield f'<p class="dim">and {number - _DRIFT} more: the JSON lists them all</p>' if number > _DRIFT else ""
    yield "</section>\n"


def _drifted(fleet: Fleet, drifted: Drifted) -> str:
    tone = "waived" if drifted.waived else level_look(drifted.level)
    known = age_words(drifted.since, fleet.run.started)
    since = f'<span class="dim">{known}</span>' if known else ""
    about = f'<span class="about">{foreign(short_reference(drifted.image), NAME)}</span>' if drifted.image else ""
    help_ = f'<p class="help">{foreign(drifted.help)}</p>' if drifted.help else ""
    return (
        f'<li class="finding {tone}"><header>{chip(tone, html_text(drifted.rule))}{about}'
        f"{link(repository_path(drifted.repository), drifted.repository)}{since}</header>"
        f"<p>{foreign(drifted.message)}</p>{help_}</li>\n"
    )


def _images(fleet: Fleet, ledger: Ledger) -> Iterator[str]:
    images = ledger.most_used(_IMAGES)
    if not images:
        return
    yield '<section><h2 id="images">Without a trusted signature, most used first</h2><div class="scroll"><table class="sheet">'
    yield "<thead><tr><th>Verdict</th><th>Image</th><th>Why</th>"
    yield '<th class="num">Places</th><th class="num">Repositories</th><th class="num">For</th></tr></thead><tbody>\n'
    for image in images:
        yield _image(fleet, image)
    yield "</tbody></table></div></section>\n"


def _image(fleet: Fleet, image: Shared) -> str:
    name = link(image_path(image.name or image.reference), short_reference(image.reference))
    return (
        f"<tr><td>{chip(look(image.verdict), image.verdict.value)}</td><td><code>{name}</code></td>"
        f'<td>{foreign(image.reason, 300)}</td><td class="num">{image.uses}</td>'
        f'<td class="num">{image.repositories}</td>{days(fleet, image.since)}</tr>\n'
    )


def _repositories(fleet: Fleet, ledger: Ledger, rows: Iterator[Row], page: int, pages: int) -> Iterator[str]:
    total = ledger.census.repositories
    yield f'<section><h2 id="repositories">{total} repositories, worst first</h2>\n'
    yield (
        '<form class="filters" role="search" aria-label="Filter" hidden><label class="search"><span class="label">Search</span>'
        '<input type="search" id="q" placeholder="repository, verdict, reason …   ( / )" autocomplete="off" spellcheck="false" '
        'aria-keyshortcuts="/"></label><p id="status" role="status"></p></form>\n'
    )
    yield _pages(page, pages)
    heads = "".join(
        f'<th{" class=num" if index > 2 else ""}><button type="button">{name}</button></th>'
        for index, name in enumerate(_COLUMNS)
    )
    yield f'<div class="scroll"><table class="sheet repositories"><thead><tr>{heads}</tr></thead><tbody>\n'
    for row in rows:
        yield _repository(fleet, row)
    yield "</tbody></table></div>\n"
    yield _pages(page, pages)
    yield "</section>\n"


def _pages(page: int, pages: int) -> str:
    """The way to the other parts of a long list."""
    if pages == 1:
        return ""
    links = "".join(
        f"<b>{number}</b> " if number == page else f'<a href="{_name(number)}">{number}</a> '
        for number in range(1, pages + 1)
    )
    return f'<nav aria-label="Parts of the list"><p>{ROWS} on each page: {links}</p></nav>\n'


def _repository(fleet: Fleet, row: Row) -> str:
    tone, mark, word = STATES[row.state]
    numbers = by_look({Verdict(name): number for name, number in row.verdicts.items()})
    words = verdict_words(row.verdicts)
    images = f"{strip(numbers, 8)}<span>{words}</span>" if words else '<span class="dim">none</span>'
    if row.stage:
        images = f"<span>{html_text(row.stage)}: {foreign(row.why, 300)}</span>"
    counts = [*(row.findings[level] for level in ("error", "warning", "incomplete")), row.drift]
    cells = "".join(f'<td class="num" data-n="{number}">{number or ""}</td>' for number in counts)
    where = f'<span class="was flush">{foreign(row.path, NAME)}</span>' if row.path else ""
    return (
        f'<tr data-state="{row.state.value}"><td data-n="{row.state.rank}">{chip(tone, f"{mark} {word}")}</td>'
        f"<td>{link(repository_path(row.name), row.name)}{where}</td>"
        f'<td class="mix" data-n="{row.images}">{images}</td>{cells}{days(fleet, row.since)}</tr>\n'
    )
