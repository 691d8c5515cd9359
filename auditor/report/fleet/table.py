"""An audit for a person at a terminal: the worst repositories, what changed tonight, what most places share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from auditor.model.audit import Fleet
from auditor.model.report import Exit
from auditor.report.escape import terminal_line
from auditor.report.fleet.census import State
from auditor.report.fleet.ledger import Drifted, Ledger, Row, Shared, open_ledger
from auditor.report.fleet.words import age_words, compared_words, headline, outcome, tally, verdict_words
from auditor.report.grid import Palette, grid, labelled, wrap
from auditor.report.options import RenderOptions
from auditor.report.table import shown
from auditor.report.words import count, short_reference

_NARROWEST: Final = 40
_NAME: Final = 300
_ROWS: Final = 20
_VERBOSE: Final = 2_000
"""Rows of one part even with --verbose: a terminal shows no more, and a table is laid out in memory."""
_IMAGES: Final = 10

_MARKS: Final = {
    State.FAILS: ("✗", "bold red"),
    State.UNREACHED: ("?", "bold yellow"),
    State.INCOMPLETE: ("?", "bold yellow"),
    State.CLEAN: ("✓", "green"),
}
_LEVELS: Final = {"error": ("✗", "red"), "warning": ("!", "yellow"), "incomplete": ("?", "yellow")}


def render(fleet: Fleet, options: RenderOptions) -> Iterator[str]:
    """The table, part by part, with a final newline."""
    palette, width = Palette(options.color), max(options.width, _NARROWEST)
    most = _VERBOSE if options.verbose else _ROWS
    with open_ledger(fleet) as ledger:
        parts = (
            _head(fleet, ledger, width, palette),
            _repositories(fleet, ledger, most, width, palette),
            _failures(ledger, most, width, palette),
            _drift(fleet, ledger, most, width, palette),
            _images(fleet, ledger, _IMAGES if not options.verbose else _ROWS, width, palette),
            _foot(fleet, ledger, options, width, palette),
        )
        between = ""
        for part in parts:
            if part:
                text = "\n".join(part)
                yield between + "\n".join(terminal_line(line.rstrip()) for line in text.split("\n")) + "\n"
                between = "\n"


def _head(fleet: Fleet, ledger: Ledger, width: int, palette: Palette) -> list[str]:
    mark, style = {Exit.FINDINGS: ("✗", "bold red"), Exit.INCOMPLETE: ("?", "bold yellow")}.get(
        ledger.census.outcome(fleet), ("✓", "bold green")
    )
    run = fleet.run
    about = [f"audit of {run.started:%Y-%m-%d %H:%M} UTC", f"{run.seconds:.0f} s"]
    about += [f"part {run.shard}"] if run.shard else []
    notes = [f"the run ended early: {run.ended_early}"] if run.ended_early else []
    lines = [palette.paint(style, line) for line in wrap(f"{mark} {headline(fleet, ledger.census)}", width)]
    lines += [palette.paint("dim", line) for line in wrap(", ".join(about), width)]
    return lines + [
        palette.paint("yellow", line) for note in (*notes, *run.notes) for line in wrap(f"! {shown(note)}", width)
    ]


def _repositories(fleet: Fleet, ledger: Ledger, most: int, width: int, palette: Palette) -> list[str]:
    """Those that need a look, worst first."""
    rows = [row for row in islice(ledger.rows(), most) if row.state is not State.CLEAN]
    cells = [_row(fleet, row) for row in rows]
    clean = ledger.census.states[State.CLEAN]
    left = ledger.census.repositories - clean - len(rows)
    lines = grid(("REPOSITORY", "IMAGES", "FINDINGS", "OLDEST"), cells, width, palette).split("\n") if cells else []
    lines += [palette.paint("dim", f"and {left} more that need a look")] if left else []
    return [*lines, palette.paint("green", f"✓ {clean} clean")] if clean else lines


def _row(fleet: Fleet, row: Row) -> list[tuple[str, str]]:
    mark, style = _MARKS[row.state]
    told = [f"{row.findings[name]} {name}" for name in ("error", "incomplete", "warning") if row.findings[name]]
    told += [f"{row.drift} changed"] if row.drift else []
    return [
        (style, f"{mark} {shown(row.name, _NAME)}"),
        ("", verdict_words(row.verdicts) if row.images else f"not audited: {row.stage}" if row.stage else "none"),
        ("", ", ".join(told)),
        ("dim", age_words(row.since, fleet.run.started)),
    ]


def _failures(ledger: Ledger, most: int, width: int, palette: Palette) -> list[str]:
    """What could not be audited, why, and what to do."""
    missed = ledger.census.states[State.UNREACHED]
    lines = [palette.paint("bold", f"not audited ({missed}):")] if missed else []
    for row in islice((r for r in ledger.rows() if r.state is State.UNREACHED), most):
        where = shown(f"{row.address}{f' @ {row.ref}' if row.ref else ''}", _NAME)
        lines.append(palette.paint("bold yellow", f"? {shown(row.name, _NAME)}"))
        lines += labelled("where", [("cyan", where)], width, palette)
        lines += labelled("why", [("", f"{row.stage}: {shown(row.why)}")], width, palette)
        lines += labelled("do", [("bold", shown(row.help))] if row.help else [], width, palette)
    return [*lines, palette.paint("dim", f"and {missed - most} more")] if missed > most else lines


def _drift(fleet: Fleet, ledger: Ledger, most: int, width: int, palette: Palette) -> list[str]:
    if fleet.run.previous is None and not ledger.drifts():
        return []
    lines = [palette.paint("bold", f"changed {compared_words(fleet)}: {ledger.drifts() or 'nothing'}")]
    for drifted in islice(ledger.drift(), most):
        lines += _drifted(fleet, drifted, width, palette)
    left = ledger.drifts() - most
    return [*lines, palette.paint("dim", f"and {left} more")] if left > 0 else lines


def _drifted(fleet: Fleet, drifted: Drifted, width: int, palette: Palette) -> list[str]:
    mark, style = ("~", "cyan") if drifted.waived else _LEVELS.get(drifted.level, ("·", "dim"))
    days = age_words(drifted.since, fleet.run.started)
    title = f"{mark} {drifted.rule}{f' ({days})' if days and days != 'new' else ''}"
    about = "  ".join(shown(text, _NAME) for text in (short_reference(drifted.image), drifted.repository) if text)
    lines = [palette.paint(style, title) + "  " + about] if len(title + about) + 2 <= width else []
    lines = lines or [palette.paint(style, title), *labelled("where", [("", about)], width, palette)]
    lines += labelled("why", [("", shown(drifted.message))], width, palette)
    return lines + labelled("do", [("bold", shown(drifted.help))] if drifted.help else [], width, palette)


def _images(fleet: Fleet, ledger: Ledger, most: int, width: int, palette: Palette) -> list[str]:
    images = ledger.most_used(most)
    if not images:
        return []
    cells = [_image(fleet, image) for image in images]
    header = ("WITHOUT A TRUSTED SIGNATURE", "VERDICT", "USED IN", "FOR")
    return grid(header, cells, width, palette).split("\n")


def _image(fleet: Fleet, image: Shared) -> list[tuple[str, str]]:
    where = f"{count(image.uses, 'place')} of {count(image.repositories, 'repository', 'repositories')}"
    return [
        ("", shown(short_reference(image.reference), _NAME)),
        ("red", image.verdict.value),
        ("", where),
        ("dim", age_words(image.since, fleet.run.started)),
    ]


def _foot(fleet: Fleet, ledger: Ledger, options: RenderOptions, width: int, palette: Palette) -> list[str]:
    style = {Exit.FINDINGS: "bold red", Exit.INCOMPLETE: "bold yellow"}.get(ledger.census.outcome(fleet), "bold green")
    lines = wrap(tally(ledger.census), width)
    lines += [line for place in options.details for line in wrap(f"details: {shown(place, _NAME)}", width)]
    if not options.details:
        lines += wrap("details: -f html=FOLDER writes a page for each repository, -f json=FILE all of it", width)
    return [*lines, palette.paint(style, outcome(fleet, ledger.census))]
