"""Manifests and blobs by tag or digest. Whatever is asked for by digest is hashed."""

from __future__ import annotations

from msgspec import Struct

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest, InvalidDigest
from auditor.registry.cache import Asker
from auditor.registry.endpoint import Endpoint
from auditor.registry.faults import Failed, from_status
from auditor.registry.http import Answer, Keep, Question
from auditor.registry.manifest import ACCEPT, MANIFEST_TYPES, Descriptor, Document, bare_type, parse

_DIGEST_HEADER = "docker-content-digest"
_RARE = ".att"
"""The end of tags of which there are few: cosign's attestations, asked for where there is no signature."""


class Manifest(Struct, frozen=True):
    """A manifest's digest and what it says."""

    digest: Digest
    document: Document


class Contents:
    """What registries hold, read through one session. Thread-safe."""

    def __init__(self, session: Asker, limits: Limits) -> None:
        self._session = session
        self._limits = limits

    def head(self, endpoint: Endpoint, wanted: str) -> tuple[Digest, str] | None:
        """Digest and media type of a tag or digest, None if there is none. One HEAD where its answer suffices.

        Raises Failed. A HEAD's digest is the registry's word; without that word the manifest is fetched and hashed.
        """
        what = f"{endpoint.name} {wanted}"
        answer = self._ask("HEAD", endpoint, wanted, what)
        if answer.status == 404:
            return None
        media_type = bare_type(answer.content_type)
        stated = answer.headers.get(_DIGEST_HEADER)
        if answer.status == 200 and stated and media_type in MANIFEST_TYPES:
            return _stated(stated, wanted, what), media_type
        if answer.status in (401, 403):
            raise from_status(answer.status, endpoint.origin.authority, what)
        found = self.manifest(endpoint, wanted)
        return (found.digest, found.document.media_type) if found else None

    def manifest(self, endpoint: Endpoint, wanted: str) -> Manifest | None:
        """The manifest of a tag or digest, None if there is none. Raises Failed; MISMATCH for other bytes than promised."""
        what = f"{endpoint.name} {wanted}"
        answer = self._ask("GET", endpoint, wanted, what)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise from_status(answer.status, endpoint.origin.authority, what, answer.codes)
        digest = Digest.of(answer.content)
        stated = answer.headers.get(_DIGEST_HEADER)
        if (":" in wanted and wanted != str(digest)) or (stated and _stated(stated, wanted, what) != digest):
            raise Failed(FaultKind.MISMATCH, f"{what}: what the registry sent has the digest {digest}")
        return Manifest(digest, parse(answer.content, answer.content_type, what))

    def blob(self, endpoint: Endpoint, layer: Descriptor) -> bytes:
        """The bytes of a layer: inline if the descriptor carries them, else fetched. Raises Failed."""
        what = f"{endpoint.name} {layer.digest.short}"
        if layer.size > self._limits.blob_bytes:
            raise Failed(FaultKind.TOO_LARGE, f"{what} has {layer.size} bytes, {self._limits.blob_bytes} are read")
        content = layer.data if layer.data is not None else self._fetch(endpoint, layer.digest, what)
        if Digest.of(content) != layer.digest or len(content) != layer.size:
            raise Failed(FaultKind.MISMATCH, f"{what}: what the registry sent has another digest or size")
        return content

    def _fetch(self, endpoint: Endpoint, digest: Digest, what: str) -> bytes:
        url = endpoint.url("blobs", str(digest))
        bound = self._limits.blob_bytes
        answer = self._session.ask(Question("GET", url, endpoint.repository, what, bound=bound, keep=Keep.CONTENT))
        if answer.status == 404:
            raise Failed(FaultKind.MALFORMED, f"{what} is listed, but it is not there")
        if answer.status != 200:
            raise from_status(answer.status, endpoint.origin.authority, what, answer.codes)
        return answer.content

    def _ask(self, method: str, endpoint: Endpoint, wanted: str, what: str) -> Answer:
        url, bound = endpoint.url("manifests", wanted), self._limits.manifest_bytes
        keep = _keeping(method, wanted)
        rare = method == "GET" and wanted.endswith(_RARE)
        return self._session.ask(Question(method, url, endpoint.repository, what, ACCEPT, bound, keep, rare=rare))


def _keeping(method: str, wanted: str) -> Keep:
    """Manifests by digest are content; `sha256-<hex>` and its kin list signatures; all else is a tag."""
    if ":" in wanted and method == "GET":
        return Keep.CONTENT
    return Keep.LISTING if wanted.startswith("sha256-") else Keep.TAG


def _stated(header: str, wanted: str, what: str) -> Digest:
    """The digest that a header states. Raises Failed: UNSUPPORTED, or MISMATCH where another one was asked for."""
    try:
        digest = Digest.parse(header.strip())
    except InvalidDigest as error:
        raise Failed(FaultKind.UNSUPPORTED, f"{what}: {error}") from None
    if ":" in wanted and wanted != str(digest):
        raise Failed(FaultKind.MISMATCH, f"{what}: the registry answered for {digest}")
    return digest
