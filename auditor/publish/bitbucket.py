"""Bitbucket Cloud: a Code Insights report on the commit, with its annotations.

Shapes: Bitbucket's published OpenAPI description (`report`, `report_annotation`), and the limits that it names: 1,000
annotations of a report, 100 of a request, 450 characters of a summary, 2,000 of details, ten data fields.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from auditor.model.finding import Level
from auditor.model.report import Exit
from auditor.publish.api import Api
from auditor.publish.message import Annotation, Message
from auditor.publish.outcome import Did, Outcome, Post, Refused
from auditor.publish.target import Target
from auditor.report.escape import cut

BATCH: Final = 100
"""Annotations of one request."""
_TITLE: Final = 450
_DETAILS: Final = 2000
_SUMMARY: Final = 450
_SEVERITIES: Final = {Level.ERROR: "HIGH", Level.INCOMPLETE: "HIGH", Level.WARNING: "MEDIUM"}


def report_id(key: str) -> str:
    """The report's name on a commit: the same check replaces its own report, and no other's."""
    return f"auditor-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def post_report(api: Api, target: Target, message: Message, key: str) -> Outcome:
    """Replace the report; the old one goes first, for it would keep annotations that are no longer true."""
    path = f"/2.0/repositories/{target.project}/commit/{target.commit}/reports/{report_id(key)}"
    was_there = _clear(api, path)
    api.ask("PUT", path, _report(message, key))
    notes = [_note(each) for each in message.annotations()]
    for start in range(0, len(notes), BATCH):
        api.ask("POST", f"{path}/annotations", notes[start : start + BATCH])
    return Outcome(Post.REPORT, Did.UPDATED if was_there else Did.CREATED)


def is_there(api: Api, path: str) -> bool:
    """Whether a report is at a path of the API. Raises Refused where that cannot be told."""
    try:
        api.ask("GET", path)
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


def _clear(api: Api, path: str) -> bool:
    """Remove the report of an earlier run. Gives whether there was one."""
    if not is_there(api, path):
        return False
    try:
        api.ask("DELETE", path)
    except Refused as refusal:
        if refusal.status != 404:  # another job of this check was faster
            raise
    return True


def _report(message: Message, key: str) -> dict[str, Any]:
    return {
        "title": cut(f"auditor: {key}", _TITLE),
        "details": details(message, _DETAILS),
        "report_type": "SECURITY",
        "reporter": "auditor",
        "result": "PASSED" if message.exit is Exit.CLEAN else "FAILED",
        "data": [{"title": title, "type": "NUMBER", "value": value} for title, value in numbers(message)],
    }


def details(message: Message, most: int) -> str:
    """The verdict and the counts, with a word on annotations that are left out."""
    left = [f"{message.unshown} more findings are not shown here."] if message.unshown else []
    return cut("\n".join([message.title, message.facts, *left]), most)


def numbers(message: Message) -> tuple[tuple[str, int], ...]:
    """Four facts of a report: Data Center shows six at most."""
    counting = [f for f in message.report.findings if f.counts]
    return (
        ("Images", len(message.report.images)),
        ("Errors", sum(f.level is Level.ERROR for f in counting)),
        ("Could not be judged", sum(f.level is Level.INCOMPLETE for f in counting)),
        ("Warnings", sum(f.level is Level.WARNING for f in counting)),
    )


def external_id(annotation: Annotation) -> str:
    """Unique in a report: one finding may stand at several lines."""
    told = f"{annotation.fingerprint}:{annotation.path}:{annotation.line}:{annotation.message}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _note(annotation: Annotation) -> dict[str, Any]:
    what, _, rest = annotation.message.partition("\n")
    return {
        "external_id": external_id(annotation),
        "annotation_type": "VULNERABILITY" if annotation.level is Level.ERROR else "CODE_SMELL",
        "path": annotation.path,
        "line": annotation.line,
        "summary": cut(f"{annotation.rule}: {what}", _SUMMARY),
        "details": cut(rest or what, _DETAILS),
        "severity": _SEVERITIES.get(annotation.level, "LOW"),
    }
