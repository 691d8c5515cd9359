"""Manifests and indexes, read from hostile JSON into typed values (OCI image specification v1.1). Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest, InvalidDigest
from auditor.registry.faults import Failed

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES: Final = frozenset({OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST})
ACCEPT: Final = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+"
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._()/+-]")
_PLATFORM_LENGTH: Final = 128
_ARTIFACT_TYPES: Final = frozenset(
    {"application/vnd.oci.artifact.manifest.v1+json", "application/vnd.cncf.oras.artifact.manifest.v1+json"}
)
"""Withdrawn kinds of manifest with `blobs` instead of layers. No signer of ours ever wrote them."""
_DEPTH_ERRORS: Final = (ValueError, RecursionError)
_SPELLINGS: Final = frozenset(
    {
        *("schemaVersion", "mediaType", "artifactType", "config", "layers", "fsLayers", "manifests", "subject"),
        *("annotations", "digest", "size", "urls", "data"),
        *("platform", "architecture", "os", "os.version", "os.features", "variant"),
    }
)
"""The fields of manifests, indexes and descriptors (OCI image specification v1.1)."""
_FIELDS: Final = frozenset(name.casefold() for name in _SPELLINGS)


class Descriptor(Struct, frozen=True):
    """One descriptor. `data` is the content it carries inline, not yet hashed; `size` in bytes as stated."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    data: bytes | None = None


class Document(Struct, frozen=True):
    """A manifest or an index. `children` are an index's manifests, `layers` a manifest's layers."""

    media_type: str
    artifact_type: str = ""
    config_type: str = ""
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in INDEX_TYPES


def bare_type(content_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def parse(content: bytes, content_type: str, what: str) -> Document:
    """Read a manifest or index. `what` names it in errors. Raises Failed: MALFORMED, or UNSUPPORTED for schema 1."""
    value = _json_object(content, what)
    stated = value.get("mediaType")
    media_type = stated if isinstance(stated, str) and stated else bare_type(content_type)
    if value.get("schemaVersion") == 1 or media_type.startswith(_SCHEMA_1):
        raise Failed(FaultKind.UNSUPPORTED, f"{what} is a schema 1 manifest, which cannot be judged")
    if media_type in _ARTIFACT_TYPES:
        return Document(media_type, _text(value.get("artifactType")))
    if media_type not in MANIFEST_TYPES:
        media_type = _guess(value, what)
    # An empty object is no empty list of signatures. Go writes an empty list as null, that is one.
    needed = "manifests" if media_type in INDEX_TYPES else "layers"
    if needed not in value:
        raise Failed(FaultKind.MALFORMED, f"{what} has no {needed!r}")
    config = value.get("config")
    return Document(
        media_type,
        _text(value.get("artifactType")),
        _text(config.get("mediaType")) if isinstance(config, dict) else "",
        _descriptors(value.get("layers"), what),
        _descriptors(value.get("manifests"), what),
    )


def _json_object(content: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(content, object_pairs_hook=_one_way)
    except _Ambiguous as error:
        raise Failed(FaultKind.MALFORMED, f"{what} can be read in two ways: {error}") from None
    except _DEPTH_ERRORS:
        raise Failed(FaultKind.MALFORMED, f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise Failed(FaultKind.MALFORMED, f"{what} is not a JSON object")
    return value


class _Ambiguous(Exception):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """A field that two readers take for different things; the message names it."""


def _one_way(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that every reader understands alike. Raises _Ambiguous.

    Go (containerd, every registry) takes `Manifests` for `manifests`, by Unicode folding and even after the exact name: an
    index could show us one list of platforms and run another.
    """
    value: dict[str, Any] = {}
    for key, item in pairs:
        folded = key.casefold()
        if folded in _FIELDS and (key in value or key not in _SPELLINGS):
            raise _Ambiguous(f"{key[:_PLATFORM_LENGTH]!r} is written twice or in another case")
        value[key] = item
    return value


def _guess(value: Mapping[str, Any], what: str) -> str:
    """OCI lets `mediaType` be absent, and some registries send a plain content type: the members decide then."""
    if isinstance(value.get("manifests"), list) and "layers" not in value:
        return OCI_INDEX
    if isinstance(value.get("config"), dict) and "manifests" not in value:
        return OCI_MANIFEST
    raise Failed(FaultKind.MALFORMED, f"{what} is neither a manifest nor an index")


def _descriptors(value: object, what: str) -> tuple[Descriptor, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Failed(FaultKind.MALFORMED, f"{what} has a list of descriptors that is no list")
    return tuple(_descriptor(item, what) for item in value)


def _descriptor(value: object, what: str) -> Descriptor:
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        raise Failed(FaultKind.MALFORMED, f"{what} has a descriptor without a digest")
    try:
        digest = Digest.parse(value["digest"])
    except InvalidDigest as error:
        raise Failed(FaultKind.UNSUPPORTED, f"{what} lists something by another digest: {error}") from None
    size = value.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Failed(FaultKind.MALFORMED, f"{what} has a descriptor without a size")
    return Descriptor(
        _text(value.get("mediaType")),
        digest,
        size,
        _text(value.get("artifactType")),
        _annotations(value.get("annotations"), what),
        _platform(value.get("platform")),
        _inline(value.get("data"), what),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _annotations(value: object, what: str) -> Mapping[str, str]:
    """The annotations that are texts. JSON can spell halves of characters, which nothing can write down again."""
    notes = {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}
    try:
        "".join((*notes, *notes.values())).encode()
    except UnicodeEncodeError:
        raise Failed(FaultKind.MALFORMED, f"{what} has an annotation that is no text") from None
    return notes


def _platform(value: object) -> str:
    """`linux/arm64/v8`, or as containerd writes Windows: `windows(10.0.20348)/amd64`."""
    if not isinstance(value, dict):
        return ""
    system, version = _text(value.get("os")), _text(value.get("os.version"))
    parts = (
        f"{system}({version})" if version else system,
        _text(value.get("architecture")),
        _text(value.get("variant")),
    )
    return _UNUSUAL.sub("?", "/".join(part for part in parts if part)[:_PLATFORM_LENGTH])


def _inline(value: object, what: str) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError):
        raise Failed(FaultKind.MALFORMED, f"{what} has inline data that is not base64") from None
