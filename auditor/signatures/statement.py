"""Steps 2 and 3 for envelopes: the in-toto statement, its subject and its predicate type.

Source: in-toto attestation specification v0.1 and v1. `subject[].name` and `predicate` may be absent: cosign 3 wrote such
statements before 3.0.5. Digest keys are compared exactly: `SHA256` is not `sha256`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Step
from auditor.model.reference import Digest
from auditor.signatures.encoding import Malformed, Object, list_of, object_of, optional_object, text_of
from auditor.signatures.refusal import refuse

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
IMAGE_SIGNATURE: Final = "https://sigstore.dev/cosign/sign/v1"
"""The one predicate type that makes an envelope a signature of an image rather than an attestation about it."""
_TYPES: Final = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")


class Statement(Struct, frozen=True):
    """What an envelope states: about which digests (sha256, hexadecimal), and of what type the predicate is."""

    subjects: frozenset[str]
    predicate: str

    @property
    def attestation(self) -> bool:
        """Whether it is an attestation, and so no signature."""
        return self.predicate != IMAGE_SIGNATURE


def read_statement(statement: Object, limits: Limits = DEFAULT) -> Statement:
    """Read a statement out of its JSON. Raises Malformed."""
    if statement.get("_type") not in _TYPES:
        raise Malformed("the payload is not an in-toto statement of version 0.1 or 1")
    digests = set()
    for number, item in enumerate(
        list_of(statement.get("subject"), "the statement's subject", limits.statement_subjects)
    ):
        subject = object_of(item, f"the statement's subject[{number}]")
        digest = optional_object(subject.get("digest"), f"the statement's subject[{number}].digest").get("sha256")
        if isinstance(digest, str):
            digests.add(digest)
    predicate = text_of(statement.get("predicateType"), "the statement's predicateType")
    if len(predicate) > limits.text:
        raise Malformed("the statement's predicateType is too long")
    return Statement(frozenset(digests), predicate)


def check_subject(statement: Statement, digest: Digest) -> None:
    """Refuse (step 2) a statement about something else."""
    if digest.hex not in statement.subjects:
        refuse(Step.SUBJECT, f"the statement is not about {digest.short}")
