"""`*` in a field that the engine compares exactly."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.subject import CIP, IVPOL, Subject

RULE = "policy-wildcard-in-exact-field"


def check(subject: Subject) -> Iterator[Finding]:
    """ImageValidatingPolicy and ClusterImagePolicy: `issuer` and `subject` are compared character by character."""
    if not subject.of(IVPOL | CIP):
        return
    for identity in subject.identities():
        for name in ("issuer", "subject"):
            if "*" in identity[name].text:
                message = f"{name} is compared exactly, and no certificate holds a `*`: nobody can match it"
                yield subject.finding(RULE, identity[name], message, f"write {name}RegExp, anchored with ^ and $")
