"""What a change does to what runs auditor, and to who must agree: pipelines that name it, and CODEOWNERS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from auditor.config.rules import Rules
from auditor.judge.findings.subject import level
from auditor.model.finding import Finding
from auditor.model.place import Place
from auditor.source.tree import Unreadable

Look: TypeAlias = Callable[[str], bytes | None]
"""A path → the file's bytes; None where there is no such file. May raise Unreadable."""

_PIPELINE: Final = re.compile(
    r"\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml|(?:.*/)?action\.ya?ml|\.gitlab-ci\.ya?ml|bitbucket-pipelines\.ya?ml"
    r"|(?:.*/)?Jenkinsfile",
    re.DOTALL,
)
_OWNERS: Final = ("CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS", ".gitea/CODEOWNERS")
"""Where forges look for it (GitHub's three, GitLab's and Gitea's own). A new one may take the place of the one that counts."""

_NAMED: Final = re.compile(rb"^(?!\s*(?:#|//)).*(?<![A-Za-z0-9_])auditor(?![A-Za-z0-9_])", re.MULTILINE)
"""A line, no comment, that names it: a command, an action, an image, a package, a component."""

_RUNS: Final = "This change changes {}, which runs auditor."
_OWNS: Final = "This change changes {}, which says who must agree to a change of the rules."
_RUNS_ADVICE: Final = (
    "A job that the change itself describes may say anything: require the check from the target branch."
)
_OWNS_ADVICE: Final = "Let those agree who own the rules now."


def guard_changes(base: Rules, before: Look, after: Look, changed: frozenset[str]) -> tuple[Finding, ...]:
    """`rules-changed` for each pipeline that runs auditor in base or head, and for CODEOWNERS where base has one.

    `changed` are the paths whose content differs. A pipeline that cannot be read counts: nobody can tell.
    """
    return tuple(_findings(base, before, after, changed))


def _findings(base: Rules, before: Look, after: Look, changed: frozenset[str]) -> Iterator[Finding]:
    for path in sorted(changed):
        if _PIPELINE.fullmatch(path) and (_names(before, path) or _names(after, path)):
            yield _finding(base, path, _RUNS, _RUNS_ADVICE)
    owners = sorted(changed.intersection(_OWNERS))
    if owners and any(_is_there(before, path) for path in _OWNERS):
        yield from (_finding(base, path, _OWNS, _OWNS_ADVICE) for path in owners)


def _names(look: Look, path: str) -> bool:
    try:
        content = look(path)
    except Unreadable:
        return True
    return content is not None and _NAMED.search(content) is not None


def _is_there(look: Look, path: str) -> bool:
    try:
        return look(path) is not None
    except Unreadable:
        return True


def _finding(base: Rules, path: str, message: str, advice: str) -> Finding:
    return Finding("rules-changed", level("rules-changed", base), message.format(path), advice, Place(path))
