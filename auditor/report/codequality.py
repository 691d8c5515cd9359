"""GitLab Code Quality: an array of issues (GitLab's "Code Quality report format"), without a byte order mark."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

from auditor.model.finding import Finding, Level
from auditor.model.report import Report
from auditor.report.escape import cut, json_text, visible_text
from auditor.report.options import RenderOptions
from auditor.report.view import worst_first

_SEVERITIES: Final = {
    Level.ERROR: "critical",
    Level.INCOMPLETE: "major",
    Level.WARNING: "minor",
    Level.NOTE: "info",
}
_DESCRIPTION: Final = 2000


def render(report: Report, _options: RenderOptions) -> str:
    """The array, with a final newline. What is waived or in the baseline is no issue."""
    met: Counter[str] = Counter()
    issues = []
    for finding in worst_first(report.findings):
        if not finding.counts or finding.level not in _SEVERITIES:
            continue
        met[finding.fingerprint] += 1
        issues.append(_issue(finding, met[finding.fingerprint]))
    return json_text(issues)


def _issue(finding: Finding, number: int) -> dict[str, object]:
    place = finding.place
    unsaid = finding.image and finding.image not in finding.message
    text = f"{finding.image}: {finding.message}" if unsaid else finding.message
    return {
        "description": cut(visible_text(f"{text.rstrip('.')}. {finding.help}".strip()), _DESCRIPTION),
        "check_name": finding.rule,
        "fingerprint": _fingerprint(finding.fingerprint, number),
        "severity": _SEVERITIES[finding.level],
        "location": {
            "path": visible_text(place.file if place and place.file else "auditor.yaml"),
            "lines": {"begin": max(place.line, 1) if place else 1},
        },
    }


def _fingerprint(fingerprint: str, number: int) -> str:
    """GitLab shows issues of one fingerprint once, so the second of a kind gets one of its own."""
    return fingerprint if number == 1 else hashlib.sha256(f"{fingerprint}:{number}".encode()).hexdigest()[:32]
