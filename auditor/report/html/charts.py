"""Small charts as inline SVG: bars with their numbers beside them, readable without colour and without a script.

Sizes are attributes, never `style`: the page's policy allows no inline style.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from auditor.report.escape import html_text
from auditor.report.html.data import NAME, shown
from auditor.report.view import Entry, Standing, View

CLASSES: Final = {
    Standing.FAILS: "fails",
    Standing.INCOMPLETE: "incomplete",
    Standing.WARNS: "warns",
    Standing.WAIVED: "waived",
    Standing.PASSES: "passes",
    Standing.UNASKED: "unasked",
}
_PLURALS: Final = {Standing.FAILS: "fail", Standing.WARNS: "warn", Standing.PASSES: "pass"}
_MOST_BARS: Final = 6


def standing_words(standing: Standing, number: int) -> str:
    """`1 fails`, `2 fail`."""
    return standing.value if number == 1 else _PLURALS.get(standing, standing.value)


class Bar(Struct, frozen=True):
    """One row: what is counted, how often, the colour's class, and where a click leads."""

    name: str
    number: int
    look: str
    link: str


def charts(seen: View) -> str:
    """The charts that have something to show, side by side."""
    parts = [
        _strip(seen),
        _bars("Findings by rule", _rules(seen)),
        _bars("Not clean, by repository", _repositories(seen)),
        _bars("Not clean, by root", _roots(seen)),
    ]
    told = "".join(parts)
    return f'<div class="charts">{told}</div>' if told else ""


def _strip(seen: View) -> str:
    """One bar of all images that decide, each standing its share."""
    total = len(seen.gating)
    if total < 2:
        return ""
    x, parts = 0.0, []
    for standing in Standing:
        share = 100 * len(seen.standing(standing)) / total
        if share:
            parts.append(f'<rect class="fill-{CLASSES[standing]}" x="{x:.3f}" width="{share:.3f}" height="10"/>')
        x += share
    told = ", ".join(f"{n} {standing_words(s, n)}" for s in Standing if (n := len(seen.standing(s))))
    return (
        f'<figure class="card strip"><figcaption>{total} images that decide</figcaption>'
        f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{html_text(told)}">'
        f"{''.join(parts)}</svg>{_legend(seen)}</figure>"
    )


def _legend(seen: View) -> str:
    items = (
        f'<li><span class="dot fill-{CLASSES[s]}"></span>{n} {standing_words(s, n)}</li>'
        for s in Standing
        if (n := len(seen.standing(s)))
    )
    return f'<ul class="legend" aria-hidden="true">{"".join(items)}</ul>'


def _rules(seen: View) -> list[Bar]:
    findings = [f for e in seen.gating for f in e.findings if f.counts] + [f for f in seen.loose if f.counts]
    told = {id(f): f for f in findings}.values()
    worst = {f.rule: f.level.value for f in sorted(told, key=lambda f: f.level.rank, reverse=True)}
    look = {"error": "fails", "incomplete": "incomplete", "warning": "warns"}
    return [
        Bar(rule, number, look.get(worst[rule], "unasked"), f"#view=findings&rule={quote(shown(rule, NAME), safe='')}")
        for rule, number in Counter(f.rule for f in told).most_common()
    ]


def _unclean(seen: View) -> list[Entry]:
    return [e for e in seen.gating if e.standing in {Standing.FAILS, Standing.INCOMPLETE, Standing.WARNS}]


def _repositories(seen: View) -> list[Bar]:
    return _compared(
        "repository", Counter(e.image.repository for e in _unclean(seen) if e.image.repository is not None)
    )


def _roots(seen: View) -> list[Bar]:
    roots = (root for e in _unclean(seen) for root in {u.use.root for u in e.image.uses} if root is not None)
    return _compared("root", Counter(roots))


def _compared(key: str, counted: Counter[str]) -> list[Bar]:
    """Bars that filter by a key; one alone would compare nothing."""
    if len(counted) < 2:
        return []
    return [
        Bar(name, number, "fails", f"#{key}={quote(shown(name), safe='')}") for name, number in counted.most_common()
    ]


def _bars(title: str, bars: Sequence[Bar]) -> str:
    if not bars:
        return ""
    most = max(bar.number for bar in bars)
    rows = "".join(
        f'<li><a href="{html_text(bar.link)}"><span class="bar-name">{html_text(shown(bar.name, NAME))}</span>'
        f'<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="fill-{bar.look}" width="{100 * bar.number / most:.3f}" height="8"/></svg>'
        f'<span class="bar-number">{bar.number}</span></a></li>'
        for bar in bars[:_MOST_BARS]
    )
    left = len(bars) - _MOST_BARS
    more = f'<p class="dim">and {left} more</p>' if left > 0 else ""
    return f'<figure class="card"><figcaption>{title}</figcaption><ul class="bars">{rows}</ul>{more}</figure>'
