"""A keyless entry that names nobody: whoever gets a certificate passes."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, FLUX, IVPOL, Subject

RULE = "policy-any-identity"
_WHO = ("issuer", "subject", "issuerRegExp", "subjectRegExp", "additionalExtensions")
_ANYBODY = frozenset({"*", ".*", "^.*$", "^.+$", ".+", "**"})
_ADVICE = "name the issuer and the subject of your own workflow"


def check(subject: Subject) -> Iterator[Finding]:
    """An empty entry, an empty list, or patterns that everybody matches."""
    for keyless in subject.keyless():
        empty = keyless and (
            not any(keyless[name].text or keyless[name].keys for name in _WHO)
            if subject.of(CLUSTER_POLICY)
            else not list(keyless["identities"])
        )
        if empty:
            yield subject.finding(RULE, keyless, "any certificate of the authority passes: nobody is named", _ADVICE)
    if subject.of(FLUX):
        for verify in subject.flux_verifications():
            if not verify["secretRef"] and not list(verify["matchOIDCIdentity"]):
                yield subject.finding(RULE, verify, "any certificate passes: matchOIDCIdentity names nobody", _ADVICE)
    if subject.of(CLUSTER_POLICY | IVPOL | CIP | FLUX):
        for identity in subject.identities():
            fields = [identity[name] for name in _WHO[:4] if identity[name].text]
            if fields and all(field.text in _ANYBODY for field in fields):
                yield subject.finding(RULE, fields[-1], "everybody matches this identity", _ADVICE)
