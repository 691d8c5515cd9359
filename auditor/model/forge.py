"""The forges that results are published to, and what can be posted there."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Forge(StrEnum):
    """Whose API takes what is published."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    BITBUCKET_SERVER = "bitbucket-server"


POSTS: Final = ("comment", "status", "check-run", "report", "summary")
"""What a saved run can be posted as."""
