"""`failureAction: Audit` beside `mutateDigest: true`, which Kyverno refuses at admission of the policy."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.cursor import Cursor
from auditor.policies.lint.subject import CLUSTER_POLICY, Subject

RULE = "policy-audit-mutates"


def action(subject: Subject, entry: Cursor) -> Cursor:
    """The field that says what happens on failure; an absent one means Audit."""
    return entry["failureAction"] or subject.spec["validationFailureAction"]


def audits(subject: Subject, entry: Cursor) -> bool:
    """Whether a failure is only reported."""
    return action(subject, entry).text.lower() in {"", "audit"}


def check(subject: Subject) -> Iterator[Finding]:
    """`mutateDigest` is true where nothing is said."""
    if not subject.of(CLUSTER_POLICY):
        return
    for entry in subject.verifications():
        if audits(subject, entry) and entry["mutateDigest"].text not in {"false", "False", "FALSE"}:
            where = entry["mutateDigest"] or entry
            message = "the action is Audit and mutateDigest is true: the policy is refused when it is applied"
            yield subject.finding(RULE, where, message, "set mutateDigest: false, or failureAction: Enforce")
