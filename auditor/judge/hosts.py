"""Which registry hosts may be asked: no request goes to a host just because an image line names it.

1. A host that the rules name may be asked: by the host of a `match` pattern, or under `registries:`.
2. Loopback, link-local and private addresses, and every other way to write an address, only where they are named literally.
3. Well-known public registries may be asked; with `inspect: all`, so may every other name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from auditor.config.names import NamePattern
from auditor.config.rules import Inspect, Rules

PUBLIC: Final = frozenset(
    {
        "cgr.dev",
        "codeberg.org",
        "docker.elastic.co",
        "docker.io",
        "gcr.io",
        "ghcr.io",
        "icr.io",
        "k8s.gcr.io",
        "lscr.io",
        "mcr.microsoft.com",
        "nvcr.io",
        "public.ecr.aws",
        "quay.io",
        "registry.access.redhat.com",
        "registry.gitlab.com",
        "registry.k8s.io",
        "registry.redhat.io",
        "xpkg.upbound.io",
    }
)
"""Registries that anybody may push to or pull from, run by their well-known owners."""

_PUBLIC_SUFFIXES: Final = ("-docker.pkg.dev", ".gcr.io")
_NUMBER: Final = r"(?:0[xX][0-9a-fA-F]*|[0-9]+)"
_OLD_ADDRESS: Final = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}", re.ASCII)
_PORT: Final = re.compile(r":[0-9]+\Z", re.ASCII)


class Hosts:
    """The hosts that a run may ask, by its rules."""

    def __init__(self, rules: Rules) -> None:
        named = [*rules.registries, *_pattern_hosts(rules)]
        self._literal = frozenset(host.lower() for host in named if "*" not in host)
        self._wildcards = tuple(NamePattern.parse(host) for host in dict.fromkeys(named) if _ends_in_a_domain(host))
        self._all = rules.inspect is Inspect.ALL

    def refusal(self, host: str) -> str | None:
        """Why this host (with its port) is not asked; None where it may be."""
        host = host.lower()
        if host in self._literal:
            return None
        address = _address(host)
        if address is False:
            return f"{host} is an inner address; it is asked only where a rule names it literally"
        if self._all or host in PUBLIC or host.endswith(_PUBLIC_SUFFIXES):
            return None
        if address is None and any(pattern.matches(host) for pattern in self._wildcards):
            return None
        return f"{host} is not asked: no rule names it, and it is no well-known public registry"


def _pattern_hosts(rules: Rules) -> Iterator[str]:
    for entry in rules.images:
        for pattern in entry.match:
            host, slash, _ = pattern.text.partition("/")
            if slash:
                yield host.lower()


def _ends_in_a_domain(host: str) -> bool:
    """Whether what follows the last `*` is a domain of somebody: `*.acme.example` names hosts, `*` and `*.example` do not."""
    _, star, ending = host.rpartition("*")
    return bool(star) and ending.startswith((".", "-")) and ending.count(".") >= 2


def _address(host: str) -> bool | None:
    """None for a name, True for a public address, False for an inner one or one written in an unusual way."""
    bare = _PORT.sub("", host) if host.startswith("[") or host.count(":") == 1 else host
    bare = bare.removeprefix("[").removesuffix("]")
    if bare == "localhost" or bare.endswith(".localhost"):
        return False
    try:
        address = ip_address(bare)
    except ValueError:
        return False if _OLD_ADDRESS.fullmatch(bare) else None
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_global and not address.is_multicast and mapped is None
