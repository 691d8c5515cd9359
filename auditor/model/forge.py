"""The forges that results are published to."""

from __future__ import annotations

from enum import StrEnum


class Forge(StrEnum):
    """Whose API takes what is published."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    BITBUCKET_SERVER = "bitbucket-server"
