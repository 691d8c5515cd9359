"""Console blocks in Markdown: commands after `$ `, and what they print; a line `…` stands for any number of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

ANYTHING = "…"
_BLOCK = re.compile(r"(<!-- not run[^>]*-->\n)?```console\n(.*?)```", re.DOTALL)


class Command(Struct, frozen=True):
    """One command and the lines that are shown below it."""

    line: str
    shown: tuple[str, ...]


def commands(page: str) -> Iterator[Command]:
    """Every command of a page that is there to be run."""
    for block in _BLOCK.finditer(page):
        if not block[1]:
            yield from _commands(block[2].replace("\\\n", " ").splitlines())


def _commands(lines: list[str]) -> Iterator[Command]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Command(lines[start][2:], tuple(lines[start + 1 : end]))


def difference(shown: tuple[str, ...], printed: str) -> str | None:
    """Why this is not what was printed; None where it is."""
    at, loose = 0, False
    lines = [line.rstrip() for line in printed.splitlines()]
    for line in shown:
        if line == ANYTHING:
            loose = True
            continue
        place = next((n for n in range(at, len(lines) if loose else min(at + 1, len(lines))) if lines[n] == line), None)
        if place is None:
            return f"{line!r} is not printed there"
        at, loose = place + 1, False
    return None if loose or at == len(lines) else f"{lines[at]!r} is not shown"
