"""One issue for each audited repository that fails: kept up to date, closed when it is clear, opened again when it is not.

Shapes: GitHub's published OpenAPI description (`issues/list-for-repo`, `issues/create`, `issues/update`, `issues/create-comment`).
Nobody is told of a change to an issue's text, so that a nightly update disturbs nobody; opening, opening again and closing are
told. Where an open issue became worse, one comment tells.

What could not be judged changes nothing: it neither opens an issue nor closes one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits
from auditor.model.audit import Audited
from auditor.model.finding import Finding
from auditor.model.report import Exit, Report
from auditor.publish.api import Api
from auditor.publish.ci.job import number
from auditor.publish.issue_book import IssueBook, Kept
from auditor.publish.label import Label
from auditor.publish.outcome import Did, Outcome, Post, failed
from auditor.publish.sticky import Comment, stick
from auditor.publish.worse import added, blocking, comment, summed
from auditor.registry.faults import Failed
from auditor.report.escape import cut
from auditor.report.markdown import render
from auditor.report.options import RenderOptions

BODY: Final = 60_000
"""Code points. The API takes 65,536 characters."""
_TITLE: Final = 200
_CLOSED: Final = "\n<!-- closed -->"
"""Behind the text of a closed issue, so that it is never taken for one that says what it should."""


class Issues:
    """The issues of one run. `login`: whose token it is. `label`: what they bear, "" for nothing."""

    def __init__(self, api: Api, login: str, label: str = "", limits: Limits = DEFAULT) -> None:
        self._api = api
        self._login = login
        self._label = label
        self._limits = limits
        self._writing = _Writing(api, limits.issue_pause_seconds)
        self._projects: dict[str, tuple[IssueBook, Label]] = {}

    def keep(self, project: str, audited: Audited, now: datetime) -> Iterator[Outcome]:
        """Bring the issue of one audited repository, which is in `project`, up to date; raises nothing.

        What went wrong beside it (its comment, the label of all issues there) is told after it.
        """
        if audited.report is None or audited.exit is Exit.INCOMPLETE:
            yield Outcome(Post.ISSUE, Did.LEFT, "the repository could not be judged")
            return
        if project not in self._projects:
            book = IssueBook(self._api, project, self._login, self._limits)
            self._projects[project] = book, Label(self._api, project, self._label)
        book, label = self._projects[project]
        known = label.trouble
        thread = IssueThread(self._writing, book, label, audited.target.name, audited.report)
        try:
            yield thread.keep(now, is_failing=audited.exit is Exit.FINDINGS)
        except Failed as failure:
            yield failed(Post.ISSUE, failure)
        if thread.unsaid is not None:
            yield thread.unsaid
        if label.trouble is not known and label.trouble is not None:
            yield label.trouble


class IssueThread:
    """The issues that we keep about one audited repository, as comments are kept (`sticky.Thread`).

    `unsaid` is why the watchers of one were not told that it became worse.
    """

    def __init__(self, writing: _Writing, book: IssueBook, label: Label, audited: str, report: Report) -> None:
        self._writing = writing
        self._book = book
        self._label = label
        self._issues = book.path
        self._title = cut(f"auditor: {audited}", _TITLE)
        self._blocking: tuple[Finding, ...] = blocking(report)
        self._body = _body(audited, report, self._blocking)
        self._mark = self._body.partition("\n")[0]
        self._is_behind = False
        self.unsaid: Outcome | None = None

    def keep(self, now: datetime, *, is_failing: bool) -> Outcome:
        """Leave one open issue, or none. Raises Refused or Failed."""
        if is_failing:
            return replace(stick(self, self._body, now), post=Post.ISSUE)
        return Outcome(Post.ISSUE, Did.CLOSED if self._close() else Did.UNCHANGED)

    def ours(self) -> list[Comment]:
        """The open issues, else the one that was closed last. Of a text that differs from ours only the first line is given."""
        if self._is_behind:
            self._book.look_again()
            self._is_behind = False
        found = self._book.of(self._mark)
        open_ = [
            Comment(each.number, self._body if each.says(self._body) else self._mark) for each in found if each.is_open
        ]
        return open_ or [Comment(each.number, self._mark + _CLOSED) for each in found[-1:]]

    def create(self, body: str) -> None:
        """Open one. Not asked again: the forge may have done it."""
        self._is_behind = True
        labels = self._label.names()
        made = self._writing.ask(
            "POST", self._issues, {"title": self._title, "body": body, "labels": labels}, again=False
        )
        told = number(made.get("number")) if isinstance(made, dict) else None
        if told is not None:
            self._book.write_down(told, body, is_open=True)
        if labels and not self._label.is_on(made):
            self._label.dropped()

    def update(self, issue: Comment, body: str) -> None:
        """Replace the text of one; a closed one is open again. Where an open one became worse, its watchers are told first."""
        kept = next((each for each in self._book.of(self._mark) if each.number == issue.number), None)
        if kept is not None and kept.is_open:
            self._tell_watchers(kept)
        try:
            told = self._writing.ask("PATCH", f"{self._issues}/{issue.number}", {"body": body, "state": "open"})
        except Failed:
            self._book.drop(self._mark, issue.number)  # if it is still there, looking again finds it
            self._is_behind = True
            raise
        self._book.write_down(issue.number, body, is_open=True)
        if not self._label.is_on(told) and (labels := self._label.names()):
            self._set_labels(issue.number, labels)

    def delete(self, issue: Comment) -> None:
        """Close one that is one too many."""
        self._writing.ask("PATCH", f"{self._issues}/{issue.number}", {"state": "closed", "state_reason": "not_planned"})
        self._book.drop(self._mark, issue.number)

    def _close(self) -> bool:
        """Close what is open, with a text that says why; whether there was any."""
        open_ = [each for each in self._book.of(self._mark) if each.is_open]
        for each in open_:
            done = {"body": self._body, "state": "closed", "state_reason": "completed"}
            self._writing.ask("PATCH", f"{self._issues}/{each.number}", done)
            self._book.write_down(each.number, self._body, is_open=False)
        return bool(open_)

    def _tell_watchers(self, kept: Kept) -> None:
        """One comment on what is new. Not asked again, and no reason not to bring the text up to date."""
        new = added(self._blocking, kept.blocking)
        if not new:
            return
        try:
            self._writing.ask("POST", f"{self._issues}/{kept.number}/comments", {"body": comment(new)}, again=False)
        except Failed as failure:
            self.unsaid = failed(Post.COMMENT, failure)

    def _set_labels(self, issue: int, labels: list[str]) -> None:
        try:
            self._writing.ask("POST", f"{self._issues}/{issue}/labels", {"labels": labels})
        except Failed:
            self._label.dropped()


class _Writing:
    """Changes, one after the other, not faster than the forge asks for."""

    def __init__(self, api: Api, pause: float) -> None:
        self._api = api
        self._pause = pause
        self._next = 0.0

    def ask(self, method: str, path: str, body: object, *, again: bool = True) -> Any:
        """As `Api.ask`."""
        time.sleep(max(self._next - time.monotonic(), 0.0))
        try:
            return self._api.ask(method, path, body, again=again)
        finally:
            self._next = time.monotonic() + self._pause


def _body(name: str, report: Report, blocking_: tuple[Finding, ...]) -> str:
    """The text, with what blocks in its second, hidden line. The run is another every night; what it found often is not."""
    key = f"audit-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    hidden = summed(blocking_).line()
    said = replace(report, run=replace(report.run, notes=()))
    text = render(said, RenderOptions(key=key, budget=BODY - len(hidden) - 1))
    mark, _, rest = text.partition("\n")
    return f"{mark}\n{hidden}\n{rest}"
