"""GitHub Actions, and the Actions of Gitea and Forgejo, which set the same variables.

Variables: docs.github.com, "Variables reference"; events: "Events that trigger workflows" and "Webhook events and payloads".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from auditor.limits import DEFAULT
from auditor.model.forge import Forge
from auditor.publish.ci.job import (
    Job,
    Revisions,
    Variables,
    address,
    branch,
    commit,
    job_name,
    number,
    project,
    pushed_base,
)

_GITEA: Final = ("GITEA_ACTIONS", "FORGEJO_ACTIONS")
_CHANGES: Final = frozenset({"pull_request", "pull_request_target", "pull_request_review", "merge_group"})


def is_gitea(variables: Variables) -> bool:
    """Whether these Actions are Gitea's or Forgejo's."""
    return any(variables.get(name) == "true" for name in _GITEA)


def read(variables: Variables) -> Job | None:
    """The job, None outside Actions."""
    if variables.get("GITHUB_ACTIONS") != "true":
        return None
    gitea = is_gitea(variables)
    server = address(variables.get("GITHUB_SERVER_URL")) or ("" if gitea else "https://github.com")
    api = address(variables.get("GITHUB_API_URL"))
    if gitea:
        api = f"{server}/api/v1" if server else ""
    facts: dict[str, Any] = {
        "ci": "Gitea Actions" if gitea else "GitHub Actions",
        "forge": Forge.GITEA if gitea else Forge.GITHUB,
        "api": api or ("" if gitea else "https://api.github.com"),
        "project": project(variables.get("GITHUB_REPOSITORY")),
        "name": job_name(variables.get("GITHUB_WORKFLOW"), variables.get("GITHUB_JOB")),
    }
    name, own = variables.get("GITHUB_EVENT_NAME", ""), commit(variables.get("GITHUB_SHA"))
    event = _event(variables.get("GITHUB_EVENT_PATH"))
    if event is None:
        blind = f"the event file of this {name} job cannot be read" if name in _CHANGES | {"workflow_run"} else ""
        return Job(**facts, commit=own or None, heads=(own,) if own else (), blind=blind)
    protected = variables.get("GITHUB_REF_PROTECTED") == "true"
    return Job(**facts, **_by_event(name, event, own, protected=protected))


def _event(path: str | None) -> Mapping[str, Any] | None:
    """What triggered the job. It holds text that strangers wrote: only shapes that are checked are taken from it."""
    try:
        with Path(path or "").open("rb") as file:
            content = file.read(DEFAULT.event_bytes + 1)
        event = json.loads(content) if len(content) <= DEFAULT.event_bytes else None
    except (OSError, ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _by_event(name: str, event: Mapping[str, Any], own: str, *, protected: bool) -> dict[str, Any]:
    match name:
        case "pull_request" | "pull_request_target" | "pull_request_review":
            return _pull_request(name, event, own)
        case "merge_group":
            base, head = commit(_at(event, "merge_group", "base_sha")), commit(_at(event, "merge_group", "head_sha"))
            return _change((Revisions(base, head),) if base and head else (), "merge group", head, (head, own))
        case "push":
            return _push(event, own, protected=protected)
        case "workflow_run":
            return _workflow_run(event)
        case _:
            return {"commit": own or None, "heads": (own,) if own else ()}


def _pull_request(name: str, event: Mapping[str, Any], own: str) -> dict[str, Any]:
    """GITHUB_SHA is the merge of the change into the target branch; for `pull_request_target` it is the target branch."""
    base, head = commit(_at(event, "pull_request", "base", "sha")), commit(_at(event, "pull_request", "head", "sha"))
    told = [Revisions(base, head)] if base and head else []
    if own and head and name == "pull_request_target":
        told.insert(0, Revisions(own, head))
    elif own and head and own != head:
        told.insert(0, Revisions(f"{own}^1", own, (f"{own}^2", head)))
    heads = (head,) if name == "pull_request_target" else (head, own)
    facts = _change(tuple(told), "pull request", head, heads)
    facts["pull_request"] = number(_at(event, "pull_request", "number"))
    theirs = _at(event, "pull_request", "head", "repo", "full_name")
    # Not `fork: true`: that is also said of a branch of a repository that is a fork itself. One that is gone was a fork.
    facts["fork"] = not isinstance(theirs, str) or theirs != _at(event, "pull_request", "base", "repo", "full_name")
    return facts


def _change(told: tuple[Revisions, ...], what: str, head: str, heads: tuple[str, ...]) -> dict[str, Any]:
    return {
        "revisions": told,
        "blind": "" if told else f"the event of this {what} names no base and head",
        "commit": head or None,
        "heads": tuple(dict.fromkeys(filter(None, heads))),
    }


def _push(event: Mapping[str, Any], own: str, *, protected: bool) -> dict[str, Any]:
    before, after = commit(event.get("before")), commit(event.get("after")) or own
    default = branch(_at(event, "repository", "default_branch"))
    ref = event.get("ref")
    name = ref.removeprefix("refs/heads/") if isinstance(ref, str) and ref.startswith("refs/heads/") else ""
    base = pushed_base(before, name, default, protected=protected)
    return {
        "revisions": (Revisions(base, after),) if base and after else (),
        "whole": f"origin/{default}" if default else "HEAD",
        "commit": after or None,
        "heads": tuple(dict.fromkeys(filter(None, (after, own)))),
    }


def _workflow_run(event: Mapping[str, Any]) -> dict[str, Any]:
    """A second workflow, which the change cannot touch: it shows what the change's own job has left behind."""
    head = commit(_at(event, "workflow_run", "head_sha"))
    owner = _at(event, "workflow_run", "head_repository", "owner", "login")
    theirs = branch(_at(event, "workflow_run", "head_branch"))
    return {
        "blind": "a workflow_run names no base: give --base and --head",
        "commit": head or None,
        "heads": (head,) if head else (),
        "relayed": True,
        "fork": True,
        "source": f"{owner}:{theirs}" if isinstance(owner, str) and owner.replace("-", "").isalnum() and theirs else "",
    }


def _at(event: Mapping[str, Any], *path: str) -> object:
    found: object = event
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
