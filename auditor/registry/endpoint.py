"""Where a repository is asked for: the host that is really spoken to, its scheme, the path there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from auditor.config.rules import RegistrySettings
from auditor.model.reference import DOCKER_HUB, Reference
from auditor.registry.hosts import Origin, is_loopback

_HUB_HOST: Final = "registry-1.docker.io"


class Endpoint(Struct, frozen=True):
    """One repository at the registry that is asked: `origin` and the repository's path there."""

    origin: Origin
    repository: str

    @property
    def name(self) -> str:
        """Host and repository, for messages."""
        return f"{self.origin.authority}/{self.repository}"

    def url(self, kind: str, wanted: str) -> str:
        """The URL of a manifest, blob or referrers list (distribution specification, end-2, end-3, end-12a)."""
        return f"{self.origin}/v2/{self.repository}/{kind}/{wanted}"


def of_image(reference: Reference, settings: Mapping[str, RegistrySettings]) -> Endpoint:
    """Where the image is asked for: at the mirror that is configured for its host, else at the host itself."""
    own = settings.get(reference.host)
    if own is not None and own.mirror:
        host, _, prefix = own.mirror.partition("/")
        return Endpoint(origin_of(host, settings), f"{prefix.strip('/')}/{reference.path}".lstrip("/"))
    return Endpoint(origin_of(reference.host, settings), reference.path)


def of_signatures(reference: Reference, settings: Mapping[str, RegistrySettings]) -> Endpoint:
    """Where its signatures are asked for: in the repository that is configured for them, else beside the image."""
    own = settings.get(reference.host)
    if own is None or not own.signatures:
        return of_image(reference, settings)
    host, _, repository = own.signatures.partition("/")
    return Endpoint(origin_of(host, settings), repository.strip("/"))


def by_authority(settings: Mapping[str, RegistrySettings]) -> Mapping[str, RegistrySettings]:
    """The settings by the hosts that are really spoken to: Docker Hub's registry has another name than its images."""
    hub = settings.get(DOCKER_HUB)
    return {_HUB_HOST: hub, **settings} if hub is not None else settings


def origin_of(host: str, settings: Mapping[str, RegistrySettings]) -> Origin:
    """Who is really spoken to where a reference or a setting names this host."""
    own = settings.get(host)
    spoken_to = _HUB_HOST if host == DOCKER_HUB else host
    secure = Origin.of(f"https://{spoken_to}")
    if own is not None and own.plain_http:
        return Origin.of(f"http://{spoken_to}")
    # Registries on loopback are plain HTTP in every client, unless TLS is configured for them.
    has_tls = own is not None and (own.ca_pem or own.client_certificate)
    return Origin.of(f"http://{spoken_to}") if is_loopback(secure.host) and not has_tls else secure
