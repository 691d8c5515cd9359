"""What to type when a clone lacks a revision or its history."""

from __future__ import annotations

import re
from typing import Final

from auditor.source.commands import Commands, GitFailed
from auditor.source.commit import text

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")


def deepen(commands: Commands) -> str:
    """How to get the rest of a shallow clone's history."""
    remote = _remotes(commands)[0]
    return (
        f"fetch the history: `git fetch --unshallow {remote}`, or step by step `git fetch --deepen=1000 {remote}`; "
        "in GitHub Actions set `fetch-depth: 0` on actions/checkout, in GitLab CI `GIT_DEPTH: 0`"
    )


def fetch(commands: Commands, rev: str, *, shallow: bool) -> str:
    """How to get a revision that this clone does not know."""
    remotes = _remotes(commands)
    remote, _, branch = rev.partition("/")
    if branch and remote in remotes:
        command = f"git fetch {remote} +refs/heads/{branch}:refs/remotes/{remote}/{branch}"
    elif _COMMIT.fullmatch(rev):
        command = f"git fetch {remotes[0]} {rev}"
    else:
        return f"`git branch -a` and `git tag` list what there is; `git fetch {remotes[0]}` brings what is missing"
    also = "; in GitHub Actions set `fetch-depth: 0` on actions/checkout" if shallow else ""
    return f"fetch it: `{command}`{also}"


def _remotes(commands: Commands) -> list[str]:
    """The names of the remotes, `origin` first; it stands in where there is none."""
    try:
        names = text(commands.run("remote")).split("\n")
    except GitFailed:
        names = []
    return sorted(filter(None, names), key=lambda name: (name != "origin", name)) or ["origin"]
