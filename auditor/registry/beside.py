"""Layouts on disk beside the registries: a reference that a layout holds is answered by the layout, and nobody is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Fault, Platform, Resolution
from auditor.model.reference import Digest, Reference
from auditor.registry.material import Listing, Registry

LAYOUT: Final = "oci:"
"""How a reference on the command line begins that is a folder, as in skopeo."""


class Beside(Struct, frozen=True):
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


def open_references(texts: Iterable[str]) -> tuple[tuple[str, ...], Mapping[Reference, Registry]]:
    """References as given, `oci:PATH` replaced by the images in that layout; and which layout has them. Raises UsageError."""
    from auditor.registry.layout import open_layout  # noqa: PLC0415 - most runs ask about no layout

    found: list[str] = []
    layouts: dict[Reference, Registry] = {}
    for text in texts:
        if not text.startswith(LAYOUT):
            found.append(text)
            continue
        layout, images = open_layout(Path(text.removeprefix(LAYOUT)))
        found += map(str, images)
        layouts.update(dict.fromkeys(images, layout))
    return tuple(found), layouts
