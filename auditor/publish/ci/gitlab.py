"""GitLab CI. Variables: docs.gitlab.com, "Predefined CI/CD variables reference"."""

from __future__ import annotations

from auditor.model.forge import Forge
from auditor.publish.ci.job import Job, Revisions, Variables, address, branch, commit, job_name, number, pushed_base


def read(variables: Variables) -> Job | None:
    """The job, None outside GitLab CI."""
    if variables.get("GITLAB_CI") != "true":
        return None
    own = commit(variables.get("CI_COMMIT_SHA"))
    request = number(variables.get("CI_MERGE_REQUEST_IID"))
    project = variables.get("CI_MERGE_REQUEST_PROJECT_ID") or variables.get("CI_PROJECT_ID") or ""
    theirs = variables.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    is_request = request is not None or variables.get("CI_PIPELINE_SOURCE") == "merge_request_event"
    # The tip of the target branch is told in merged-results pipelines only; the other one may be stale after a change of target.
    base = commit(variables.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")) or commit(
        variables.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
    )
    before = "" if is_request else commit(variables.get("CI_COMMIT_BEFORE_SHA"))
    default = branch(variables.get("CI_DEFAULT_BRANCH"))
    is_push = variables.get("CI_PIPELINE_SOURCE") == "push"
    if not is_request:
        name, protected = variables.get("CI_COMMIT_BRANCH", ""), variables.get("CI_COMMIT_REF_PROTECTED") == "true"
        base = pushed_base(before if is_push else "", name, default, protected=protected)
    told = (Revisions(base, own),) if own and base else ()
    return Job(
        ci="GitLab CI",
        forge=Forge.GITLAB,
        api=address(variables.get("CI_API_V4_URL")),
        project=project if project.isascii() and project.isdigit() else "",
        name=job_name(variables.get("CI_JOB_NAME")),
        pull_request=request,
        revisions=told,
        blind="this merge request's pipeline names no base" if is_request and not told else "",
        whole=(f"origin/{default}" if default else "HEAD") if is_push else "",
        commit=own or None,
        heads=tuple(filter(None, (own, commit(variables.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"))))),
        fork=is_request and theirs != project,
    )
