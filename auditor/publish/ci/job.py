"""What a CI says about the job that runs here: the change, the forge, and whether the change comes from a fork."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.model.forge import Forge

Variables: TypeAlias = Mapping[str, str]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PROJECT: Final = re.compile(r"[\w.~-]+(?:/[\w.~-]+)+", re.ASCII)
_BRANCH: Final = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|\.lock$|/$))[\w./+#=,!%&()-]{1,255}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")


class Revisions(Struct, frozen=True):
    """Base and head of a change, as this clone may hold them.

    `witness` is a revision and the commit it must name, or the pair is not what it seems: the first parent of a merge commit
    is the target branch only if the second is the change.
    """

    base: str
    head: str
    witness: tuple[str, str] | None = None


class Job(Struct, frozen=True):
    """One job of a CI. Everything in here has been checked for its shape; nothing of it is text that anybody wrote.

    `revisions` are tried in order; empty where the job is about no change. `blind` says why the revisions of a change cannot
    be told. `whole` is the default branch's revision: a push whose old commit is gone is judged whole, by the rules of that
    branch. `commit` is where the forge shows statuses. `heads` are the commits that a result of this job may be about.
    `relayed` is true where the result comes from another job, which the change itself may have defined. `source` is the
    change's `owner:branch`, where the forge's event has no number for it.
    """

    ci: str
    forge: Forge | None = None
    api: str = ""
    project: str = ""
    name: str | None = None
    pull_request: int | None = None
    revisions: tuple[Revisions, ...] = ()
    blind: str = ""
    whole: str = ""
    commit: str | None = None
    heads: tuple[str, ...] = ()
    fork: bool = False
    relayed: bool = False
    source: str = ""


def commit(text: object) -> str:
    """A whole commit name, in lower case; empty for anything else, and for the zeros that stand for no commit."""
    name = text.lower() if isinstance(text, str) else ""
    return name if _COMMIT.fullmatch(name) and name.strip("0") else ""


def pushed_base(before: str, name: str, default: str, *, protected: bool) -> str:
    """What a push to the branch `name` is compared with: the commit before; empty where there is none.

    A branch that anybody may push to is a change until it is merged: its second push would be judged by the rules of its first,
    and what the first brought would be old. So it is compared with the default branch.
    """
    if name and default and name != default and not protected:
        return f"origin/{default}"
    return before


def project(text: object) -> str:
    """`owner/name`, or deeper; empty for anything else."""
    name = text if isinstance(text, str) else ""
    parts = name.split("/")
    return name if _PROJECT.fullmatch(name) and not {".", ".."} & set(parts) and len(name) <= 300 else ""


def branch(text: object) -> str:
    """The name of a branch that can be written into a revision; empty for anything else."""
    return text if isinstance(text, str) and _BRANCH.fullmatch(text) else ""


def number(text: object) -> int | None:
    """The number of a pull request."""
    if isinstance(text, bool):
        return None
    found = str(text) if isinstance(text, int | str) else ""
    return int(found) if _NUMBER.fullmatch(found) else None


_ODD: Final = re.compile(r"[^\w.-]+", re.ASCII)


def job_name(*parts: str | None) -> str | None:
    """The check's name from what the CI calls the job, so that two jobs on one change keep their comments apart."""
    return "/".join(_ODD.sub("-", part)[:100] for part in parts if part) or None


def address(text: str | None) -> str:
    """An http or https URL without its last slash; empty for anything else."""
    url = (text or "").rstrip("/")
    return url if url.startswith(("https://", "http://")) and url.isprintable() and " " not in url else ""
