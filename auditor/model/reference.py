"""Image names as containerd reads them (the `reference` grammar of the distribution project).

>>> reference = Reference.parse("nginx")
>>> reference.name, reference.tag, reference.asks_for
('docker.io/library/nginx', None, 'latest')
>>> Reference.parse("127.0.0.1:5000/acme/web:2.1").name
'127.0.0.1:5000/acme/web'
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from msgspec import Struct

_HOST_COMPONENT: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = re.compile(
    rf"(?:{_HOST_COMPONENT}(?:\.{_HOST_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?", re.ASCII
)
_PATH_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH: Final = re.compile(rf"{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([0-9a-zA-Z=_-]{32,})", re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_HEX_64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME_LENGTH: Final = 255

DOCKER_HUB: Final = "docker.io"
_DOCKER_HUB_ALIASES: Final = frozenset({"docker.io", "index.docker.io"})


class InvalidReference(ValueError):  # noqa: N818 - named for the thing, as in packaging.version
    """A string that is no image reference; the message says what is wrong with it."""


class InvalidDigest(InvalidReference):
    """A digest that is malformed, or of an algorithm other than sha256."""


class Digest(Struct, frozen=True, order=True):
    """A sha256 digest: 64 lower-case hexadecimal digits. No other algorithm is judged."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX_64.fullmatch(self.hex):
            raise InvalidDigest("a sha256 digest has 64 lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """For people: the algorithm and the first twelve digits."""
        return f"sha256:{self.hex[:12]}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:<64 hex>`. Raises InvalidDigest for everything else, other algorithms included."""
        match = _DIGEST.fullmatch(text)
        if match is None:
            raise InvalidDigest("not a digest")
        if match[1] != "sha256":
            raise InvalidDigest(f"digest algorithm {match[1]} is not judged, only sha256")
        return cls(match[2])

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """The digest of these bytes."""
        return cls(hashlib.sha256(content).hexdigest())


class Reference(Struct, frozen=True):
    """A parsed image reference: host and path (normalised), and the tag and digest as written."""

    host: str
    path: str
    tag: str | None
    digest: Digest | None

    @property
    def name(self) -> str:
        """The repository with its host, as containerd normalises it: what `match:` patterns see."""
        return f"{self.host}/{self.path}"

    @property
    def asks_for(self) -> str:
        """What a registry is asked for: the digest, else the tag, else `latest`."""
        return str(self.digest) if self.digest else self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read an image reference, however it is written. Raises InvalidReference and says what is wrong."""
        if not text:
            raise InvalidReference("empty")
        if not _PRINTABLE.fullmatch(text):
            raise InvalidReference("holds white space or a character outside printable ASCII")
        rest, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if at else None
        rest, tag = _split_tag(rest)
        host, path = _split_host(rest)
        if not _PATH.fullmatch(path):
            upper = path != path.lower() and _PATH.fullmatch(path.lower())
            raise InvalidReference("repository must be lower case" if upper else "not a repository name")
        if len(host) + 1 + len(path) > _NAME_LENGTH:
            raise InvalidReference(f"repository is longer than {_NAME_LENGTH} characters")
        return cls(host, path, tag, digest)


def _split_tag(rest: str) -> tuple[str, str | None]:
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    if colon < 0:
        return rest, None
    tag = rest[colon + 1 :]
    if not _TAG.fullmatch(tag):
        raise InvalidReference("not a tag: letters, digits, '_', '.', '-', at most 128")
    return rest[:colon], tag


def _split_host(rest: str) -> tuple[str, str]:
    """Split off the registry host: a first component with '.' or ':', `localhost`, or upper-case letters."""
    first, slash, remainder = rest.partition("/")
    is_host = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first.startswith("[") or first != first.lower()
    )
    if not is_host:
        return DOCKER_HUB, rest if slash else f"library/{rest}"
    if not _HOST.fullmatch(first):
        raise InvalidReference("not a registry host")
    if first in _DOCKER_HUB_ALIASES:
        return DOCKER_HUB, remainder if "/" in remainder else f"library/{remainder}"
    return first, remainder
