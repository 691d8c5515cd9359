"""Jenkins multibranch pipelines: the Branch API's `CHANGE_*` variables, and the Git plugin's `GIT_COMMIT`.

The forge is read from the address of the change, whose shape each of them has to itself.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from auditor.model.forge import Forge
from auditor.publish.ci.job import Job, Revisions, Variables, address, branch, commit, job_name, number, project

_SHAPES: Final = (
    (Forge.GITLAB, re.compile(r"/(?P<project>.+?)/-/merge_requests/(?P<number>\d+)"), "/api/v4"),
    (
        Forge.BITBUCKET_SERVER,
        re.compile(r"(?P<prefix>.*)/projects/(?P<key>[^/]+)/repos/(?P<slug>[^/]+)/pull-requests/(?P<number>\d+).*"),
        "",
    ),
    (Forge.BITBUCKET, re.compile(r"/(?P<project>[^/]+/[^/]+)/pull-requests/(?P<number>\d+).*"), ""),
    (Forge.GITEA, re.compile(r"/(?P<project>[^/]+/[^/]+)/pulls/(?P<number>\d+)"), "/api/v1"),
    (Forge.GITHUB, re.compile(r"/(?P<project>[^/]+/[^/]+)/pull/(?P<number>\d+)"), "/api/v3"),
)


def read(variables: Variables) -> Job | None:
    """The job, None outside Jenkins."""
    if not variables.get("JENKINS_URL") and not variables.get("JENKINS_HOME"):
        return None
    own, target = commit(variables.get("GIT_COMMIT")), branch(variables.get("CHANGE_TARGET"))
    change = variables.get("CHANGE_ID", "")
    forge, api, name, told_number = _forge(address(variables.get("CHANGE_URL")))
    told = (Revisions(f"origin/{target}", own or "HEAD"),) if change and target else ()
    return Job(
        ci="Jenkins",
        forge=forge,
        api=api,
        project=name,
        name=job_name(variables.get("JOB_BASE_NAME") if not change else "jenkins"),
        pull_request=told_number or number(change),
        revisions=told,
        blind="CHANGE_TARGET does not name a branch" if change and not told else "",
        commit=own or None,
        heads=(own,) if own else (),
        fork=bool(variables.get("CHANGE_FORK")),
    )


def _forge(url: str) -> tuple[Forge | None, str, str, int | None]:
    """The forge, its API, the project and the number, by the address of a change."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, "", "", None
    for forge, shape, path in _SHAPES:
        found = shape.fullmatch(parts.path)
        if not found or not parts.netloc or "@" in parts.netloc:
            continue
        server = f"{parts.scheme}://{parts.netloc}"
        groups = found.groupdict()
        name = groups.get("project") or f"{groups['key']}/{groups['slug']}"
        api = server + (groups.get("prefix") or path)
        if forge is Forge.GITHUB and parts.netloc == "github.com":
            api = "https://api.github.com"
        if forge is Forge.BITBUCKET and parts.netloc == "bitbucket.org":
            api = "https://api.bitbucket.org"
        told = project(name)
        return forge, api, quote(told, safe="") if forge is Forge.GITLAB else told, number(groups["number"])
    return None, "", "", None
