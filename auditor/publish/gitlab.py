"""GitLab: one sticky note on the merge request. (Code Quality is an artifact: `-f codequality=FILE`.)

Shapes: GitLab's REST documentation, "Notes API" and "Users API". `CI_JOB_TOKEN` cannot write notes.
"""

from __future__ import annotations

from typing import Any, Final

from auditor.model.evidence import FaultKind
from auditor.publish.api import Api, each_object
from auditor.publish.ci.job import number
from auditor.publish.outcome import Refused
from auditor.publish.sticky import Comment
from auditor.publish.target import Target

COMMENT: Final = 250_000
"""Code points. GitLab stores 1,000,000; a longer note is nobody's reading."""


class GitLabThread:
    """The notes of one merge request."""

    def __init__(self, api: Api, target: Target) -> None:
        self._api = api
        self._notes = f"/projects/{target.project}/merge_requests/{target.pull_request}/notes"
        self._user = _own_id(api)

    def ours(self) -> list[Comment]:
        """Every note of the token's account; notes that GitLab wrote itself are nobody's."""
        listed = each_object(self._api.pages(f"{self._notes}?sort=asc&order_by=created_at&per_page=100"))
        return [Comment(int(n["id"]), str(n.get("body") or "")) for n in listed if self._is_own(n)]

    def _is_own(self, note: dict[str, Any]) -> bool:
        author = note.get("author")
        own = isinstance(author, dict) and author.get("id") == self._user
        return own and note.get("system") is not True and number(note.get("id")) is not None

    def create(self, body: str) -> None:
        """Post one. Not asked again: the forge may have done it."""
        self._api.ask("POST", self._notes, {"body": body}, again=False)

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of one."""
        self._api.ask("PUT", f"{self._notes}/{comment.number}", {"body": body})

    def delete(self, comment: Comment) -> None:
        """Remove one."""
        self._api.ask("DELETE", f"{self._notes}/{comment.number}")


def _own_id(api: Api) -> int:
    answer = api.ask("GET", "/user")
    found = number(answer.get("id")) if isinstance(answer, dict) else None
    if found is None:
        raise Refused(FaultKind.MALFORMED, f"{api.host} does not say whose token this is", again=False)
    return found
