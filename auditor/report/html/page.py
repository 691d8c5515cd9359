"""One self-contained HTML page: nothing is fetched, and its policy lets nothing be fetched.

The Content-Security-Policy allows exactly one style sheet and one script, by their hashes (CSP level 3, 6.7.3.3), and no
way from a string to markup (Trusted Types). The data stands in a block that no browser runs.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import Final

from auditor.model.report import Exit, Report
from auditor.report.escape import html_text, script_json
from auditor.report.html.charts import CLASSES, charts, standing_words
from auditor.report.html.data import NAME, page_data, shown
from auditor.report.options import RenderOptions
from auditor.report.view import Entry, Standing, View, view
from auditor.report.words import count, headline, outcome, tally

_SCRIPTS: Final = ("elements.js", "state.js", "evidence.js", "lists.js", "main.js")
"""Parts of the one script, in order."""
_MARKS: Final = {
    Standing.FAILS: "✗",
    Standing.INCOMPLETE: "?",
    Standing.WARNS: "!",
    Standing.WAIVED: "~",
    Standing.PASSES: "✓",
    Standing.UNASKED: "·",
}
_WITHOUT_SCRIPT: Final = 100


@functools.cache
def _asset(name: str) -> str:
    return files("auditor.report.html").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def style() -> str:
    """The style sheet."""
    return _asset("style.css")


@functools.cache
def script() -> str:
    """The script: its parts share one scope that nothing else sees."""
    return '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in _SCRIPTS) + "})();\n"


def source_hash(text: str) -> str:
    """How a policy names a style sheet or a script that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def policy() -> str:
    """What the browser may do with this page: show it."""
    return (
        f"default-src 'none'; style-src {source_hash(style())}; script-src {source_hash(script())}; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def render(report: Report, options: RenderOptions) -> str:
    """The page, with a final newline."""
    return whole_page(report, options)


def whole_page(report: Report, options: RenderOptions, above: str = "") -> str:
    """The page. `above` is markup that stands before the verdict: the way back, where the page is one of several."""
    seen = view(report)
    title = f"{_word(seen)}: {headline(seen)}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html_text(policy())}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>auditor {html_text(title)}</title>
<style>{style()}</style>
</head>
<body>
<a class="skip" href="#view=images">Skip to the images</a>
{above}{_header(seen)}
<main id="main">
{_tiles(seen)}
{charts(seen)}
{_asset("body.html")}
{_without_script(seen)}
</main>
<footer>{html_text(shown(f"auditor {report.run.version}", NAME))}: {html_text(tally(seen))}; {html_text(outcome(seen))}</footer>
<script type="application/json" id="data">{script_json(page_data(seen, options))}</script>
<script>{script()}</script>
</body>
</html>
"""


def _word(seen: View) -> str:
    return {Exit.FINDINGS: "fails", Exit.INCOMPLETE: "incomplete"}.get(seen.outcome, "clean")


def _header(seen: View) -> str:
    """The verdict first; then of what, against what, with what."""
    look, mark = {Exit.FINDINGS: ("fails", "✗"), Exit.INCOMPLETE: ("incomplete", "?")}.get(
        seen.outcome, ("passes", "✓")
    )
    sentence = headline(seen)
    notes = "".join(f'<p class="note">{html_text(shown(note))}</p>' for note in seen.report.run.notes)
    return (
        f'<header class="verdict {look}"><span class="mark" aria-hidden="true">{mark}</span><div>'
        f"<h1>{html_text(sentence[:1].upper() + sentence[1:])}</h1>"
        f'<p class="outcome">{html_text(outcome(seen))}</p>'
        f'<dl class="run">{_run(seen)}</dl>'
        f"{notes}</div></header>"
    )


def _run(seen: View) -> str:
    run = seen.report.run
    rows = [("command", f"auditor {run.command} {run.target}")]
    rows += [("base", run.base[:12]), ("head", run.head[:12] if run.head else "working tree")] if run.base else []
    rows += [("began", f"{run.started:%Y-%m-%d %H:%M} UTC, took {run.seconds:.1f} s")]
    rows += [("trust", f"{t.name} ({t.source}{_age(t.age_days)})") for t in run.trust]
    rows += [("rendered by", f"{name} {version}") for name, version in run.renderers.items() if version is not None]
    return "".join(f"<div><dt>{name}</dt><dd>{html_text(shown(value, NAME))}</dd></div>" for name, value in rows)


def _age(days: int | None) -> str:
    return "" if days is None else f", {count(days, 'day')} old"


def _tiles(seen: View) -> str:
    """How many images stand how: each is a filter."""
    tiles = "".join(
        f'<button type="button" class="tile {CLASSES[standing]}" data-standing="{html_text(standing.value)}" aria-pressed="false">'
        f'<span class="number">{number}</span><span class="mark" aria-hidden="true">{_MARKS[standing]}</span> {standing_words(standing, number)}</button>'
        for standing in Standing
        if (number := len(seen.standing(standing)))
    )
    return f'<div class="tiles" role="group" aria-label="Images by how they stand">{tiles}</div>' if tiles else ""


def _without_script(seen: View) -> str:
    """The worst of it for whoever runs no script: some CI servers show artifacts so."""
    entries = [e for e in seen.gating if e.standing is not Standing.PASSES][:_WITHOUT_SCRIPT]
    files_ = [f for f in seen.loose if f.counts][:_WITHOUT_SCRIPT]
    rows = "".join(_plain_row(entry) for entry in entries) + "".join(
        f"<tr><td>{html_text(shown(f.rule, NAME))}</td><td></td><td>{html_text(shown(str(f.place or ''), NAME))}</td>"
        f"<td>{html_text(shown(f.message))} {html_text(shown(f.help))}</td></tr>"
        for f in files_
    )
    head = "<tr><th>Verdict</th><th>Image</th><th>Where</th><th>Why, and what now</th></tr>"
    table = f'<table class="plain">{head}{rows}</table>' if rows else ""
    return (
        "<noscript><p>Scripts are off: filters and evidence need them. These are at most "
        f"{_WITHOUT_SCRIPT} of the images and findings that need a look; the JSON holds all.</p>{table}</noscript>"
    )


def _plain_row(entry: Entry) -> str:
    where = str(entry.places[0]) if entry.places else ""
    cells = (
        f"{_MARKS[entry.standing]} {shown(entry.label, NAME)}",
        shown(entry.image.reference, NAME),
        shown(where, NAME),
        f"{shown(entry.why)} {shown(entry.help)}",
    )
    return f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in cells)}</tr>"
