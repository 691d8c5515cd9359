"""References → digests and signature bytes: the Registry that all above use."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from auditor.config.rules import RegistrySettings
from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import Absent, Fault, FaultKind, Platform, Resolution, Resolved
from auditor.model.reference import Digest, Reference
from auditor.progress import SILENT, Progress
from auditor.registry import endpoint as endpoints
from auditor.registry.cache import Asker, CachedAsker, Nobody
from auditor.registry.content import Contents
from auditor.registry.faults import Failed
from auditor.registry.forms import Forms
from auditor.registry.http import Session
from auditor.registry.manifest import Descriptor
from auditor.registry.material import Listing
from auditor.registry.pace import Pace
from auditor.registry.referrers import Referrers
from auditor.registry.store import CacheSettings

_REFERENCE_TYPE = "vnd.docker.reference.type"


def open_registry(
    settings: Mapping[str, RegistrySettings],
    *,
    environ: Mapping[str, str],
    limits: Limits = DEFAULT,
    cache: CacheSettings | None = None,
    offline: bool = False,
    progress: Progress = SILENT,
    pace: Pace | None = None,
) -> RegistryClient:
    """The registries of the world, by these settings (by host as written in references). A context manager.

    `environ` gives credentials, proxies and trust: `DOCKER_CONFIG`, `HOME`, `PATH`, `HTTPS_PROXY`, `SSL_CERT_FILE` …
    `cache` keeps bytes between runs; `offline` asks nobody: what is not in the cache is a fault.
    `progress` is told when a host limits the rate of requests. `pace` is shared with other clients that ask the same hosts.
    """
    return RegistryClient(settings, environ, limits, cache=cache, offline=offline, progress=progress, pace=pace)


class RegistryClient:
    """Resolves references and finds signatures. Thread-safe. Faults are values: nothing in here raises for one image."""

    def __init__(
        self,
        settings: Mapping[str, RegistrySettings],
        environ: Mapping[str, str],
        limits: Limits,
        *,
        cache: CacheSettings | None = None,
        offline: bool = False,
        asker: Asker | None = None,
        progress: Progress = SILENT,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._open = ExitStack()
        self._session: Session | None = None
        asker = asker or self._asker(environ, cache, pace or Pace(limits, progress), offline=offline)
        self._contents = Contents(asker, limits)
        self._forms = Forms(self._contents, Referrers(asker, self._contents, limits), limits)
        self._lock = threading.Lock()
        self._listed: dict[tuple[str, Digest], Listing] = {}
        self._existing: set[tuple[str, Digest]] = set()

    def _asker(self, environ: Mapping[str, str], cache: CacheSettings | None, pace: Pace, *, offline: bool) -> Asker:
        """The session, the cache before it, or the cache alone."""
        settings = endpoints.by_authority(self._settings)
        session = None if offline else self._open.enter_context(Session(settings, environ, self._limits, pace))
        self._session = session
        if cache is None:
            return session or Nobody()
        cached = CachedAsker(session, cache, settings, self._limits)
        self._open.callback(cached.close)
        return cached

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def stop(self) -> None:
        """End what is under way (an interrupt): every question that is open, and every later one, has a fault for an answer."""
        if self._session is not None:
            self._session.stop()

    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the registries that were asked: allowances that are nearly used up."""
        return self._session.notes() if self._session else ()

    # ── resolve ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def resolve(self, reference: Reference) -> Resolution:
        """What the reference names now. A tag costs one HEAD.

        A digest alone costs nothing where signatures are found beside it; where none are, one HEAD tells "unsigned" from
        "not there". For `tag@digest` the tag is asked as well.
        """
        try:
            if reference.digest is None:
                return self._head(reference, reference.asks_for)
            return self._pinned(reference, reference.digest)
        except Failed as failure:
            return failure.fault

    def _head(self, reference: Reference, wanted: str) -> Resolved | Absent:
        endpoint = endpoints.of_image(reference, self._settings)
        found = self._contents.head(endpoint, wanted)
        if found is None:
            return Absent(f"{endpoint.origin.authority} has no {wanted} in {endpoint.repository}")
        return Resolved(*found)

    def _pinned(self, reference: Reference, digest: Digest) -> Resolved | Absent:
        """The digest decides; the tag beside it is asked to see whether it still agrees."""
        tagged = self._head(reference, reference.tag) if reference.tag else None
        if isinstance(tagged, Resolved) and tagged.digest == digest:
            return Resolved(digest, tagged.media_type, tag_digest=digest)
        existing = self._existing_digest(reference, digest)
        if isinstance(existing, Absent) or tagged is None:
            return existing
        tag_digest = tagged.digest if isinstance(tagged, Resolved) else None
        return Resolved(digest, existing.media_type, tag_digest=tag_digest, tag_missing=tag_digest is None)

    def _existing_digest(self, reference: Reference, digest: Digest) -> Resolved | Absent:
        key = (reference.name, digest)
        if key in self._existing:
            return Resolved(digest)
        listing = self._list(reference, digest, every=False)
        with self._lock:
            self._listed[key] = listing
        # Signatures in another repository say nothing about the image's own.
        own = self._settings.get(reference.host)
        signed_here = bool(listing.materials) and not (own and own.signatures)
        existing = Resolved(digest) if signed_here else self._head(reference, str(digest))
        if isinstance(existing, Resolved):
            self._existing.add(key)
        return existing

    # ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:
        """All forms of signature beside `digest`; `.att` only where nothing else is there, or where `every` is wanted."""
        with self._lock:
            listed = None if every else self._listed.pop((reference.name, digest), None)
        return listed or self._list(reference, digest, every=every)

    def _list(self, reference: Reference, digest: Digest, *, every: bool) -> Listing:
        endpoint = endpoints.of_signatures(reference, self._settings)
        return self._forms.listing(endpoint, reference, digest, every=every)

    # ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def platforms(self, reference: Reference, digest: Digest) -> tuple[Platform, ...] | Fault:
        """The platform manifests of an index; empty for a single manifest."""
        endpoint = endpoints.of_image(reference, self._settings)
        try:
            found = self._contents.manifest(endpoint, str(digest))
        except Failed as failure:
            return failure.fault
        if found is None:
            return Fault(FaultKind.MALFORMED, f"{endpoint.name} {digest.short} is not there any more")
        children = [child for child in found.document.children if not is_attestation(child)]
        if len(children) > self._limits.referrers:
            return Fault(FaultKind.TOO_MANY, f"{endpoint.name} {digest.short} lists {len(children)} manifests")
        return tuple(Platform(child.platform or "unknown", child.digest) for child in children)


def is_attestation(child: Descriptor) -> bool:
    """BuildKit's attestation manifests stand among the platforms of an index, but nothing runs them."""
    return _REFERENCE_TYPE in child.annotations and child.platform == "unknown/unknown"
