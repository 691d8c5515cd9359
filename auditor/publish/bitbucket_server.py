"""Bitbucket Data Center: a Code Insights report on the commit, with its annotations.

Shapes: Bitbucket Data Center's published OpenAPI description (`RestInsightReport`, `RestBulkAddInsightAnnotationRequest`);
limits: "Code Insights" of its documentation (1,000 annotations of a report, six data fields, 2,000 characters of a message).
"""

from __future__ import annotations

from typing import Any, Final

from auditor.model.finding import Level
from auditor.model.report import Exit
from auditor.publish.api import Api
from auditor.publish.bitbucket import BATCH, details, external_id, is_there, numbers, report_id
from auditor.publish.message import Annotation, Message
from auditor.publish.outcome import Did, Outcome, Post
from auditor.publish.target import Target
from auditor.report.escape import cut

_TITLE: Final = 450
_TEXT: Final = 2000
_SEVERITIES: Final = {Level.ERROR: "HIGH", Level.INCOMPLETE: "HIGH", Level.WARNING: "MEDIUM"}


def post_report(api: Api, target: Target, message: Message, key: str) -> Outcome:
    """Replace the report and its annotations."""
    project, _, slug = target.project.partition("/")
    path = f"/rest/insights/latest/projects/{project}/repos/{slug}/commits/{target.commit}/reports/{report_id(key)}"
    was_there = is_there(api, path)
    api.ask("PUT", path, _report(message, key))
    if was_there:
        api.ask("DELETE", f"{path}/annotations")
    notes = [_note(each) for each in message.annotations()]
    for start in range(0, len(notes), BATCH):
        # An id that is there already is refused (409), so a batch that may have arrived is not sent again.
        api.ask("POST", f"{path}/annotations", {"annotations": notes[start : start + BATCH]}, again=False)
    return Outcome(Post.REPORT, Did.UPDATED if was_there else Did.CREATED)


def _report(message: Message, key: str) -> dict[str, Any]:
    return {
        "title": cut(f"auditor: {key}", _TITLE),
        "details": details(message, _TEXT),
        "reporter": "auditor",
        "result": "PASS" if message.exit is Exit.CLEAN else "FAIL",
        "data": [{"title": title, "type": "NUMBER", "value": value} for title, value in numbers(message)],
    }


def _note(annotation: Annotation) -> dict[str, Any]:
    return {
        "externalId": external_id(annotation),
        "path": annotation.path,
        "line": annotation.line,
        "message": cut(f"{annotation.rule}: {annotation.message}", _TEXT),
        "severity": _SEVERITIES.get(annotation.level, "LOW"),
        "type": "VULNERABILITY" if annotation.level is Level.ERROR else "CODE_SMELL",
    }
