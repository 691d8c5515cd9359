"""What refers to a digest: by the referrers API, or by the fallback tag (distribution specification v1.1).

1. `GET referrers/<digest>`; it counts with status 200 and the media type of an index. Pages are followed.
2. Any other "no such thing" leads to the tag `sha256-<hex>`; no such tag means that there are none.
3. Status 200 with something else (a page to log in, a web application for unknown paths) leads there too, but where the tag
   has nothing either, nothing was told: that is a fault, not "none".
4. A host that does not know the API is not asked for it again in this run.
"""

from __future__ import annotations

import re
import threading
from typing import Final
from urllib.parse import urljoin

from msgspec import Struct

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest
from auditor.registry.cache import Asker
from auditor.registry.content import Contents
from auditor.registry.endpoint import Endpoint
from auditor.registry.faults import Failed, from_status
from auditor.registry.hosts import Origin
from auditor.registry.http import Answer, Keep, Question
from auditor.registry.manifest import OCI_INDEX, Descriptor, bare_type, parse

_NO_API: Final = frozenset({400, 404, 405, 406, 501})
_UNKNOWN_NAME: Final = frozenset({"NAME_UNKNOWN", "NAME_INVALID", "MANIFEST_UNKNOWN"})
_NEXT: Final = re.compile(r"<([^<>]*)>[^,]*;\s*rel=\"?next\"?", re.IGNORECASE)

_LINK_LENGTH: Final = 2048
"""Characters of a Link header that are searched: the search is quadratic in what a registry may send."""


class Page(Struct, frozen=True):
    """One page of a listing, and the URL of the next one."""

    descriptors: tuple[Descriptor, ...]
    following: str | None


class _NoIndex(Exception):  # noqa: N818 - an answer, never leaves this module
    """Status 200, but no index."""


class Referrers:
    """Listings of referrers. Thread-safe; remembers which hosts have no API."""

    def __init__(self, session: Asker, contents: Contents, limits: Limits) -> None:
        self._session = session
        self._contents = contents
        self._limits = limits
        self._without: set[Origin] = set()
        self._lock = threading.Lock()

    def of(self, endpoint: Endpoint, digest: Digest) -> tuple[Descriptor, ...]:
        """Every referrer of a digest, of whatever type. Raises Failed; TOO_MANY above the limit."""
        try:
            listed = None if endpoint.origin in self._without else self._by_api(endpoint, digest)
        except _NoIndex as odd:
            tagged = self._by_tag(endpoint, digest)
            if not tagged:
                raise Failed(FaultKind.MALFORMED, str(odd)) from None
            return tagged
        return self._by_tag(endpoint, digest) if listed is None else listed

    def _by_api(self, endpoint: Endpoint, digest: Digest) -> tuple[Descriptor, ...] | None:
        """All pages of the API, None where the host has no such API."""
        found: list[Descriptor] = []
        url: str | None = endpoint.url("referrers", str(digest))
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= self._limits.pages:
                raise Failed(FaultKind.TOO_MANY, f"{endpoint.name}: the list of referrers has no end")
            seen.add(url)
            page = self._page(endpoint, digest, url, first=len(seen) == 1)
            if page is None:
                return None
            found += page.descriptors
            url = page.following
            self._check_count(endpoint, len(found))
        return tuple(found)

    def _page(self, endpoint: Endpoint, digest: Digest, url: str, *, first: bool) -> Page | None:
        what = f"{endpoint.name} referrers of {digest.short}"
        bound = self._limits.manifest_bytes
        answer = self._session.ask(Question("GET", url, endpoint.repository, what, OCI_INDEX, bound, Keep.LISTING))
        if answer.status in _NO_API and first:
            self._remember(endpoint, answer)
            return None
        if answer.status != 200:
            raise from_status(answer.status, endpoint.origin.authority, what, answer.codes)
        if bare_type(answer.content_type) != OCI_INDEX:
            raise _NoIndex(f"{what}: {endpoint.origin.authority} answered with {bare_type(answer.content_type)[:80]!r}")
        return Page(parse(answer.content, OCI_INDEX, what).children, _next_page(answer, endpoint, what))

    def _remember(self, endpoint: Endpoint, answer: Answer) -> None:
        """Note a host without the API. A 404 that speaks of the repository says nothing about the API."""
        if answer.status != 400 and not _UNKNOWN_NAME.intersection(answer.codes):
            with self._lock:
                self._without.add(endpoint.origin)

    def _by_tag(self, endpoint: Endpoint, digest: Digest) -> tuple[Descriptor, ...]:
        found = self._contents.manifest(endpoint, f"sha256-{digest.hex}")
        # A manifest under that tag that is no index is somebody else's: the specification says "no referrers" then. And
        # GitLab's registry takes the tag for the digest: its answer is the image itself, whose platforms refer to nothing.
        listed = found is not None and found.document.is_index and found.digest != digest
        children = found.document.children if found and listed else ()
        self._check_count(endpoint, len(children))
        return children

    def _check_count(self, endpoint: Endpoint, count: int) -> None:
        if count > self._limits.referrers:
            raise Failed(
                FaultKind.TOO_MANY,
                f"{endpoint.name}: more than {self._limits.referrers} things refer to this image, which is not judged",
            )


def _next_page(answer: Answer, endpoint: Endpoint, what: str) -> str | None:
    """The URL of the next page (RFC 8288). Raises Failed where it leaves the registry."""
    match = _NEXT.search(str(answer.headers.get("link", ""))[:_LINK_LENGTH])
    if match is None:
        return None
    try:
        url = urljoin(answer.url, str(match[1]))
        # Where the whole repository is served elsewhere by redirects, its pages are there too.
        inside = Origin.of(url) in (endpoint.origin, Origin.of(answer.url))
    except ValueError:
        inside = False
        url = ""
    if not inside:
        raise Failed(FaultKind.REDIRECT, f"{what}: the next page is on another host, which is not asked")
    return url
