"""Layouts on disk beside the registries: a reference that a layout holds is answered by the layout, and nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.model.evidence import Fault, Platform, Resolution
from auditor.model.reference import Digest, Reference
from auditor.registry.material import Listing, Registry


@dataclass(frozen=True, slots=True)
class Beside:
    """A `Registry` that has these references in layouts, and asks `registry` about all others."""

    registry: Registry
    layouts: Mapping[Reference, Registry]

    def resolve(self, reference: Reference) -> Resolution:
        """What the reference names."""
        return self._of(reference).resolve(reference)

    def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:
        """All forms of signature beside `digest`."""
        return self._of(reference).signatures(reference, digest, every=every)

    def platforms(self, reference: Reference, digest: Digest) -> tuple[Platform, ...] | Fault:
        """The platform manifests of an index."""
        return self._of(reference).platforms(reference, digest)

    def stop(self) -> None:
        """End what is under way. Layouts answer at once."""
        self.registry.stop()

    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the registries that were asked."""
        return self.registry.notes()

    def _of(self, reference: Reference) -> Registry:
        return self.layouts.get(reference, self.registry)
