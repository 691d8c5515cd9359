"""What a forge's CI says in the environment of a job: where its files are shown, and what the job is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_REPOSITORY: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)+", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ODD: Final = re.compile(r"[^\w.-]+", re.ASCII)
_GITEA: Final = ("GITEA_ACTIONS", "FORGEJO_ACTIONS")
"""Both set GitHub's variables too, but show files elsewhere."""


def blob_url(variables: Mapping[str, str], head: str | None) -> str | None:
    """Where the forge shows the files of `head` (None: of what the job checked out); None outside a forge's CI."""
    if variables.get("GITLAB_CI") == "true":
        return _address(variables.get("CI_PROJECT_URL", ""), "-/blob", head or variables.get("CI_COMMIT_SHA"))
    repository = variables.get("GITHUB_REPOSITORY", "")
    if variables.get("GITHUB_ACTIONS") != "true" or not _REPOSITORY.fullmatch(repository):
        return None
    kind = "src/commit" if any(variables.get(name) == "true" for name in _GITEA) else "blob"
    server = variables.get("GITHUB_SERVER_URL", "").rstrip("/")
    return _address(f"{server}/{repository}", kind, head or variables.get("GITHUB_SHA"))


def _address(project: str, kind: str, commit: str | None) -> str | None:
    if not project.startswith(("https://", "http://")) or not _COMMIT.fullmatch(commit or ""):
        return None
    return f"{project.rstrip('/')}/{kind}/{commit}"


def job(variables: Mapping[str, str]) -> str | None:
    """The CI job's name, so that two jobs on one pull request keep their comments and scans apart."""
    names = []
    if variables.get("GITLAB_CI") == "true":
        names = [variables.get("CI_JOB_NAME")]
    elif variables.get("GITHUB_ACTIONS") == "true":
        names = [variables.get("GITHUB_WORKFLOW"), variables.get("GITHUB_JOB")]
    return "/".join(_ODD.sub("-", name) for name in names if name) or None
