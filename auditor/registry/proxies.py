"""Which requests go through a proxy, by the environment's `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from auditor.registry.hosts import Origin, is_loopback, literal


def proxy_for(origin: Origin, environ: Mapping[str, str]) -> str | None:
    """The proxy's URL for this origin, None to connect directly. This machine itself is never asked through a proxy."""
    if is_loopback(origin.host) or _is_excepted(origin, _value(environ, "NO_PROXY")):
        return None
    proxy = _value(environ, f"{origin.scheme.upper()}_PROXY") or _value(environ, "ALL_PROXY")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower()) or environ.get(name) or ""


def _is_excepted(origin: Origin, exceptions: str) -> bool:
    return any(_excepts(item.strip().lower(), origin) for item in exceptions.split(",") if item.strip())


def _excepts(item: str, origin: Origin) -> bool:
    """`*`, `host`, `.suffix`, `host:port`, an address or a CIDR block, as Go and curl read them."""
    if item == "*":
        return True
    address = literal(origin.host)
    if address is not None and "/" in item:
        try:
            return address in ipaddress.ip_network(item, strict=False)
        except ValueError:
            return False
    host, colon, port = item.rpartition(":")
    if colon and port.isdigit() and not host.endswith(":"):
        return int(port) == origin.port and _excepts(host, origin)
    name = item.strip("[]").removeprefix("*").lstrip(".")
    return origin.host == name or origin.host.endswith(f".{name}")
