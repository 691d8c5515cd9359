"""GitHub workflow commands: annotations on the lines of the change.

The runner keeps ten errors, ten warnings and ten notices of a step and drops the rest silently (REST documentation of check
annotations), so the worst come first and the last one says how many are not shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditor.model.finding import Finding, Level
from auditor.model.report import Report
from auditor.report.escape import cut, terminal_text, workflow_data, workflow_property
from auditor.report.options import RenderOptions
from auditor.report.view import view, worst_first
from auditor.report.words import headline

_SHOWN: Final = 10
_MESSAGE: Final = 2000
_COMMANDS: Final = {
    Level.ERROR: "error",
    Level.INCOMPLETE: "error",  # the run exits 3: the step is red, and this line says why
    Level.WARNING: "warning",
    Level.NOTE: "notice",
}


def render(report: Report, _options: RenderOptions) -> str:
    """One command per line, then a line of plain text: the headline."""
    counting = [f for f in worst_first(report.findings) if f.counts and f.level in _COMMANDS]
    lines: list[str] = []
    for command in ("error", "warning", "notice"):
        told = [f for f in counting if _COMMANDS[f.level] == command]
        lines += _annotations(command, dict.fromkeys((_properties(f), _message(f)) for f in told))
    return "\n".join([*lines, terminal_text(f"auditor: {headline(view(report))}")]) + "\n"


def _annotations(command: str, told: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"::{command} {properties}::{message}" for properties, message in told]
    if len(lines) <= _SHOWN:
        return lines
    left = len(lines) - _SHOWN + 1
    rest = f"::{command} title=auditor::{left} more {command}s: see the comment or the full report"
    return [*lines[: _SHOWN - 1], rest]


def _properties(finding: Finding) -> str:
    """`file`, `line`, `col`, `title`; only the start line, since spans are mishandled at the end of a file."""
    place = finding.place
    pairs: list[tuple[str, str]] = []
    if place and place.file:
        pairs.append(("file", place.file))
        pairs += [("line", str(place.line))] if place.line else []
        pairs += [("col", str(place.column))] if place.line and place.column else []
    pairs.append(("title", f"auditor: {finding.rule}"))
    return ",".join(f"{name}={workflow_property(cut(value, 1024))}" for name, value in pairs)


def _message(finding: Finding) -> str:
    """What and why, then what to do on a line of its own."""
    unsaid = finding.image and finding.image not in finding.message
    what = f"{finding.image}: {finding.message}" if unsaid else finding.message
    lines = [what, *([f"→ {finding.help}"] if finding.help else [])]
    return "%0A".join(workflow_data(cut(line, _MESSAGE)) for line in lines)
