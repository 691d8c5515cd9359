"""What a host name says about itself, before any request goes there. Pure.

A registry names other hosts: in redirects and in the realm of a challenge. Both are checked here, so that a registry cannot
make us ask the machine's own services or a cloud's metadata address (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBERS: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+)){0,3}")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
"""RFC 3986 §3.2: what follows says nothing about the host."""
_PORTS: Final = {"https": 443, "http": 80}


class Origin(Struct, frozen=True):
    """Scheme, host (lower case, no brackets) and port: what a connection is opened to and a credential belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as a URL has them; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an http or https URL. Raises ValueError for anything else, user information included."""
        scheme, mark, rest = url.partition("://")
        end = _AUTHORITY_END.search(rest)
        return _origin_of(f"{scheme}{mark}{rest[: end.start()] if end else rest}")


@lru_cache(maxsize=1024)  # of a few hosts, whose URLs are looked at four times for each request
def _origin_of(url: str) -> Origin:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an http or https URL")
    return Origin(parts.scheme, parts.hostname.rstrip("."), parts.port or _PORTS[parts.scheme])


@lru_cache(maxsize=1024)  # of a few hosts, which are looked at twice for each image
def literal(host: str) -> Address | None:
    """The address that a host name spells out, in every spelling that a resolver takes (`127.1`, `2130706433`, `::1`)."""
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _legacy_literal(bare)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _legacy_literal(host: str) -> Address | None:
    """The forms of inet_aton(3): fewer than four parts, octal, hexadecimal."""
    if not _NUMBERS.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_loopback(host: str) -> bool:
    """Whether the name is this machine itself."""
    address = literal(host)
    return address.is_loopback if address else host.rstrip(".").lower() == "localhost"


def is_link_local(address: str) -> bool:
    """Whether a resolved address is link-local: where clouds keep their metadata service, never a registry."""
    found = literal(address)
    return found is not None and found.is_link_local


def is_internal(host: str) -> bool:
    """Whether the name is `localhost`, or an address literal that is not on the public internet."""
    address = literal(host)
    return is_loopback(host) if address is None else not address.is_global or address.is_multicast


def objection(target: str, asker: Origin, allowed: Collection[str] = ()) -> str | None:
    """Why a host must not be asked because `asker` named it in a redirect or a realm; None where it may be.

    `allowed` are hosts that the configuration names, with a port, or without for any port.
    """
    try:
        origin = Origin.of(target)
    except ValueError:
        return "it is not an http or https URL"
    if origin == asker:
        return None
    if origin.scheme == "http" and asker.scheme == "https":
        return "it leaves https"
    if any(name in allowed for name in (origin.host, origin.authority, f"{origin.host}:{origin.port}")):
        return None
    return "it is a loopback, link-local or private address" if is_internal(origin.host) else None
