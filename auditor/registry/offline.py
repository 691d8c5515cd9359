"""The registry of a run that may ask nobody."""

from __future__ import annotations

from typing import Final, Self

from auditor.model.evidence import Fault, FaultKind, Form, Platform, Resolution, Unreadable
from auditor.model.reference import Digest, Reference
from auditor.registry.material import Listing

_FAULT: Final = Fault(FaultKind.OFFLINE, "this run is offline: the registry was not asked")


class OfflineRegistry:
    """A `Registry` in which every question has the same answer: nobody was asked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def resolve(self, _reference: Reference) -> Resolution:
        """A fault."""
        return _FAULT

    def signatures(self, _reference: Reference, _digest: Digest) -> Listing:
        """A fault for every form."""
        return Listing(faults=tuple(Unreadable(form, _FAULT) for form in Form))

    def platforms(self, _reference: Reference, _digest: Digest) -> tuple[Platform, ...] | Fault:
        """A fault."""
        return _FAULT
