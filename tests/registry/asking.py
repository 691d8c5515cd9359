"""A registry with images in every state, and a client with limits short enough for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import RegistrySettings
from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Fault, Resolution, Resolved
from auditor.model.reference import Digest, Reference
from auditor.registry.client import RegistryClient, open_registry
from auditor.registry.material import Listing
from fixtures.registry import OciRegistry

SHORT = replace(
    DEFAULT,
    connect_seconds=1.0,
    read_seconds=1.0,
    request_seconds=2.0,
    run_seconds=60.0,
    attempts=3,
    retry_after_seconds=3.0,
    helper_seconds=2.0,
)
"""Long enough for an answer of a machine that does much else, and much less than what hangs in tests: 20 seconds and more."""
PAYLOAD = b'{"critical":{"an":"unusual spelling, so that it must be fetched"}}'
NOTES = {"dev.cosignproject.cosign/signature": "c2ln"}
BUNDLE = b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}'


class Asked(Struct, frozen=True):
    """What came of one reference, and the requests that it cost as `METHOD path`."""

    resolution: Resolution
    listing: Listing
    requests: list[str]

    @property
    def kinds(self) -> set[str]:
        """The kinds of everything that could not be told."""
        own = {self.resolution.kind} if isinstance(self.resolution, Fault) else set()
        return {str(kind) for kind in own | {unreadable.fault.kind for unreadable in self.listing.faults}}

    @property
    def found(self) -> list[str]:
        """The types of what was found."""
        return [type(material).__name__ for material in self.listing.materials]


@contextmanager
def client(
    registry: OciRegistry,
    *,
    limits: Limits = SHORT,
    environ: Mapping[str, str] | None = None,
    settings: Mapping[str, RegistrySettings] | None = None,
) -> Iterator[RegistryClient]:
    """A client that knows the registry's authority where it speaks TLS."""
    tls = {registry.host: RegistrySettings(registry.host, ca_pem=registry.ca_pem)} if registry.url[4] == "s" else {}
    with open_registry({**tls, **(settings or {})}, environ=environ or {}, limits=limits) as opened:
        yield opened


def ask(opened: RegistryClient, registry: OciRegistry, reference: str, *, every: bool = False) -> Asked:
    """Resolve a reference and list its signatures, as a run does."""
    registry.forget()
    read = Reference.parse(reference)
    resolution = opened.resolve(read)
    listing = Listing()
    if isinstance(resolution, Resolved):
        listing = opened.signatures(read, resolution.digest, every=every)
    return Asked(resolution, listing, registry.asked())


def put_legacy(registry: OciRegistry, name: str, tag: str = "1") -> Digest:
    """An image with one legacy signature."""
    digest = registry.put_image(name, tag)
    registry.put_sig(name, digest, [(PAYLOAD, NOTES)])
    return Digest.parse(digest)


def put_bundled(registry: OciRegistry, name: str, tag: str = "1") -> Digest:
    """An image with one bundle."""
    digest = registry.put_image(name, tag)
    registry.put_bundle(name, digest, BUNDLE)
    return Digest.parse(digest)
