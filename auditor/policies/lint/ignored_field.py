"""A field that this engine does not read."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.subject import IVPOL, Subject

RULE = "policy-ignored-field"


def check(subject: Subject) -> Iterator[Finding]:
    """ImageValidatingPolicy's `subjectExpression` and `additionalExtensions`; a bundle's own roots in a ClusterPolicy."""
    if subject.of(IVPOL):
        for keyless in subject.keyless():
            fields = [keyless["additionalExtensions"], *(each["subjectExpression"] for each in keyless["identities"])]
            for field in fields:
                if field:
                    message = f"{field.path.rpartition('.')[2]} is in the schema, and nothing reads it"
                    yield subject.finding(RULE, field, message, "say the same by issuer and subject")
    yield from _bundle(subject)


def _bundle(subject: Subject) -> Iterator[Finding]:
    for entry in subject.verifications():
        if entry["type"].text != "SigstoreBundle":
            continue
        inner = [each for group in entry["attestors"] for each in group["entries"]]
        fields = [entry["repository"], *(each["repository"] for each in inner)]
        fields += [each["keyless"][name] for each in inner for name in ("roots", "rekor")]
        for field in fields:
            if field:
                message = (
                    f"{field.path.rpartition('.')[2]} is not read for type SigstoreBundle: trust comes from TUF alone"
                )
                yield subject.finding(RULE, field, message, "leave it out, or use type Cosign")
