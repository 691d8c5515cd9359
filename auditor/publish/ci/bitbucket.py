"""Bitbucket Pipelines. Variables: support.atlassian.com, "Variables and secrets".

A pull request from a fork runs no pipeline in the target repository, so its pipelines are of one repository.
"""

from __future__ import annotations

from auditor.model.forge import Forge
from auditor.publish.ci.job import Job, Revisions, Variables, commit, job_name, number, project


def read(variables: Variables) -> Job | None:
    """The job, None outside Pipelines."""
    if not variables.get("BITBUCKET_BUILD_NUMBER"):
        return None
    own = commit(variables.get("BITBUCKET_COMMIT"))
    base = commit(variables.get("BITBUCKET_PR_DESTINATION_COMMIT"))
    request = number(variables.get("BITBUCKET_PR_ID"))
    told = (Revisions(base, own),) if request and base and own else ()
    names = (variables.get("BITBUCKET_WORKSPACE"), variables.get("BITBUCKET_REPO_SLUG"))
    return Job(
        ci="Bitbucket Pipelines",
        forge=Forge.BITBUCKET,
        api="https://api.bitbucket.org",
        project=project("/".join(filter(None, names))),
        name=job_name(variables.get("BITBUCKET_STEP_NAME")),
        pull_request=request,
        revisions=told,
        blind="this pull request's pipeline names no destination commit" if request and not told else "",
        commit=own or None,
        heads=(own,) if own else (),
    )
