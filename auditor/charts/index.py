"""The index of an HTTP repository of charts: the versions of one chart, and where each of them is.

Source: helm.sh/helm/v3/pkg/repo/index.go. An index has thousands of versions of hundreds of charts. Where it is written as Helm
writes it, only the lines of the one chart are parsed; else all of it, if it is small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin

from msgspec import Struct

from auditor.limits import Limits
from auditor.manifests.contents import complete
from auditor.manifests.nodes import Mapping, Scalar, Sequence

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_ENTRIES: Final = re.compile(rb"^entries:[ \t]*\r?$", re.MULTILINE)
_TOP: Final = re.compile(rb"^[^\s#-]", re.MULTILINE)
_NEXT: Final = re.compile(rb"^ {0,2}[^\s#-]", re.MULTILINE)
_SMALL: Final = 4 * 1024 * 1024
"""Bytes of an index that is parsed as a whole."""


class Version(Struct, frozen=True):
    """One version of a chart: where its archive is, and the digest that it must have (empty: the index states none)."""

    version: str
    url: str
    digest: str


def versions(content: bytes, name: str, address: str, limits: Limits) -> list[Version] | None:
    """The versions of a chart that an index at `address` lists; None where it cannot be read."""
    part = _part(content, name)
    if part is None and len(content) > _SMALL:
        return None
    documents = complete(content if part is None else part, address, None, limits)
    index = documents[0] if documents else None
    if not isinstance(index, Mapping):
        return None
    return list(_listed(index.mapping("entries").get(name), address))


def _part(content: bytes, name: str) -> bytes | None:
    """The lines of one chart, as an index of its own; None where the index is not written in the usual way."""
    starts = list(_ENTRIES.finditer(content))
    if len(starts) != 1:
        return None
    start = starts[0].end()
    after = _TOP.search(content, start)
    end = after.start() if after else len(content)
    key = re.compile(rb"^  " + re.escape(name.encode()) + rb":[ \t]*\r?$", re.MULTILINE)
    found = list(key.finditer(content, start, end))
    if len(found) != 1:
        return None
    following = _NEXT.search(content, found[0].end(), end)
    return b"entries:\n" + content[found[0].start() : following.start() if following else end]


def _listed(node: object, address: str) -> Iterator[Version]:
    for item in node.items if isinstance(node, Sequence) else ():
        urls = item.items("urls") if isinstance(item, Mapping) else []
        if isinstance(item, Mapping) and urls and isinstance(urls[0], Scalar):
            digest = _DIGEST.fullmatch(item.text("digest"))
            try:
                url = urljoin(f"{address.rstrip('/')}/", urls[0].text)
            except ValueError:
                continue  # no address: Helm could not have it either
            yield Version(item.text("version"), url, f"sha256:{digest[1]}" if digest else "")
