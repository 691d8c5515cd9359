"""One issue for each audited repository that fails: kept up to date, closed when it is clear, opened again when it is not.

Shapes: GitHub's published OpenAPI description (`issues/list-for-repo`, `issues/create`, `issues/update`). Nobody is told of a change
to an issue's text, so that a nightly update disturbs nobody; opening, opening again and closing are told.

What could not be judged changes nothing: it neither opens an issue nor closes one.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from auditor.model.audit import Audited
from auditor.model.report import Exit
from auditor.publish.api import Api, each_object
from auditor.publish.ci.job import number
from auditor.publish.github import is_by
from auditor.publish.outcome import Did, Outcome, Post
from auditor.publish.sticky import Comment, stick
from auditor.report.escape import cut
from auditor.report.markdown import marker, render
from auditor.report.options import RenderOptions

BODY: Final = 60_000
"""Code points. The API takes 65,536 characters."""
_TITLE: Final = 200
_CLOSED: Final = "\n<!-- closed -->"
"""Behind the text of a closed issue, so that it is never taken for one that says what it should."""


class IssueThread:
    """The issues that we keep about one audited repository, as comments are kept (`sticky.Thread`)."""

    def __init__(self, api: Api, login: str, project: str, audited: str, mark: str) -> None:
        """`login`: whose token it is. `mark`: the first line of the issue that is meant, which no other repository's has."""
        self._api = api
        self._issues = f"/repos/{project}/issues"
        self._title = cut(f"auditor: {audited}", _TITLE)
        self._mark = mark
        self._login = login

    def ours(self) -> list[Comment]:
        """The open ones; where none is, the one that was closed last."""
        query = f"?state=all&creator={quote(self._login, safe='')}&per_page=100"
        found = [each for each in each_object(self._api.pages(f"{self._issues}{query}")) if self._is_ours(each)]
        open_ = [Comment(each["number"], each["body"]) for each in found if each.get("state") == "open"]
        closed = [Comment(each["number"], each["body"] + _CLOSED) for each in found if each.get("state") == "closed"]
        return open_ or sorted(closed, key=lambda each: each.number)[-1:]

    def _is_ours(self, issue: dict[str, Any]) -> bool:
        body = issue.get("body")
        if "pull_request" in issue or not isinstance(body, str) or number(issue.get("number")) is None:
            return False
        return body.lstrip().partition("\n")[0].rstrip("\r") == self._mark and is_by(issue, self._login)

    def create(self, body: str) -> None:
        """Open one. Not asked again: the forge may have done it."""
        self._api.ask("POST", self._issues, {"title": self._title, "body": body}, again=False)

    def update(self, issue: Comment, body: str) -> None:
        """Replace the text of one; a closed one is open again."""
        self._api.ask("PATCH", f"{self._issues}/{issue.number}", {"body": body, "state": "open"})

    def delete(self, issue: Comment) -> None:
        """Close one that is one too many."""
        self._api.ask("PATCH", f"{self._issues}/{issue.number}", {"state": "closed", "state_reason": "not_planned"})

    def close(self, body: str) -> bool:
        """Close what is open, with a text that says why; whether there was any."""
        open_ = [each for each in self.ours() if not each.body.endswith(_CLOSED)]
        for each in open_:
            done = {"body": body, "state": "closed", "state_reason": "completed"}
            self._api.ask("PATCH", f"{self._issues}/{each.number}", done)
        return bool(open_)


def keep_issue(api: Api, login: str, project: str, audited: Audited, now: datetime) -> Outcome:
    """Bring the issue of one audited repository, which is in `project`, up to date. Raises Refused or Failed."""
    if audited.report is None or audited.exit is Exit.INCOMPLETE:
        return Outcome(Post.ISSUE, Did.LEFT, "the repository could not be judged")
    name = audited.target.name
    key = f"audit-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    thread = IssueThread(api, login, project, name, marker(key))
    # The run is another every night; what it found often is not.
    report = replace(audited.report, run=replace(audited.report.run, notes=()))
    body = render(report, RenderOptions(key=key, budget=BODY))
    if audited.exit is Exit.FINDINGS:
        return replace(stick(thread, body, now), post=Post.ISSUE)
    return Outcome(Post.ISSUE, Did.CLOSED if thread.close(body) else Did.UNCHANGED)
