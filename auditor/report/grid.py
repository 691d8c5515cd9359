"""Text in columns. The only door to tabulate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from tabulate import tabulate

_GAP: Final = 2
_NARROWEST: Final = 10
_LABEL_COLUMN: Final = 16
_BREAKS: Final = re.compile(r"(?<=[/@:,\s-])(?!//)")


class Palette(Struct, frozen=True):
    """Colours, or none. Only our own words and names that were escaped before are painted."""

    on: bool

    def paint(self, style: str, text: str) -> str:
        """The text in a style: each line by itself, so that columns may be put beside each other."""
        if not self.on or not style:
            return text
        return "\n".join(f"\x1b[{_STYLES[style]}m{line}\x1b[0m" if line else line for line in text.split("\n"))


_STYLES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "magenta": "35",
    "bold red": "1;31",
    "bold green": "1;32",
    "bold yellow": "1;33",
}


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns: broken after a space where possible, else after `/`, `@`, `:`, `,` or `-`."""
    lines = [""]
    for word in text.split(" "):
        space = " " if lines[-1] else ""
        if len(lines[-1]) + len(space) + len(word) <= width:
            lines[-1] += space + word
        elif len(word) <= width:
            lines.append(word)
        else:
            _wrap_long(lines, space, word, width)
    return lines


def _wrap_long(lines: list[str], space: str, word: str, width: int) -> None:
    """A word that fits no line: an image name, a subject, a path."""
    if len(lines[-1]) > width // 2:
        lines.append("")
    elif lines[-1]:
        lines[-1] += space
    for piece in _BREAKS.split(word):
        rest = piece
        if len(lines[-1]) + len(rest) > width and lines[-1].strip() and len(rest) <= width:
            lines.append("")
        while len(lines[-1]) + len(rest) > width:
            room = width - len(lines[-1])
            lines[-1] += rest[:room]
            rest = rest[room:]
            lines.append("")
        lines[-1] += rest


def fit(natural: Sequence[int], width: int) -> list[int]:
    """Column widths that fill at most `width`: the widest give way first, the first column (a short label) last."""
    room = max(width - _GAP * (len(natural) - 1), 1)
    least = [min(natural[0], _LABEL_COLUMN), *(_NARROWEST for _ in natural[1:])]
    widths = list(natural)
    while (excess := sum(widths) - room) > 0:
        soft = [index for index, each in enumerate(widths) if each > least[index]]
        if not soft:
            break
        widest = max(soft, key=lambda index: widths[index])
        others = [widths[index] for index in soft if index != widest]
        floor = max(least[widest], max(others, default=0))
        widths[widest] -= max(1, min(excess, widths[widest] - floor))
    return widths


def grid(headers: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]], width: int, palette: Palette) -> str:
    """A table of (style, text) cells, wrapped to `width` columns. Columns that are empty everywhere are left out."""
    used = [index for index in range(len(headers)) if any(row[index][1] for row in rows)]
    natural = [max(len(headers[i]), *(len(row[i][1]) for row in rows)) for i in used]
    widths = fit(natural, width)
    cells = [
        [palette.paint(row[i][0], "\n".join(wrap(row[i][1], w))) for i, w in zip(used, widths, strict=True)]
        for row in rows
    ]
    titles = [palette.paint("dim", headers[i]) for i in used]
    text = tabulate(cells, headers=titles, tablefmt="plain", disable_numparse=True, stralign="left")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def labelled(label: str, lines: Sequence[tuple[str, str]], width: int, palette: Palette) -> list[str]:
    """`  label  text`, continued under the text. Each (style, text) starts a line of its own."""
    indent = 2 + _LABEL + 1
    told: list[str] = []
    for style, text in lines:
        for line in wrap(text, max(width - indent, _NARROWEST)):
            head = " " * indent if told else "  " + palette.paint("dim", label.ljust(_LABEL)) + " "
            told.append(head + palette.paint(style, line))
    return told


_LABEL: Final = 7
