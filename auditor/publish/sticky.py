"""One comment per check, updated and never repeated, whoever else posts at the same time.

1. List every comment. Ours bear the marker in their first line *and* are by our own account: others can write markers too.
2. None: create one. Then list again, since another job may have done the same meanwhile.
3. Of several, the oldest stays and takes the text; the others are deleted. Both jobs choose the same one.
4. A comment of a newer run stays as it is. One that says the same is not touched.
5. One that was deleted between 1 and 3 is created anew.

Forges have no conditional write: of two jobs that update in the same moment, either text may be the one that stays. It is one
comment all the same, and the next run brings it up to date.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from auditor.publish.outcome import Did, Outcome, Post, Refused

_STAMP: Final = "<!-- auditor:run:"
_GONE: Final = frozenset({404, 410})
_ROUNDS: Final = 3


class Comment(Struct, frozen=True):
    """A comment of our own account. `number` grows with time."""

    number: int
    body: str


class Thread(Protocol):
    """The comments of one change on one forge. Every method raises Refused or Failed."""

    def ours(self) -> list[Comment]:
        """Every comment of our own account."""

    def create(self, body: str) -> None:
        """Post one."""

    def update(self, comment: Comment, body: str) -> None:
        """Replace the text of one."""

    def delete(self, comment: Comment) -> None:
        """Remove one."""


def stamped(body: str, started: datetime) -> str:
    """The comment with the time of its run in a second hidden line."""
    marker, _, rest = body.partition("\n")
    return f"{marker}\n{_STAMP}{started.astimezone(UTC).isoformat(timespec='microseconds')} -->\n{rest}"


def stick(thread: Thread, body: str, now: datetime) -> Outcome:
    """Leave one comment that says `body`. Raises Refused or Failed."""
    marker = body.partition("\n")[0]
    created = False
    for _ in range(_ROUNDS):
        mine = sorted((c for c in thread.ours() if _marked(c, marker)), key=lambda c: c.number)
        if not mine and created:
            break  # the listing lags behind, or somebody deleted it at once: a second one helps nobody
        if not mine:
            _create(thread, body)
            created = True
            continue
        if _settle(thread, mine, body, now):
            return _outcome(mine[0], body, now, created=created)
    if created:
        return Outcome(Post.COMMENT, Did.CREATED)
    return Outcome(Post.COMMENT, Did.FAILED, "the comment is gone whenever it is updated", "see who deletes it")


def _marked(comment: Comment, marker: str) -> bool:
    return comment.body.lstrip().partition("\n")[0].rstrip("\r") == marker


def _create(thread: Thread, body: str) -> None:
    """Post, unless the forge did it although its answer was lost: the next round sees that."""
    try:
        thread.create(body)
    except Refused as refusal:
        if 0 < refusal.status < 500:
            raise
        if not any(_marked(c, body.partition("\n")[0]) for c in thread.ours()):
            thread.create(body)


def _settle(thread: Thread, mine: list[Comment], body: str, now: datetime) -> bool:
    """Bring the oldest up to date, then delete the others; False where the oldest is gone meanwhile."""
    if not (_same(mine[0], body) or _newer(mine[0], body, now)):
        try:
            thread.update(mine[0], body)
        except Refused as refusal:
            if refusal.status not in _GONE:
                raise
            return False
    for extra in mine[1:]:
        try:
            thread.delete(extra)
        except Refused as refusal:
            if refusal.status not in _GONE:
                raise
    return True


def _outcome(oldest: Comment, body: str, now: datetime, *, created: bool) -> Outcome:
    if _same(oldest, body):
        return Outcome(Post.COMMENT, Did.CREATED if created else Did.UNCHANGED)
    if _newer(oldest, body, now):
        return Outcome(Post.COMMENT, Did.LEFT, "the comment is of a newer run")
    return Outcome(Post.COMMENT, Did.UPDATED)


def _same(comment: Comment, body: str) -> bool:
    """Whether it says the same; forges trim, and may keep other line ends."""
    return comment.body.replace("\r\n", "\n").strip() == body.strip()


def _newer(comment: Comment, body: str, now: datetime) -> bool:
    """Whether it is of a run that started after ours. A time that lies ahead is nobody's, and holds nothing up."""
    theirs, ours = _started(comment.body), _started(body)
    return theirs is not None and ours is not None and ours < theirs <= now + timedelta(hours=1)


def _started(body: str) -> datetime | None:
    lines = body.lstrip().replace("\r\n", "\n").split("\n", 2)
    if len(lines) < 2 or not lines[1].startswith(_STAMP):
        return None
    try:
        return datetime.fromisoformat(lines[1].removeprefix(_STAMP).removesuffix("-->").strip())
    except ValueError:
        return None
