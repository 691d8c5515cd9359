"""Which CI this is."""

from __future__ import annotations

import re
from typing import Final

from auditor.publish.ci import bitbucket, github, gitlab, jenkins
from auditor.publish.ci.job import Job, Variables, address, commit

_READERS: Final = (github.read, gitlab.read, bitbucket.read, jenkins.read)
_REPOSITORY: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)+", re.ASCII)


def detect(variables: Variables) -> Job | None:
    """The job that runs here, None outside the CIs that are known. Reads the environment, and GitHub's event file."""
    return next((job for read in _READERS if (job := read(variables)) is not None), None)


def blob_url(variables: Variables, head: str | None) -> str | None:
    """Where the forge shows the files of `head` (None: of what the job checked out); None outside a forge's CI."""
    if variables.get("GITLAB_CI") == "true":
        return _address(variables.get("CI_PROJECT_URL", ""), "-/blob", head or variables.get("CI_COMMIT_SHA"))
    if variables.get("BITBUCKET_BUILD_NUMBER"):
        return _address(
            variables.get("BITBUCKET_GIT_HTTP_ORIGIN", ""), "src", head or variables.get("BITBUCKET_COMMIT")
        )
    repository = variables.get("GITHUB_REPOSITORY", "")
    if variables.get("GITHUB_ACTIONS") != "true" or not _REPOSITORY.fullmatch(repository):
        return None
    kind = "src/commit" if github.is_gitea(variables) else "blob"
    server = variables.get("GITHUB_SERVER_URL", "").rstrip("/")
    return _address(f"{server}/{repository}", kind, head or variables.get("GITHUB_SHA"))


def _address(project: str, kind: str, head: str | None) -> str | None:
    return f"{address(project)}/{kind}/{head}" if address(project) and commit(head) else None
