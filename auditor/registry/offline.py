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

    def resolve(self, reference: Reference) -> Resolution:  # noqa: ARG002 - the seam's names
        """A fault."""
        return _FAULT

    def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:  # noqa: ARG002 - the seam's names
        """A fault for every form."""
        return Listing(faults=tuple(Unreadable(form, _FAULT) for form in Form))

    def stop(self) -> None:
        """Nothing is under way."""

    def notes(self) -> tuple[str, ...]:
        """Nobody was asked."""
        return ()

    def platforms(self, reference: Reference, digest: Digest) -> tuple[Platform, ...] | Fault:  # noqa: ARG002 - the seam's names
        """A fault."""
        return _FAULT
