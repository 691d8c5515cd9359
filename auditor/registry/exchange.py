"""One request, one answer, for what is no registry: the API of a forge. Nothing is followed, nothing is repeated here.

Each request has a connection of its own: a kept one that the server closes meanwhile would have to be tried again, and what
writes must not be sent twice without anybody knowing.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from msgspec import Struct

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin
from auditor.registry.proxies import proxy_for
from auditor.registry.tls import Contexts
from auditor.registry.transport import BOUND, DEADLINE, HEADERS, PooledTransport, ProxiedTransport


class Reply(Struct, frozen=True):
    """Status, headers (lower-case names), and the whole body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Exchange:
    """Requests to hosts that the configuration or the CI names. `proxy` carries every request, else the environment decides."""

    def __init__(self, environ: Mapping[str, str], limits: Limits, *, ca_file: str = "", proxy: str = "") -> None:
        self._environ = environ
        self._limits = limits
        self._proxy = proxy
        self._contexts = Contexts({}, environ.get("SSL_CERT_FILE") or ca_file or None)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, *, deadline: float, bound: int
    ) -> Reply:
        """The answer to one request, of `bound` bytes at most, before `deadline` (monotonic seconds). Raises Failed."""
        proxy = self._proxy or proxy_for(Origin.of(url), self._environ)
        transport: httpx.BaseTransport = (
            ProxiedTransport(proxy, self._contexts, self._limits)
            if proxy
            else PooledTransport(self._contexts, self._limits)
        )
        try:
            with httpx.Client(transport=transport, trust_env=False) as client:
                response = client.send(
                    httpx.Request(
                        method,
                        url,
                        headers={**HEADERS, **headers},
                        content=content,
                        extensions={DEADLINE: deadline, BOUND: bound},
                    )
                )
        except (httpx.InvalidURL, httpx.HTTPError, UnicodeError):
            # What the transport meets it raises as Failed; what is left is httpx's own reading of URLs and headers.
            raise Failed(FaultKind.MALFORMED, "the request cannot be written: is the address a URL?") from None
        found = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, found, response.content)
