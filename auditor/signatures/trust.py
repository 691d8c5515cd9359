"""The trusted roots of a run: `trust:` of the rules → parsed roots, and where each came from."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.report import TrustUsed
from auditor.signatures.root import Root


@dataclass(frozen=True, slots=True)
class Trust:
    """The roots that may vouch for signatures, and what a report says of them. Which issuers each vouches for is a rule's."""

    roots: tuple[Root, ...]
    used: tuple[TrustUsed, ...]
    notes: tuple[str, ...] = ()
