"""GitHub: one sticky comment, the job summary, a check run with its annotations, a commit status.

Shapes: GitHub's published OpenAPI description (`issues/create-comment`, `checks/create`, `checks/update`,
`repos/create-commit-status`, `pulls/list`); limits: REST documentation of check runs, of commit statuses and of job summaries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from auditor.errors import UsageError
from auditor.model.evidence import FaultKind
from auditor.model.finding import Level
from auditor.model.report import Exit
from auditor.publish.api import Api, each_object
from auditor.publish.ci.job import commit, number
from auditor.publish.message import Annotation, Message
from auditor.publish.outcome import Did, Outcome, Post, Refused
from auditor.publish.sticky import Comment
from auditor.publish.target import Target
from auditor.report.escape import cut

COMMENT: Final = 60_000
"""Code points. The API's message speaks of 65,536 characters."""
SUMMARY_BYTES: Final = 1_000_000
"""The runner uploads 1,024 KiB of a step's summary, or nothing at all."""
_BATCH: Final = 50
"""Annotations of one request."""
_CHECK_SUMMARY: Final = 60_000
_ACTIONS_LOGIN: Final = "github-actions[bot]"
_STATES: Final = {Exit.CLEAN: "success", Exit.FINDINGS: "failure"}
_LEVELS: Final = {Level.ERROR: "failure", Level.INCOMPLETE: "failure", Level.WARNING: "warning"}


class GitHubThread:
    """The conversation of one pull request."""

    def __init__(self, api: Api, target: Target) -> None:
        self._api = api
        self._repository = f"/repos/{target.project}"
        self._comments = f"{self._repository}/issues/{target.pull_request}/comments"
        self._login = own_login(api, graphql_of(target))

    def ours(self) -> list[Comment]:
        """Every comment of the token's account; the default page of 30 would hide older ones."""
        listed = each_object(self._api.pages(f"{self._comments}?per_page=100"))
        own = (each for each in listed if number(each.get("id")) is not None and is_by(each, self._login))
        return [Comment(int(each["id"]), str(each.get("body") or "")) for each in own]

    def create(self, body: str) -> None:
        """Post one. Not asked again: the forge may have done it."""
        self._api.ask("POST", self._comments, {"body": body}, again=False)

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of one."""
        self._api.ask("PATCH", f"{self._repository}/issues/comments/{comment.number}", {"body": body})

    def delete(self, comment: Comment) -> None:
        """Remove one."""
        self._api.ask("DELETE", f"{self._repository}/issues/comments/{comment.number}")


def is_by(item: dict[str, Any], login: str) -> bool:
    """Whether the account `login` wrote a comment or an issue; an app is shown under another name than it has."""
    user = item.get("user")
    name = user.get("login") if isinstance(user, dict) else None
    is_app = isinstance(user, dict) and user.get("type") == "Bot"
    return name == login or (is_app and name == f"{login}[bot]")


def graphql_of(target: Target) -> str:
    """GraphQL's address: beside the REST API; on Enterprise Server `/api/graphql` beside `/api/v3`."""
    base = target.access.base.rstrip("/")
    return target.graphql or f"{base.removesuffix('/v3') if base.endswith('/api/v3') else base}/graphql"


def own_login(api: Api, graphql: str) -> str:
    """Whose token this is. The token of Actions may not ask `GET /user`; GraphQL's `viewer` answers for every kind."""
    try:
        answer = api.ask("POST", graphql, {"query": "query { viewer { login } }"})
    except Refused as refusal:
        if refusal.fault.kind is FaultKind.RATE_LIMITED or not 400 <= refusal.status < 500:
            raise
        return _ACTIONS_LOGIN
    data = answer.get("data") if isinstance(answer, dict) else None
    viewer = data.get("viewer") if isinstance(data, dict) else None
    login = viewer.get("login") if isinstance(viewer, dict) else None
    return login if isinstance(login, str) and login else _ACTIONS_LOGIN


def post_status(api: Api, target: Target, message: Message, context: str) -> Outcome:
    """The commit status: the latest one of a context counts, so that asking twice does no harm."""
    state = _STATES.get(message.exit, "error")
    body = {"state": state, "context": context, "description": message.description}
    api.ask("POST", f"/repos/{target.project}/statuses/{target.commit}", body)
    return Outcome(Post.STATUS, Did.CREATED)


def post_check_run(api: Api, target: Target, message: Message, name: str) -> Outcome:
    """A check run; annotations beyond the first fifty follow in updates, which add to them."""
    notes = [_note(each) for each in message.annotations()]
    batches = list(_batches(notes)) or [[]]
    output = {"title": cut(message.title, 250), "summary": _summary(message)}
    made = api.ask(
        "POST",
        f"/repos/{target.project}/check-runs",
        {
            "name": name,
            "head_sha": target.commit,
            "status": "completed",
            "conclusion": "success" if message.exit is Exit.CLEAN else "failure",
            "output": {**output, "annotations": batches[0]},
        },
        again=False,
    )
    run = number(made.get("id")) if isinstance(made, dict) else None
    if run is None:
        raise Refused(FaultKind.MALFORMED, f"{api.host} made a check run without a number", again=False)
    for batch in batches[1:]:
        # Not again where it may have been done: the same annotations would stand there twice.
        api.ask(
            "PATCH",
            f"/repos/{target.project}/check-runs/{run}",
            {"output": {**output, "annotations": batch}},
            again=False,
        )
    return Outcome(Post.CHECK_RUN, Did.CREATED)


def _summary(message: Message) -> str:
    left = f"\n\n{message.unshown} more annotations are not shown." if message.unshown else ""
    return message.comment(_CHECK_SUMMARY) + left


def _batches(notes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(notes), _BATCH):
        yield notes[start : start + _BATCH]


def _note(annotation: Annotation) -> dict[str, Any]:
    return {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": _LEVELS.get(annotation.level, "notice"),
        "title": cut(f"auditor: {annotation.rule}", 255),
        "message": annotation.message,
    }


# ── a second workflow, which shows what the change's own job has left behind ─────────────────────────────────────────────


def related_pull_request(api: Api, target: Target) -> int:
    """The number of the open pull request whose head is `target.commit`. Raises UsageError where it cannot be told.

    The number given (it may come from the change's artifact) is believed only if that pull request's head is the commit that
    the event names; without one the pull requests of the change's branch are looked through.
    """
    if target.pull_request is not None:
        pull = api.ask("GET", f"/repos/{target.project}/pulls/{target.pull_request}")
        if not _is_at(pull, target.commit):
            raise UsageError(
                f"pull request {target.pull_request} is not at the commit that the workflow ran for",
                help="it was pushed to meanwhile: the run for the new commit will publish its own result",
            )
        return target.pull_request
    found = each_object(
        api.pages(f"/repos/{target.project}/pulls?state=open&per_page=100&head={quote(target.source, safe='')}")
        if target.source
        else []
    )
    numbers = [told for pull in found if _is_at(pull, target.commit) and (told := number(pull.get("number")))]
    if len(numbers) != 1:
        raise UsageError(
            f"{len(numbers)} open pull requests are at the commit that the workflow ran for",
            help="name it: --pull-request N (its head is compared with that commit)",
        )
    return numbers[0]


def is_merge_of(api: Api, target: Target, head: str) -> bool:
    """Whether `head` merges `target.commit` into something: what a `pull_request` job checks out."""
    try:
        made = api.ask("GET", f"/repos/{target.project}/commits/{head}")
    except Refused as refusal:
        if refusal.status in {404, 422}:
            return False
        raise
    parents = made.get("parents") if isinstance(made, dict) else None
    named = [commit(p.get("sha")) for p in each_object(parents if isinstance(parents, list) else [])]
    return len(named) == 2 and named[1] == target.commit


def _is_at(pull: object, head: str | None) -> bool:
    told = pull.get("head") if isinstance(pull, dict) else None
    return bool(head) and isinstance(told, dict) and commit(told.get("sha")) == head
