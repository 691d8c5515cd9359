"""Results as Markdown, so that they can be put into `docs/benchmarks.md` as they are."""

from __future__ import annotations

import platform
import sys

from tabulate import tabulate


def held(value: float, most: float) -> str:
    """`≤ 2.5, met`: an aim that is met where the value is not above it (figures with two places)."""
    return f"≤ {most:g}, {'met' if round(value, 2) <= most else 'missed'}"


def reached(value: float, least: float) -> str:
    """`≥ 40, met`: an aim that is met where the value is not below it."""
    return f"≥ {least:g}, {'met' if round(value, 2) >= least else 'missed'}"


class Table:
    """Rows of measured figures under a title."""

    def __init__(self, title: str, headers: tuple[str, ...]) -> None:
        self._title = title
        self._headers = headers
        self._rows: list[tuple[str | float, ...]] = []

    def add(self, *row: str | float) -> None:
        """Add one row."""
        self._rows.append(row)

    def show(self) -> None:
        """Print it."""
        print(f"\n### {self._title}\n")
        print(tabulate(self._rows, self._headers, tablefmt="github", floatfmt=".2f"))
        print(f"\nPython {platform.python_version()} on {platform.machine()}, `{' '.join(sys.argv[1:]) or 'defaults'}`")
