"""The closed set of verdicts on one image under one rule."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Verdict(StrEnum):
    """What is known about an image, in the order in which it is decided. See `docs/explanation/verdicts.md`."""

    EXEMPT = "exempt"
    NOT_FOUND = "not-found"
    VERIFIED = "verified"
    UNJUDGED = "unjudged"
    WRONG_SIGNER = "wrong-signer"
    KEY_SIGNED = "key-signed"
    INVALID = "invalid"
    ATTESTATION_ONLY = "attestation-only"
    UNSIGNED = "unsigned"
    UNCOVERED = "uncovered"

    @property
    def severity(self) -> int:
        """For sorting reports: worst first (0)."""
        return _SEVERITY[self]


UNTRUSTED: Final = frozenset(
    {Verdict.WRONG_SIGNER, Verdict.KEY_SIGNED, Verdict.INVALID, Verdict.ATTESTATION_ONLY, Verdict.UNSIGNED}
)
"""The registry answered, and nobody whom the rules trust vouches for the image."""
_WORST_FIRST = (
    Verdict.INVALID,
    Verdict.WRONG_SIGNER,
    Verdict.UNSIGNED,
    Verdict.ATTESTATION_ONLY,
    Verdict.KEY_SIGNED,
    Verdict.NOT_FOUND,
    Verdict.UNJUDGED,
    Verdict.UNCOVERED,
    Verdict.VERIFIED,
    Verdict.EXEMPT,
)
_SEVERITY = {verdict: severity for severity, verdict in enumerate(_WORST_FIRST)}


class Judgement(Struct, frozen=True):
    """A verdict, the sentence that explains it, and the rule entry that governs (`images[0]`, None where none does)."""

    verdict: Verdict
    reason: str
    rule: str | None
    help: str = ""
