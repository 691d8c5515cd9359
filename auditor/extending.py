"""The rules files that others share by address: `extends: {url: …, sha256: …}`.

1. What was fetched before is taken from the user's cache, by its hash: then nobody is asked.
2. Only https is asked, or plain HTTP on this machine; redirects are not followed, and no credential is shown.
3. The answer is bounded, and whoever loads rules compares its hash with the one that stands beside the address.

A change's own rules are loaded to tell what it does to them. They may name an address of their own: `kept` asks nobody.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits

_OK: Final = 200


class NotFetched(OSError):  # noqa: N818 - the state of the address, as seen from here
    """Why an address gave nothing."""


class SharedRules(Struct, frozen=True):
    """Fetches rules files. `cache` is the folder where they are kept between runs; None: this user's."""

    environ: Mapping[str, str]
    offline: bool = False
    cache: Path | None = None
    limits: Limits = DEFAULT

    def fetch(self, url: str, sha256: str) -> bytes:
        """The file at `url`; `sha256` (hexadecimal) says what it should be, and is not checked here. Raises NotFetched."""
        from auditor.folders import cache_folder  # noqa: PLC0415 - rules that extend nothing start without these
        from auditor.registry.store import Cache  # noqa: PLC0415

        cache = Cache(self.cache or cache_folder("rules"))
        content = cache.read(sha256)
        if content is not None:
            return content
        if self.offline:
            raise NotFetched("it was not fetched before, and --offline asks nobody")
        content = self._asked(url)
        if hashlib.sha256(content).hexdigest() == sha256:
            cache.write(sha256, content)
        return content

    def kept(self, url: str, sha256: str) -> bytes:
        """The same, asking nobody. Raises NotFetched."""
        return replace(self, offline=True).fetch(url, sha256)

    def _asked(self, url: str) -> bytes:
        from auditor.registry.exchange import Exchange  # noqa: PLC0415 - as above
        from auditor.registry.faults import Failed  # noqa: PLC0415

        exchange = Exchange(self.environ, self.limits)
        deadline = time.monotonic() + self.limits.request_seconds
        try:
            reply = exchange.send("GET", url, {}, None, deadline=deadline, bound=self.limits.rules_bytes)
        except (Failed, ValueError) as error:
            raise NotFetched(str(error)) from error
        if reply.status != _OK:
            moved = "; write the address that it leads to" if "location" in reply.headers else ""
            raise NotFetched(f"the answer is status {reply.status}{moved}")
        return reply.content
