"""`subject` and `subjectRegExp` together: Kyverno takes either."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.subject import CLUSTER_POLICY, Subject

RULE = "policy-either-subject"


def check(subject: Subject) -> Iterator[Finding]:
    """ClusterPolicy only: the other engines refuse both, or demand both."""
    if not subject.of(CLUSTER_POLICY):
        return
    for keyless in subject.keyless():
        if keyless["subject"].text and keyless["subjectRegExp"].text:
            message = "subject or subjectRegExp suffices: a certificate need not match both"
            yield subject.finding(RULE, keyless["subjectRegExp"], message, "keep one of the two, the narrower one")
