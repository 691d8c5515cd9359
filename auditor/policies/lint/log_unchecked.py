"""A signature whose log entry, or whose certificate's, nobody looks at."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.finding import Finding
from auditor.policies.cursor import Cursor
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, IVPOL, Subject

RULE = "policy-log-unchecked"
_LOG = "the transparency log is not looked at: nobody would see a signature that was made in secret"
_SCT = "the certificate's entry in the CT log is not looked at"
_ADVICE = "take it out; for a private Sigstore name its log's key instead"


def check(subject: Subject) -> Iterator[Finding]:
    """Switches that leave a check out, and a private root without a log."""
    for field, message in _switches(subject):
        if field.yes:
            yield subject.finding(RULE, field, message, _ADVICE)
    if subject.of(CIP):
        for authority in subject.spec["authorities"]:
            reference = authority["keyless"]["trustRootRef"]
            if reference and not authority["ctlog"] and not authority["rfc3161timestamp"]:
                message = f"with trustRootRef and without ctlog {_LOG}"
                yield subject.finding(RULE, reference, message, "add ctlog with the same trustRootRef")


def _switches(subject: Subject) -> Iterator[tuple[Cursor, str]]:
    if subject.of(CLUSTER_POLICY):
        for entry in subject.verifications():
            for part in (item for group in entry["attestors"] for item in group["entries"]):
                for kind in ("keyless", "keys", "certificates"):
                    yield part[kind]["rekor"]["ignoreTlog"], _LOG
                    yield part[kind]["ctlog"]["ignoreSCT"], _SCT
    elif subject.of(IVPOL):
        for attestor in subject.spec["attestors"]:
            yield attestor["cosign"]["ctlog"]["insecureIgnoreTlog"], _LOG
            yield attestor["cosign"]["ctlog"]["insecureIgnoreSCT"], _SCT
    elif subject.of(CIP):
        for keyless in subject.keyless():
            yield keyless["insecureIgnoreSCT"], _SCT
