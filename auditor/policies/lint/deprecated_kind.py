"""A kind, a version or a form that its engine is about to drop."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.subject import CLUSTER_POLICY, IVPOL, Subject

RULE = "policy-deprecated-kind"
_FLAT = ("key", "issuer", "subject", "roots")


def check(subject: Subject) -> Iterator[Finding]:
    """ClusterPolicy's verifyImages, its flat form, and ImageValidatingPolicy v1alpha1."""
    if subject.of(CLUSTER_POLICY):
        entries = list(subject.verifications())
        if entries:
            message = "verifyImages is deprecated: its removal is planned for Kyverno 1.20"
            yield subject.finding(
                RULE, subject.whole["kind"], message, "write an ImageValidatingPolicy (policies.kyverno.io/v1)"
            )
        for entry in entries:
            flat = next((entry[name] for name in _FLAT if entry[name]), None)
            if flat is not None:
                yield subject.finding(
                    RULE, flat, "signers outside of attestors are an old form", "write them as attestors"
                )
    elif subject.of(IVPOL) and subject.found.version == "v1alpha1":
        message = "version v1alpha1 is deprecated"
        yield subject.finding(RULE, subject.whole["apiVersion"], message, "write policies.kyverno.io/v1")
