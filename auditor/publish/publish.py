"""Publishing on one page: what goes where, what must not, and what becomes of it.

1. A result must be about this job's commit. One that another job left behind is hostile: its commit, and the number of the pull
   request, are checked against the event and the forge before anything is posted.
2. A relayed result is a claim. It makes a comment that says so, and never a status, a check run or a report that could pass
   for a check.
3. One thing that fails does not keep the others from being posted. Where the comment cannot be, the job's summary is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import Limits
from auditor.model.forge import Forge
from auditor.publish import bitbucket, bitbucket_server, gitea, github, gitlab
from auditor.publish.api import Api
from auditor.publish.ci.job import commit
from auditor.publish.message import Message
from auditor.publish.outcome import Did, Outcome, Post, Refused, failed
from auditor.publish.sticky import Thread, stick
from auditor.publish.target import Target, token_names
from auditor.registry.faults import Failed

_CONVERSATIONS: Final[Mapping[Forge, tuple[Callable[[Api, Target], Thread], int]]] = {
    Forge.GITHUB: (github.GitHubThread, github.COMMENT),
    Forge.GITLAB: (gitlab.GitLabThread, gitlab.COMMENT),
    Forge.GITEA: (gitea.GiteaThread, gitea.COMMENT),
}
_MARKS: Final[Mapping[tuple[Forge, Post], Callable[[Api, Target, Message, str], Outcome]]] = {
    (Forge.GITHUB, Post.STATUS): github.post_status,
    (Forge.GITHUB, Post.CHECK_RUN): github.post_check_run,
    (Forge.GITEA, Post.STATUS): gitea.post_status,
    (Forge.BITBUCKET, Post.REPORT): bitbucket.post_report,
    (Forge.BITBUCKET_SERVER, Post.REPORT): bitbucket_server.post_report,
}
_SHORTER: Final = 3
"""How often a comment that the forge finds too long is halved."""


def publish(
    message: Message, target: Target, environ: Mapping[str, str], limits: Limits, now: datetime
) -> tuple[Outcome, ...]:
    """Post what is asked for. Raises UsageError for a result that is not about this job's change."""
    api = Api(target.access, environ, limits)
    if not target.access.headers and not target.access.proxy:
        outcomes = tuple(_without_token(post, target) for post in target.posts if post is not Post.SUMMARY)
        return (*outcomes, *_summary(message, target, outcomes))
    try:
        target = _checked(api, target, message)
    except Failed as failure:
        # Nothing is posted about a change that could not be made sure of.
        return tuple(failed(post, failure) for post in target.posts if post is not Post.SUMMARY)
    outcomes = tuple(_posted(post, api, target, message, now) for post in target.posts if post is not Post.SUMMARY)
    return (*outcomes, *_summary(message, target, outcomes))


def _checked(api: Api, target: Target, message: Message) -> Target:
    """The target, once the result is known to be about it. Raises UsageError, Refused or Failed."""
    head = message.report.run.head
    if message.relayed and target.forge is not Forge.GITHUB:
        raise UsageError(
            f"another job's result cannot be published on {target.forge.value}",
            help="check the change in this job, and publish that",
        )
    if message.relayed:
        # A head is written into an address below, so it must be a commit's name and nothing else.
        if not commit(head) or not (head in target.heads or github.is_merge_of(api, target, commit(head))):
            raise UsageError(
                "the result is not about the commit that the workflow ran for",
                help="publish the result of that very run",
            )
        return replace(target, pull_request=github.related_pull_request(api, target))
    if head is not None and target.heads and head not in target.heads:
        raise UsageError(
            f"the result is about {head[:12]!r}, and this job about {target.heads[0][:12]}",
            help="publish the result of this job, or name the change: --commit, --pull-request",
        )
    return target


def _posted(post: Post, api: Api, target: Target, message: Message, now: datetime) -> Outcome:
    try:
        return _comment(api, target, message, now) if post is Post.COMMENT else _mark(post, api, target, message)
    except Failed as failure:
        return failed(post, failure)


def _comment(api: Api, target: Target, message: Message, now: datetime) -> Outcome:
    conversation = _CONVERSATIONS.get(target.forge)
    if conversation is None:
        return Outcome(Post.COMMENT, Did.SKIPPED, f"{target.forge.value} shows a report instead", "--post report")
    if target.pull_request is None:
        return Outcome(Post.COMMENT, Did.SKIPPED, "this job is about no pull request", "name it: --pull-request N")
    open_thread, budget = conversation
    thread = open_thread(api, target)
    for _ in range(_SHORTER):
        try:
            return stick(thread, message.comment(budget), now)
        except Refused as refusal:
            if refusal.status not in {400, 413, 422}:
                raise
            budget //= 2
    return stick(thread, message.comment(budget), now)


def _mark(post: Post, api: Api, target: Target, message: Message) -> Outcome:
    """What people take for a check: a status, a check run, a report."""
    mark = _MARKS.get((target.forge, post))
    if mark is None:
        return Outcome(post, Did.SKIPPED, f"{target.forge.value} has no such thing", "leave it out of --post")
    if message.relayed:
        return Outcome(post, Did.SKIPPED, "this job did not check the result itself", "check the change in this job")
    if target.commit is None:
        return Outcome(post, Did.SKIPPED, "no commit is known", "name it: --commit SHA")
    return mark(api, target, message, f"auditor/{message.options.key}")


def _without_token(post: Post, target: Target) -> Outcome:
    return Outcome(
        post,
        Did.FAILED,
        "there is no token",
        f"set {token_names(target.forge)}; a job of a change from a fork has none: publish its JSON result from a second "
        "workflow, which the change cannot touch",
    )


def _summary(message: Message, target: Target, others: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """The page of the job: where it is asked for, and where the comment could not be posted."""
    asked = Post.SUMMARY in target.posts or any(o.failed for o in others)
    if not asked or target.summary is None:
        return ()
    return (_append(message, target.summary),)


def _append(message: Message, file: Path) -> Outcome:
    """Add to the summary's file, keeping all of it below the limit: over it the runner shows none."""
    try:
        room = github.SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0) - 1
        text = message.page(room) if room > 0 else ""
        if not text:
            return Outcome(Post.SUMMARY, Did.SKIPPED, "the summary is full", "let the steps before it say less")
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
    except OSError as error:
        return Outcome(
            Post.SUMMARY, Did.FAILED, f"{file} cannot be written: {error.strerror}", "see GITHUB_STEP_SUMMARY"
        )
    return Outcome(Post.SUMMARY, Did.CREATED)
