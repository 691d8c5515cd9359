"""SARIF 2.1.0, as GitHub's code scanning reads it (its "SARIF support" page; limits as given there)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.report.escape import cut, json_text, relative_uri, sarif_text
from auditor.report.json_v1 import instant
from auditor.report.options import RenderOptions
from auditor.report.pages import RulePage, default_title, shipped_pages
from auditor.report.view import View, view
from auditor.report.words import headline, waiver_words

Json: TypeAlias = dict[str, Any]

_RESULTS: Final = 25_000
"""Results of one run; an upload with more is refused as a whole."""
_DESCRIPTION: Final = 1024
"""Characters of a rule's descriptions."""
_MESSAGE: Final = 4096
_NOTIFICATIONS: Final = 1000
"""What is waived or skipped, told beside the results."""

_NO_FILE: Final = Place("auditor.yaml", 1)
"""Where a finding about no file is shown: code scanning refuses a result without a location."""

_LEVELS: Final = {Level.ERROR: "error", Level.INCOMPLETE: "warning", Level.WARNING: "warning", Level.NOTE: "note"}
_SEVERITIES: Final = {Level.ERROR: "8.0", Level.INCOMPLETE: "7.0", Level.WARNING: "4.5", Level.NOTE: "2.0"}
"""`security-severity`. What could not be judged is "high", so that GitHub's default threshold keeps the gate shut."""
_CRITICAL: Final = frozenset({"denied-image", "invalid-signature", "wrong-signer"})
"""Somebody else signed, or somebody tampered: over 9.0 is "critical"."""


def render(report: Report, options: RenderOptions) -> str:
    """The document, with a final newline. Waived findings and those of the baseline are notifications, not alerts."""
    seen = view(report)
    counting = [f for f in _in_order(seen) if f.counts and f.level is not Level.OFF]
    results, left = counting[:_RESULTS], counting[_RESULTS:]
    pages = shipped_pages() if options.pages is None else options.pages
    rules = _worst_levels(results)
    run: Json = {
        "tool": {
            "driver": {
                "name": "auditor",
                "semanticVersion": report.run.version,
                "rules": [_rule(rule, level, pages.get(rule), options) for rule, level in rules.items()],
            }
        },
        "automationDetails": {"id": f"auditor/{options.category}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(seen, len(left))],
        "results": list(_results(results, {rule: index for index, rule in enumerate(rules)})),
    }
    if options.docs_url:
        run["tool"]["driver"]["informationUri"] = options.docs_url
    return json_text(
        {
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        }
    )


def _in_order(seen: View) -> list[Finding]:
    """All findings, worst first, as `view` sorted them."""
    return sorted(
        seen.report.findings, key=lambda f: (not f.counts, f.level.rank, f.place or _NO_FILE, f.rule, f.fingerprint)
    )


def _worst_levels(findings: list[Finding]) -> dict[str, Level]:
    """The rules of the results in name order, each with its worst level."""
    worst: dict[str, Level] = {}
    for finding in findings:
        level = worst.get(finding.rule, finding.level)
        worst[finding.rule] = min(level, finding.level, key=lambda each: each.rank)
    return dict(sorted(worst.items()))


def _rule(rule: str, level: Level, page: RulePage | None, options: RenderOptions) -> Json:
    title = page.title if page else default_title(rule)
    body = page.body if page else f"{title}."
    described: Json = {
        "id": rule,
        "name": "".join(part.capitalize() for part in rule.split("-")) or rule,
        "shortDescription": {"text": cut(title, _DESCRIPTION)},
        "fullDescription": {"text": cut(_first_paragraph(body) or title, _DESCRIPTION)},
        "help": {"text": body or title, "markdown": body or title},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {
            "tags": ["security", "supply-chain"],
            "precision": "very-high" if level is Level.ERROR else "high",
            "security-severity": "9.1" if rule in _CRITICAL else _SEVERITIES[level],
        },
    }
    if options.docs_url:
        described["helpUri"] = f"{options.docs_url.rstrip('/')}/{rule}"
    return described


def _first_paragraph(body: str) -> str:
    """The first text of a page that is no heading, as one line."""
    paragraphs = (paragraph.strip() for paragraph in body.split("\n\n"))
    return next((" ".join(p.split()) for p in paragraphs if p and not p.startswith("#")), "")


def _results(findings: list[Finding], rule_index: Mapping[str, int]) -> Iterator[Json]:
    """GitHub's convention for `primaryLocationLineHash` is `<hash>:<n>`, n counting equal hashes.

    The hash is our fingerprint: it stays when lines move, and changes with the reference, so that a new tag is a new alert.
    """
    met: Counter[str] = Counter()
    for finding in findings:
        met[finding.fingerprint] += 1
        properties = {"image": finding.image, "root": finding.root, "workload": finding.owner}
        yield {
            "ruleId": finding.rule,
            "ruleIndex": rule_index[finding.rule],
            "level": _LEVELS[finding.level],
            "message": {"text": _message(finding)},
            "locations": [_location(finding.place or _NO_FILE)],
            "partialFingerprints": {
                "primaryLocationLineHash": f"{finding.fingerprint[:16]}:{met[finding.fingerprint]}",
                "auditorFingerprint/v1": finding.fingerprint,
            },
            "properties": {key: value for key, value in properties.items() if value},
        }


def _message(finding: Finding) -> str:
    text = " ".join(part for part in (f"{finding.message.rstrip('.')}.", finding.help) if part)
    unsaid = finding.image and finding.image not in finding.message
    return sarif_text(cut(f"{finding.image}: {text}" if unsaid else text, _MESSAGE))


def _location(place: Place) -> Json:
    """One location. GitHub asks for all four numbers; the end of the scalar is not known, so it is one column wide."""
    line, column = max(place.line, 1), max(place.column, 1)
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": relative_uri(place.file) or "."},
            "region": {"startLine": line, "startColumn": column, "endLine": line, "endColumn": column + 1},
        }
    }


def _invocation(seen: View, left: int) -> Json:
    notes = [_notification(headline(seen), "note")]
    if left:
        notes.append(
            _notification(f"{left} more findings are left out: {_RESULTS} are the most that can be uploaded", "warning")
        )
    notes += [_gap_notification(gap) for gap in seen.report.gaps]
    notes += [
        _notification(f"{f.image or ''} {f.message} ({waiver_words(f)})".strip(), "note", f.rule)
        for f in seen.report.findings
        if not f.counts
    ]
    if len(notes) > _NOTIFICATIONS:
        notes[_NOTIFICATIONS - 1 :] = [_notification(f"{len(notes) - _NOTIFICATIONS + 1} more notes", "note")]
    return {
        "executionSuccessful": seen.report.complete,
        "exitCode": int(seen.report.exit),
        "startTimeUtc": instant(seen.report.run.started),
        "toolExecutionNotifications": notes,
    }


def _notification(text: str, level: str, rule: str | None = None) -> Json:
    notification: Json = {"level": level, "message": {"text": sarif_text(cut(text, _MESSAGE))}}
    return {**notification, "descriptor": {"id": rule}} if rule else notification


def _gap_notification(gap: Gap) -> Json:
    notification = _notification(f"not read: {gap.what}: {gap.why}", "warning")
    return {**notification, "locations": [_location(gap.place)]}
