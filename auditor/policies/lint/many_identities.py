"""More than one identity where the engine verifies bundles: it stops with an error."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.cursor import Cursor
from auditor.policies.lint.subject import CIP, FLUX, IVPOL, Subject

RULE = "policy-many-identities"


def check(subject: Subject) -> Iterator[Finding]:
    """ImageValidatingPolicy and Flux read both forms; a ClusterImagePolicy where `signatureFormat: bundle` says so."""
    for identities in _lists(subject):
        several = list(identities)
        if len(several) > 1:
            message = "an image signed as a bundle is refused: the engine verifies bundles for one identity only"
            advice = "give each identity an attestor or authority of its own, or one regular expression for all"
            yield subject.finding(RULE, several[1], message, advice)


def _lists(subject: Subject) -> Iterator[Cursor]:
    if subject.of(IVPOL):
        yield from (each["identities"] for each in subject.keyless())
    elif subject.of(CIP):
        for authority in subject.spec["authorities"]:
            if authority["signatureFormat"].text == "bundle":
                yield authority["keyless"]["identities"]
    elif subject.of(FLUX):
        yield from (each["matchOIDCIdentity"] for each in subject.flux_verifications())
