"""What a registry holds beside an image: the bytes of signatures, unjudged. The seam to `auditor.signatures`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct

from auditor.model.case import Case
from auditor.model.evidence import Fault, Form, Platform, Resolution, Unreadable
from auditor.model.reference import Digest, Reference


class SimpleSigning(Case, frozen=True):
    """One layer of a `.sig` manifest (or of cosign's experimental OCI 1.1 form): payload bytes and annotations.

    `layer` is the digest in the manifest; the payload's own digest has been compared with it on the way in. `artifact_type` is
    what the list of referrers calls the OCI 1.1 form, None for a layer of the `.sig` tag.
    """

    payload: bytes
    layer: Digest
    annotations: Mapping[str, str]
    form: Form = Form.SIG
    artifact_type: str | None = None


class LegacyAttestation(Case, frozen=True):
    """One layer of an `.att` manifest: a DSSE envelope and the annotations that carry certificate and log entry."""

    envelope: bytes
    layer: Digest
    annotations: Mapping[str, str]
    form: Form = Form.ATT


class BundleBytes(Case, frozen=True):
    """One Sigstore bundle, as its blob stands in the registry.

    `artifact_type` is what the list of referrers calls it, which some programs go by; None where no list was read. It is layer
    number `position` (the first is 0) of `layers` in its manifest, and `media_type` is that layer's own: some programs read one layer.
    """

    content: bytes
    layer: Digest
    form: Form = Form.BUNDLE
    artifact_type: str | None = None
    position: int = 0
    layers: int = 1
    media_type: str | None = None


Material: TypeAlias = SimpleSigning | LegacyAttestation | BundleBytes


class Listing(Struct, frozen=True):
    """Every signature beside one digest, and each form that could not be read completely.

    `referrers` counts all of them, whatever they are; some programs give up above a number of their own. `headless` are those that
    the list calls bundles, and whose first layer is none: some programs read that layer all the same.
    """

    materials: tuple[Material, ...] = ()
    faults: tuple[Unreadable, ...] = ()
    referrers: int = 0
    headless: int = 0


class Registry(Protocol):
    """Where references are resolved and signatures found. Nothing in here raises for one image: faults are values."""

    def resolve(self, reference: Reference) -> Resolution:
        """What the reference names now. For `tag@digest` the tag is asked as well, to see whether it still agrees."""
        ...

    def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:
        """All forms of signature beside `digest` in the reference's repository (or where the rules say they live).

        The `.att` tag is asked for only where nothing else is there, or where `every` form is wanted (`attested-by`).
        """
        ...

    def platforms(self, reference: Reference, digest: Digest) -> tuple[Platform, ...] | Fault:
        """The platform manifests of an index, BuildKit attestation manifests left out; empty for a single manifest."""
        ...

    def stop(self) -> None:
        """End what is under way: every question that is open, and every later one, has a fault for an answer."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the registries that were asked."""
        ...
