"""Gitea and Forgejo: one sticky comment, and the commit status that protects a branch.

Shapes: Gitea's published OpenAPI description (`issueGetComments`, `issueCreateComment`, `issueEditComment`,
`repoCreateStatus`, `userGetCurrent`). The comments of one issue come without pages.
"""

from __future__ import annotations

from typing import Any, Final

from auditor.model.evidence import FaultKind
from auditor.model.report import Exit
from auditor.publish.api import Api, each_object
from auditor.publish.ci.job import number
from auditor.publish.message import Message
from auditor.publish.outcome import Did, Outcome, Post, Refused
from auditor.publish.sticky import Comment
from auditor.publish.target import Target

COMMENT: Final = 60_000
"""Code points: as on GitHub, since nothing is promised."""
_ACTIONS_LOGINS: Final = frozenset({"gitea-actions", "forgejo-actions"})
"""Whose the token of a job is; it may not ask who it is."""
_STATES: Final = {Exit.CLEAN: "success", Exit.FINDINGS: "failure"}


class GiteaThread:
    """The conversation of one pull request."""

    def __init__(self, api: Api, target: Target) -> None:
        self._api = api
        self._issues = f"/repos/{target.project}/issues"
        self._comments = f"{self._issues}/{target.pull_request}/comments"
        self._logins = _own_logins(api)

    def ours(self) -> list[Comment]:
        """Every comment of the token's account."""
        listed = each_object(self._api.pages(self._comments))
        return [Comment(int(c["id"]), str(c.get("body") or "")) for c in listed if self._is_own(c)]

    def _is_own(self, comment: dict[str, Any]) -> bool:
        user = comment.get("user")
        login = user.get("login") if isinstance(user, dict) else None
        return login in self._logins and number(comment.get("id")) is not None

    def create(self, body: str) -> None:
        """Post one. Not asked again: the forge may have done it."""
        self._api.ask("POST", self._comments, {"body": body}, again=False)

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of one."""
        self._api.ask("PATCH", f"{self._issues}/comments/{comment.number}", {"body": body})

    def delete(self, comment: Comment) -> None:
        """Remove one."""
        self._api.ask("DELETE", f"{self._issues}/comments/{comment.number}")


def _own_logins(api: Api) -> frozenset[str]:
    try:
        answer = api.ask("GET", "/user")
    except Refused as refusal:
        if refusal.fault.kind is FaultKind.RATE_LIMITED or refusal.status not in {401, 403, 404}:
            raise
        return _ACTIONS_LOGINS
    login = answer.get("login") if isinstance(answer, dict) else None
    return frozenset({login}) if isinstance(login, str) and login else _ACTIONS_LOGINS


def post_status(api: Api, target: Target, message: Message, context: str) -> Outcome:
    """The commit status: the latest one of a context counts."""
    state = _STATES.get(message.exit, "error")
    body = {"state": state, "context": context, "description": message.description}
    api.ask("POST", f"/repos/{target.project}/statuses/{target.commit}", body)
    return Outcome(Post.STATUS, Did.CREATED)
