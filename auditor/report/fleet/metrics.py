"""An audit in Prometheus' text format 0.0.4, for the textfile collector of its node exporter (`docs/reference/metrics.md`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from auditor.model.audit import Audited, Fleet
from auditor.model.finding import Level
from auditor.report.escape import visible_text
from auditor.report.fleet.census import DRIFT, Census, State
from auditor.report.fleet.words import age
from auditor.report.options import RenderOptions

METRICS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "auditor_images": ("Images by repository and verdict.", ("repository", "verdict")),
    "auditor_findings": ("Findings that count, by repository and level.", ("repository", "level")),
    "auditor_repositories": ("Repositories by how their audit ended.", ("state",)),
    "auditor_drift": ("What changed since the previous audit, by rule.", ("rule",)),
    "auditor_oldest_finding_days": ("For how long the oldest open finding has been there, in days.", ()),
    "auditor_run_timestamp_seconds": ("When the audit began, in seconds since 1970.", ()),
    "auditor_run_duration_seconds": ("How long the audit took.", ()),
    "auditor_run_complete": ("1 if every repository could be judged completely, else 0.", ()),
}
"""Every metric with its help and its labels. All are gauges: each run replaces the file."""

OTHERS: Final = "(others)"
_REPOSITORIES: Final = 2_000
"""Repositories with series of their own, in the order of names: what more there are, is summed up under `OTHERS`."""
_LABEL: Final = 200
"""Characters of a label's value."""
_LEVELS: Final = (Level.ERROR, Level.WARNING, Level.INCOMPLETE, Level.NOTE)


def render(fleet: Fleet, _options: RenderOptions) -> Iterator[str]:
    """The metrics, one after another: an exporter refuses a name that comes twice."""
    census = Census()
    images, findings = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    labels: dict[str, None] = {}
    for audited in fleet.repositories():
        census.add(audited)
        _add(audited, _label(audited.target.name, labels), images, findings)
    yield from _metric("auditor_images", images)
    yield from _metric("auditor_findings", findings)
    yield from _metric("auditor_repositories", {(state.value,): census.states[state] for state in State})
    yield from _metric("auditor_drift", {(rule,): census.drift[rule] for rule in DRIFT})
    yield from _metric("auditor_oldest_finding_days", {(): age(census.since, fleet.run.started) or 0})
    yield from _metric("auditor_run_timestamp_seconds", {(): int(fleet.run.started.timestamp())})
    yield from _metric("auditor_run_duration_seconds", {(): round(fleet.run.seconds, 3)})
    complete = census.complete and not fleet.run.ended_early
    yield from _metric("auditor_run_complete", {(): int(complete)})


def _add(audited: Audited, label: str, images: Counter[tuple[str, ...]], findings: Counter[tuple[str, ...]]) -> None:
    report = audited.report
    if report is None:
        return
    for verdict, number in report.verdicts().items():
        images[label, verdict.value] += number
    levels = Counter(finding.level for finding in report.findings if finding.counts)
    for level in _LEVELS:
        findings[label, level.value] += levels[level]


def _label(name: str, labels: dict[str, None]) -> str:
    """The value that stands for a repository. Two names that look alike when cut are counted together, never twice."""
    label = visible_text(name[:_LABEL])
    if label in labels or len(labels) < _REPOSITORIES:
        labels[label] = None
        return label
    return OTHERS


def _metric(name: str, values: Mapping[tuple[str, ...], float]) -> Iterator[str]:
    """A metric with all its series."""
    help_, labels = METRICS[name]
    yield f"# HELP {name} {help_}\n# TYPE {name} gauge\n"
    for told, value in values.items():
        pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in zip(labels, told, strict=True))
        yield f"{name}{f'{{{pairs}}}' if pairs else ''} {value}\n"


def _escaped(text: str) -> str:
    """A label's value: backslash, quote and line feed are what the format escapes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
