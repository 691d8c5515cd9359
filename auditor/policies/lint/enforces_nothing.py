"""A policy that lets everything in."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.audit_mutates import action, audits
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, IVPOL, Subject

RULE = "policy-enforces-nothing"


def check(subject: Subject) -> Iterator[Finding]:
    """Only reported, or nothing asked."""
    if subject.of(CLUSTER_POLICY):
        yield from _cluster_policy(subject)
    elif subject.of(IVPOL):
        yield from _ivpol(subject)
    elif subject.of(CIP) and subject.spec["mode"].text == "warn":
        message = "failures only warn: an image that nobody signed is let in"
        yield subject.finding(RULE, subject.spec["mode"], message, "set mode: enforce once the warnings are gone")


def _cluster_policy(subject: Subject) -> Iterator[Finding]:
    for entry in subject.verifications():
        if not list(entry["attestors"]) and not list(entry["attestations"]) and not _flat(subject, entry.path):
            message = "neither attestors nor attestations: nothing is verified"
            yield subject.finding(RULE, entry, message, "name who must sign, or take the entry out")
        elif audits(subject, entry):
            where = action(subject, entry)
            message = "failures are only reported: an image that nobody signed is let in"
            yield subject.finding(RULE, where or entry, message, "set failureAction: Enforce")


def _flat(subject: Subject, path: str) -> bool:
    return any(
        each.path == path and (each["key"] or each["issuer"] or each["subject"]) for each in subject.verifications()
    )


def _ivpol(subject: Subject) -> Iterator[Finding]:
    spec = subject.spec
    if not list(spec["validations"]):
        yield subject.finding(
            RULE, spec, "no validations: nothing is verified", "add a validation of verifyImageSignatures"
        )
    actions = [each.text for each in spec["validationActions"]]
    if actions and "Deny" not in actions:
        message = f"validationActions is {', '.join(actions)}: an image that nobody signed is let in"
        yield subject.finding(RULE, next(iter(spec["validationActions"])), message, "add Deny")
