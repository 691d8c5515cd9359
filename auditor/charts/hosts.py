"""Which hosts may be asked for charts: only those that the rules list, however a tree, an index or a redirect names another."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from auditor.config.rules import RegistrySettings
from auditor.registry.hosts import Origin, is_internal, is_loopback


class ChartHosts(Struct, frozen=True):
    """`listed`: hosts, with a port or without for the scheme's own; `settings` say which are plain HTTP."""

    listed: frozenset[str]
    settings: Mapping[str, RegistrySettings]

    def refusal(self, url: str) -> str | None:
        """Why an address is not asked; None where it may be."""
        try:
            origin = Origin.of(url)
        except ValueError:
            return f"{url[:200]!r} is not an http or https address"
        if origin.authority not in self.listed and f"{origin.host}:{origin.port}" not in self.listed:
            hint = "" if is_internal(origin.host) else ": manifests.charts of the rules does not list it"
            return f"{origin.authority} is not asked for charts{hint}"
        own = self.settings.get(origin.authority)
        if origin.scheme == "http" and not is_loopback(origin.host) and not (own and own.plain_http):
            return f"{origin.authority} would be asked without TLS"
        return None
