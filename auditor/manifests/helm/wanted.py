"""A chart that is not in the tree: where it is to be had, and the seam through which it comes.

Nothing here asks anybody. `Fetch` is given in by whoever may ask; without it every such chart stays a gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,126}[A-Za-z0-9])?", re.ASCII)
_VERSION: Final = re.compile(r"[\w.+~^<>=!|*, -]{0,256}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_OCI: Final = "oci://"
_WEB: Final = ("https://", "http://")


class Wanted(Struct, frozen=True):
    """A chart of a repository. `version` may be a range, or empty for the newest; `digest` of an OCI manifest decides.

    `repository` is `https://…` (a repository with an index) or `oci://…`, with the chart's name as the last part of its path.
    """

    repository: str
    name: str
    version: str = ""
    digest: str = ""
    is_tag: bool = False
    """Whether `version` is the very tag of an OCI registry, whatever it looks like."""

    @property
    def is_oci(self) -> bool:
        """Whether it comes from an OCI registry."""
        return self.repository.startswith(_OCI)

    @property
    def title(self) -> str:
        """Name and version, as messages call it."""
        return f"chart {self.name} ({self.digest or self.version or 'any version'}) of {self.repository}"


class Fetched(Struct, frozen=True):
    """What came: the files below the chart's own folder by path, and its name and version (`api-1.2.3.tgz`)."""

    files: Mapping[str, bytes]
    title: str


class Unfetched(Struct, frozen=True):
    """Why it did not come, in words that follow the chart's name."""

    why: str


Fetch: TypeAlias = Callable[[Wanted], Fetched | Unfetched]
"""Brings a chart. Never raises for one chart, and answers the same question in the same way all along a run."""


def wanted(repository: str, name: str, version: str, digest: str = "", *, is_tag: bool = False) -> Wanted | Unfetched:
    """A chart as something in the tree names it; where that cannot be understood, why."""
    text = f"{repository} {name} {version}"
    if "${" in text or "{{" in text or "$(" in text or "<<" in text:
        return Unfetched("which chart it is, is filled in later")
    oci = repository.startswith(_OCI)
    if not oci and not repository.startswith(_WEB):
        return Unfetched(f"{repository or 'no address'} is neither an OCI nor an HTTP repository of charts")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or (digest and not _DIGEST.fullmatch(digest)):
        return Unfetched("its name or version is none that a repository could have")
    return Wanted(repository.rstrip("/"), name, version.strip(), digest, is_tag)


def in_oci(address: str, version: str, digest: str = "", *, is_tag: bool = False) -> Wanted | Unfetched:
    """A chart by the whole address of its repository: the last part is its name."""
    bare = address.rstrip("/")
    return wanted(bare, bare.rpartition("/")[2], version, digest, is_tag=is_tag)
