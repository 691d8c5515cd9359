"""What a text looks like: an image reference, a template, or something that cannot hide either (the prefilter)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from auditor.model.reference import InvalidReference, Reference

_TEMPLATE: Final = re.compile(r"\$\{|\$\(|\{\{|%\{|\$[A-Z_]{2,}|<[A-Za-z][\w .-]*>|^ENC\[|^__[A-Z_]+__$")
_NUMBER: Final = re.compile(r"[-+]?(?:0[xob][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)", re.ASCII)
_LOCATED: Final = re.compile(
    r"(?:(?:oci|docker)://)?"
    r"(?P<reference>(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*|localhost)(?::[0-9]{1,5})?"
    r"/[a-z0-9][a-z0-9._/-]*"
    r"(?::[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64}))",
    re.ASCII,
)
_SCHEME: Final = re.compile(r"(?:oci|docker)://", re.ASCII)

# ── the prefilter: what these patterns do not meet cannot hold an image ──────────────────────────────────────────────────
_CHARTS: Final = (b"helm.toolkit.fluxcd.io", b"kustomize.toolkit.fluxcd.io", b"argoproj.io")
"""Groups of the objects that deploy charts and directories: they decide about every image of these."""
_WORDS: Final = (b"image", b"repository", b"newtag", b"newname", b"oci://", b"docker://", b"@sha256:", *_CHARTS)
_LOCATED_BYTES: Final = re.compile(rb"(?:\.[a-z0-9-]+|localhost)(?::[0-9]{1,5})?/[a-z0-9._/-]+[:@][a-z0-9_]")
# An escape that writes letters, slashes, or joins lines; a tag (it may decode base64); a directive that names tags.
_HIDING: Final = re.compile(rb"\\[xuU/\r\n]|(?:^|[\s,\[{:?-])![^\s=]|^%", re.MULTILINE)


def is_template(text: str) -> bool:
    """Whether a tool fills something in before this is deployed: `${X}`, `$(x)`, `{{ x }}`, `<X>`, an encrypted value."""
    return _TEMPLATE.search(text) is not None


def is_bare_number(text: str) -> bool:
    """Whether YAML 1.1 or 1.2 reads the text, unquoted, as a number: `1.10`, `010`, `1e3`, `0x1f`, `1_000`."""
    return _NUMBER.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether containerd would take the text for an image reference."""
    try:
        Reference.parse(text)
    except InvalidReference:
        return False
    return True


def without_scheme(text: str) -> str:
    """`oci://ghcr.io/acme/model:1` → `ghcr.io/acme/model:1`."""
    return _SCHEME.sub("", text, count=1)


def located(text: str) -> str | None:
    """The reference of a text that by itself looks like one: a host with a dot, a path, and a tag or digest."""
    if "/" not in text or len(text) > 1024:
        return None
    match = _LOCATED.fullmatch(text)
    return match["reference"] if match and is_reference(match["reference"]) else None


def argument(text: str) -> str | None:
    """The reference inside a command line argument or setting: `--image=ghcr.io/acme/api:1`, `KEY=ghcr.io/acme/api:1`."""
    if "/" not in text or len(text) > 1024:
        return None
    name, equals, value = text.partition("=")
    return located(value) if equals and " " not in name else located(text)


def lines_with_image(content: bytes) -> Iterator[tuple[int, int, str]]:
    """`image: …` lines of a text that no parser takes: line (from 0), column (from 0) and value, unquoted."""
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n")):
        match = _IMAGE_LINE.match(line)
        if match:
            yield number, match.start("value"), match["value"]


_IMAGE_LINE: Final = re.compile(
    r"""\s*(?:-\s+)?["']?image["']?\s*:\s+["']?(?P<value>[^\s"'#|>&*][^"'#]*?)["']?\s*(?:\s#.*)?$"""
)


def prefilter(words: frozenset[bytes] = frozenset()) -> Callable[[bytes], bool]:
    """A test of bytes that refuses only what cannot hide an image. `words`: lower-case keys of the kinds table."""
    wanted = (*_WORDS, *sorted(words))

    def may_hold(content: bytes) -> bool:
        lower = content.lower()
        return (
            any(word in lower for word in wanted)
            or b"\0" in content
            or _HIDING.search(content) is not None
            or _LOCATED_BYTES.search(lower) is not None
        )

    return may_hold
