"""What every page of the site has: its head, its policy, the way back, and the looks of verdicts and states."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from auditor.model.audit import Audited, Fleet
from auditor.model.verdict import Verdict
from auditor.report.escape import html_text
from auditor.report.fleet.census import State
from auditor.report.fleet.paths import file_stem
from auditor.report.fleet.words import age, age_words
from auditor.report.html.data import NAME, shown
from auditor.report.html.page import source_hash
from auditor.report.html.page import style as shared_style

STATES: Final = {
    State.FAILS: ("fails", "✗", "fails"),
    State.UNREACHED: ("incomplete", "?", "not audited"),
    State.INCOMPLETE: ("incomplete", "?", "incomplete"),
    State.CLEAN: ("passes", "✓", "clean"),
}
"""State → class of its colour, mark, word."""

_LOOKS: Final = {
    Verdict.VERIFIED: "passes",
    Verdict.EXEMPT: "unasked",
    Verdict.UNJUDGED: "incomplete",
    Verdict.UNCOVERED: "warns",
}
_LEVELS: Final = {"error": "fails", "warning": "warns", "incomplete": "incomplete"}


def look(verdict: Verdict) -> str:
    """The class of a verdict's colour."""
    return _LOOKS.get(verdict, "fails")


def level_look(level: str) -> str:
    """The class of a level's colour."""
    return _LEVELS.get(level, "unasked")


def repository_path(name: str) -> str:
    """The page of a repository, from the top of the site."""
    return f"repositories/{file_stem(name)}.html"


def image_path(name: str) -> str:
    """The page of an image's name, from the top of the site."""
    return f"images/{file_stem(name)}.html"


def link(path: str, text: str) -> str:
    """A link within the site to something that others have named."""
    return f'<a href="{quote(path)}">{foreign(text, NAME)}</a>'


def foreign(text: str, length: int = 1500) -> str:
    """A foreign string as markup: bounded, visible, escaped."""
    return html_text(shown(text, length))


def chip(look_: str, text: str) -> str:
    """A word in its colour."""
    return f'<span class="chip small {look_}">{text}</span>'


def days(fleet: Fleet, since: date | None) -> str:
    """A cell with an age, sortable by its number."""
    known = age(since, fleet.run.started)
    return f'<td class="num" data-n="{-1 if known is None else known}">{age_words(since, fleet.run.started)}</td>'


def failure(audited: Audited) -> str:
    """Why a repository was not audited, as a page's body."""
    target, failed = audited.target, audited.failure
    stage, why, help_ = (failed.stage.value, failed.why, failed.help) if failed else ("", "", "")
    advice = f'<p class="help">{foreign(help_)}</p>' if help_ else ""
    return (
        '<header class="verdict incomplete"><span class="mark" aria-hidden="true">?</span><div>'
        f'<h1>{foreign(target.name, NAME)}</h1><p class="outcome">not audited: {html_text(stage)}</p>'
        f'<p class="why">{foreign(why)}</p>{advice}'
        f'<dl class="run"><div><dt>address</dt><dd>{foreign(target.address, NAME)}</dd></div></dl></div></header>'
    )


@functools.cache
def style() -> str:
    """The style sheet of single reports, and what the site needs beside it."""
    return shared_style() + _asset("site.css")


@functools.cache
def script() -> str:
    """The script of the index: it filters and sorts rows that are there already."""
    return _asset("site.js")


def _asset(name: str) -> str:
    return files("auditor.report.fleet.site").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def policy(*, scripted: bool) -> str:
    """What the browser may do with a page: show it; on the index, run this one script."""
    scripts = f"script-src {source_hash(script())}; " if scripted else ""
    return (
        f"default-src 'none'; style-src {source_hash(style())}; {scripts}base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def frame(fleet: Fleet, title: str, body: Iterator[str], *, depth: int = 0, scripted: bool = False) -> Iterator[str]:
    """A page around its body, with a final newline. `depth` is how many folders below the top it stands."""
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html_text(policy(scripted=scripted))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>auditor: {foreign(title, NAME)}</title>\n<style>{style()}</style>\n</head>\n<body>\n"
    )
    if depth:
        yield f'<nav aria-label="Way back"><p><a href="{"../" * depth}index.html">All repositories</a></p></nav>\n'
    yield "<main>\n"
    yield from body
    yield "\n</main>\n"
    began = f"{fleet.run.started:%Y-%m-%d %H:%M} UTC"
    yield f"<footer>{foreign(f'auditor {fleet.run.version}', NAME)}: audit of {began}</footer>\n"
    yield f"<script>{script()}</script>\n" if scripted else ""
    yield "</body>\n</html>\n"
