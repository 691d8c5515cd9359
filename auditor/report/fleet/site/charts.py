"""The charts of the index, as inline SVG with their numbers beside them. Sizes are attributes: the policy allows no inline style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from auditor.model.audit import Night
from auditor.model.verdict import Verdict
from auditor.report.escape import html_text
from auditor.report.fleet.site.frame import foreign, look
from auditor.report.html.data import NAME

_NIGHTS: Final = 60
"""Nights of the trend: two months."""
_ORDER: Final = ("fails", "incomplete", "warns", "passes", "unasked")
_WORDS: Final = {
    "fails": "without a trusted signature",
    "incomplete": "could not be judged",
    "warns": "not covered by a rule",
    "passes": "verified",
    "unasked": "exempt",
}
_HEIGHT: Final = 60


def by_look(verdicts: Mapping[Verdict, int]) -> dict[str, int]:
    """Numbers by colour, in the order in which they are stacked."""
    told = dict.fromkeys(_ORDER, 0)
    for verdict, number in verdicts.items():
        told[look(verdict)] += number
    return told


def strip(numbers: Mapping[str, int], height: int = 10, label: str = "") -> str:
    """One bar of all, each colour its share."""
    total = sum(numbers.values())
    x, parts = 0.0, list[str]()
    for name, number in numbers.items():
        if number:
            share = 100 * number / total
            parts.append(f'<rect class="fill-{name}" x="{x:.2f}" width="{share:.2f}" height="{height}"/>')
            x += share
    heard = f'role="img" aria-label="{html_text(label)}"' if label else 'aria-hidden="true"'
    return f'<svg viewBox="0 0 100 {height}" preserveAspectRatio="none" {heard}>{"".join(parts)}</svg>'


def images_card(verdicts: Mapping[Verdict, int]) -> str:
    """All images of the audit by verdict."""
    numbers = by_look(verdicts)
    total = sum(numbers.values())
    if not total:
        return ""
    told = ", ".join(f"{number} {_WORDS[name]}" for name, number in numbers.items() if number)
    return (
        f'<figure class="card strip"><figcaption>{total} images that were judged</figcaption>'
        f"{strip(numbers, label=told)}{_legend(numbers)}</figure>"
    )


def _legend(numbers: Mapping[str, int]) -> str:
    items = "".join(
        f'<li><span class="dot fill-{name}"></span>{number} {_WORDS[name]}</li>'
        for name, number in numbers.items()
        if number
    )
    return f'<ul class="legend" aria-hidden="true">{items}</ul>'


def trend_card(nights: Sequence[Night]) -> str:
    """Images by colour over the last nights, and the same as a table. One night alone shows nothing."""
    shown = nights[-_NIGHTS:]
    if len(shown) < 2:
        return ""
    most = max(sum(by_look(night.verdicts).values()) for night in shown) or 1
    width = 100 / len(shown)
    bars = "".join(_night(night, index * width, width, most) for index, night in enumerate(shown))
    first, last = (f"{night.started:%Y-%m-%d}" for night in (shown[0], shown[-1]))
    begin, end = (by_look(night.verdicts)["fails"] for night in (shown[0], shown[-1]))
    told = f"{_WORDS['fails']}: {begin} on {first}, {end} on {last}"
    return (
        f'<figure class="card trend"><figcaption>{len(shown)} nights</figcaption>'
        f'<svg viewBox="0 0 100 {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{told}">{bars}</svg>'
        f'<p class="dim ends"><span>{first}</span><span>{last}</span></p>'
        f"<p>{_WORDS['fails']}: {begin} → {end}</p>"
        f'<details class="folded"><summary>In numbers</summary><div class="scroll">{_table(shown)}</div></details></figure>'
    )


def _night(night: Night, x: float, width: float, most: int) -> str:
    """A stacked bar, what fails at its foot; paler where the run did not come to its end."""
    y, parts = float(_HEIGHT), list[str]()
    for name, number in by_look(night.verdicts).items():
        height = _HEIGHT * number / most
        if number:
            y -= height
            at = f'x="{x + width * 0.1:.2f}" y="{y:.2f}" width="{width * 0.8:.2f}" height="{height:.2f}"'
            parts.append(f'<rect class="fill-{name}" {at}/>')
    title = f"{night.started:%Y-%m-%d}{'' if night.complete else ', ended early'}"
    faded = "" if night.complete else ' opacity="0.45"'
    return f"<g{faded}><title>{title}</title>{''.join(parts)}</g>"


def _table(nights: Sequence[Night]) -> str:
    used = [name for name in _ORDER if any(by_look(night.verdicts)[name] for night in nights)]
    heads = "".join(f'<th class="num">{_WORDS[name]}</th>' for name in used)
    rows = "".join(
        f"<tr><td>{night.started:%Y-%m-%d %H:%M}{'' if night.complete else ' (ended early)'}</td>"
        f'<td class="num">{night.repositories}</td><td class="num">{night.failed}</td>'
        + "".join(f'<td class="num">{by_look(night.verdicts)[name]}</td>' for name in used)
        + "</tr>"
        for night in reversed(nights)
    )
    return (
        '<table class="sheet"><thead><tr><th>Night</th><th class="num">repositories</th>'
        f'<th class="num">not audited</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def bars_card(title: str, bars: Sequence[tuple[str, int, str, str]]) -> str:
    """Bars of (name, number, colour, link below the site or "")."""
    if not bars:
        return ""
    most = max(number for _name, number, _look, _link in bars)
    rows = "".join(_bar(name, number / most, number, look_, href) for name, number, look_, href in bars)
    return f'<figure class="card"><figcaption>{title}</figcaption><ul class="bars">{rows}</ul></figure>'


def _bar(name: str, share: float, number: int, look_: str, href: str) -> str:
    target = f' href="{html_text(href)}"' if href else ""
    seen = foreign(name, NAME)
    return (
        f'<li><a{target}><span class="bar-name" title="{seen}">{seen}</span>'
        f'{_strip_of(share, look_)}<span class="bar-number">{number}</span></a></li>'
    )


def _strip_of(share: float, look_: str) -> str:
    """One bar of a share of its room."""
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="fill-{look_}" width="{100 * share:.2f}" height="8"/></svg>'
    )
