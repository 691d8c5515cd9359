"""The forms in which signatures are stored, from manifests to materials.

| form | where | recognised by |
|---|---|---|
| bundle | a referrer | artifact, config or layer type of a Sigstore bundle, of any version |
| cosign's OCI 1.1 form | a referrer | artifact or config type, or layers of simple signing |
| sig | tag `sha256-<hex>.sig` | layers of simple signing, or with cosign's signature annotation |
| att | tag `sha256-<hex>.att` | every layer |

A referrer of another type (an SBOM, a Notary signature) is somebody else's. One that cannot be read is a fault: it might have
been a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from msgspec import Struct, field

from auditor.limits import Limits
from auditor.model.evidence import Fault, FaultKind, Form, Unreadable
from auditor.model.reference import Digest, Reference
from auditor.registry.content import Contents
from auditor.registry.endpoint import Endpoint
from auditor.registry.faults import Failed
from auditor.registry.manifest import Descriptor, Document, bare_type
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from auditor.registry.payload import rebuild
from auditor.registry.referrers import Referrers

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
COSIGN_SIGNATURE: Final = "application/vnd.dev.cosign.artifact.sig.v1+json"
SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"


class _Full(Exception):  # noqa: N818 - ends the collecting, never leaves this module
    """More signatures than are judged."""


class _Found(Struct):
    """What was found so far, within the limit: `most` that are tried, `largest` bytes of one, `bytes_left` for all others."""

    most: int
    largest: int
    bytes_left: int
    tried: int = 0
    materials: list[Material] = field(default_factory=list)
    faults: list[Unreadable] = field(default_factory=list)
    referrers: int = 0
    headless: int = 0

    def add(self, form: Form, layer: Descriptor, make: Callable[[], Material]) -> None:
        """Add what `layer` holds, or the fault that came instead. Raises _Full.

        One that is too large to be read is such a fault, and takes nothing of what is left for those beside it.
        """
        size = layer.size if layer.size <= self.largest else 0
        if self.tried >= self.most or size > self.bytes_left:
            raise _Full
        self.tried += 1
        self.bytes_left -= size
        try:
            self.materials.append(make())
        except Failed as failure:
            self.faults.append(Unreadable(form, failure.fault))


class Forms:
    """Reads every form beside a digest. Thread-safe."""

    def __init__(self, contents: Contents, referrers: Referrers, limits: Limits) -> None:
        self._contents = contents
        self._referrers = referrers
        self._limits = limits

    def listing(self, endpoint: Endpoint, reference: Reference, digest: Digest, *, every: bool) -> Listing:
        """All signatures of `digest` at `endpoint`. `reference` is how the image is called: payloads repeat it."""
        found = _Found(self._limits.signatures, self._limits.blob_bytes, self._limits.material_bytes)
        beside = _Beside(endpoint, reference, digest)
        try:
            self._read(Form.BUNDLE, found, partial(self._from_referrers, beside, found))
            self._read(Form.SIG, found, partial(self._from_sig, beside, found))
            if every or not (found.materials or found.faults):
                self._read(Form.ATT, found, partial(self._from_att, beside, found))
        except _Full:
            detail = f"{endpoint.name} has more than {len(found.materials)} signatures for {digest.short}; the rest is not judged"
            found.faults.append(Unreadable(Form.BUNDLE, Fault(FaultKind.TOO_MANY, detail)))
        return Listing(tuple(found.materials), tuple(found.faults), found.referrers, found.headless)

    def _read(self, form: Form, found: _Found, read: Callable[[], None]) -> None:
        try:
            read()
        except Failed as failure:
            found.faults.append(Unreadable(form, failure.fault))

    def _from_referrers(self, beside: _Beside, found: _Found) -> None:
        descriptors = self._referrers.of(beside.endpoint, beside.digest)
        found.referrers = len(descriptors)
        for descriptor in descriptors:
            self._read(Form.BUNDLE, found, partial(self._from_referrer, beside, descriptor, found))

    def _from_referrer(self, beside: _Beside, descriptor: Descriptor, found: _Found) -> None:
        manifest = self._contents.manifest(beside.endpoint, str(descriptor.digest))
        if manifest is None:
            raise Failed(
                FaultKind.MALFORMED, f"{beside.endpoint.name} lists {descriptor.digest.short}, but it is not there"
            )
        document = manifest.document
        bundles = bundle_layers(document)
        found.headless += is_bundle_type(descriptor.artifact_type) and document.layers[:1] != bundles[:1]
        for position, layer in enumerate(document.layers):
            if layer in bundles:
                made = partial(self._bundle, beside, layer, descriptor.artifact_type, position, len(document.layers))
                found.add(Form.BUNDLE, layer, made)
        for layer in () if bundles else simple_layers(document):
            found.add(Form.SIG, layer, partial(self._simple, beside, layer, descriptor.artifact_type))

    def _from_sig(self, beside: _Beside, found: _Found) -> None:
        for layer in self._tagged(beside, ".sig"):
            if layer.media_type == SIMPLE_SIGNING or SIGNATURE_ANNOTATION in layer.annotations:
                found.add(Form.SIG, layer, partial(self._simple, beside, layer))

    def _from_att(self, beside: _Beside, found: _Found) -> None:
        for layer in self._tagged(beside, ".att"):
            found.add(Form.ATT, layer, partial(self._attestation, beside, layer))

    def _tagged(self, beside: _Beside, suffix: str) -> Iterable[Descriptor]:
        manifest = self._contents.manifest(beside.endpoint, f"sha256-{beside.digest.hex}{suffix}")
        return manifest.document.layers if manifest else ()

    def _simple(self, beside: _Beside, layer: Descriptor, artifact_type: str | None = None) -> SimpleSigning:
        payload = rebuild(beside.reference, beside.digest, layer.digest, layer.size) or self._blob(beside, layer)
        return SimpleSigning(payload, layer.digest, layer.annotations, artifact_type=artifact_type)

    def _bundle(
        self, beside: _Beside, layer: Descriptor, artifact_type: str, position: int, layers: int
    ) -> BundleBytes:
        content = self._blob(beside, layer)
        return BundleBytes(
            content,
            layer.digest,
            artifact_type=artifact_type,
            position=position,
            layers=layers,
            media_type=layer.media_type,
        )

    def _attestation(self, beside: _Beside, layer: Descriptor) -> LegacyAttestation:
        return LegacyAttestation(self._blob(beside, layer), layer.digest, layer.annotations)

    def _blob(self, beside: _Beside, layer: Descriptor) -> bytes:
        return self._contents.blob(beside.endpoint, layer)


class _Beside(Struct, frozen=True):
    """The digest whose signatures are wanted, and where."""

    endpoint: Endpoint
    reference: Reference
    digest: Digest


def is_bundle_type(media_type: str) -> bool:
    """`application/vnd.dev.sigstore.bundle.v0.3+json`, and the older `…bundle+json;version=0.1` and `0.2`."""
    bare = bare_type(media_type)
    return bare.startswith((f"{_BUNDLE}.", f"{_BUNDLE}+")) and bare.endswith("+json")


def bundle_layers(document: Document) -> tuple[Descriptor, ...]:
    """The layers that are bundles: by their own type, or all of them where the manifest calls itself a bundle."""
    own = tuple(layer for layer in document.layers if is_bundle_type(layer.media_type))
    called = is_bundle_type(document.artifact_type) or is_bundle_type(document.config_type)
    return own or (document.layers if called else ())


def simple_layers(document: Document) -> tuple[Descriptor, ...]:
    """The layers of cosign's OCI 1.1 form that are simple signing payloads."""
    own = tuple(layer for layer in document.layers if layer.media_type == SIMPLE_SIGNING)
    called = COSIGN_SIGNATURE in (document.artifact_type, document.config_type)
    return own or (document.layers if called else ())
