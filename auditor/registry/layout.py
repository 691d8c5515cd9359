"""OCI image layouts on disk (OCI image specification v1.1, image-layout), read as if a registry answered.

What `cosign save`, `crane pull --format oci`, `oras cp` and `skopeo copy` write. The layout answers the same questions as a
registry, so everything above reads signatures from it in the same way, and hashes what it reads.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from msgspec import Struct
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import DEFAULT, Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.registry.client import RegistryClient
from auditor.registry.faults import Failed
from auditor.registry.http import Answer, Question
from auditor.registry.manifest import OCI_INDEX, Descriptor, Document, parse

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME: Final = "io.containerd.image.name"
_KIND: Final = "kind"
_COSIGN: Final = "dev.cosignproject.cosign/"
_COSIGN_TAGS: Final = {f"{_COSIGN}sigs": ".sig", f"{_COSIGN}atts": ".att"}
_SIGNATURE_TAG: Final = "sha256-"
_RUNNABLE: Final = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
"""How the types of an image's layers begin. Signatures and statements have other ones; files that ORAS attaches have these."""
_EMPTY: Final = Digest.of(b"{}")
_DEPTH: Final = 3
"""Indexes within indexes: an index of the layout, a multi-platform image, its attestations."""


class Held(Struct, frozen=True):
    """One manifest of a layout: its descriptor, what it says, the digests of what it refers to and of its configuration."""

    descriptor: Descriptor
    document: Document
    subject: Digest | None
    config: Digest | None
    listed: bool
    """Whether `index.json` itself lists it: children of a multi-platform image are not images of their own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Full names first: `ghcr.io/acme/api:1`, or only a tag."""
        notes = self.descriptor.annotations
        return tuple(notes[key] for key in (_CONTAINERD_NAME, _REF_NAME) if notes.get(key))

    @property
    def as_referrer(self) -> Descriptor:
        """Its descriptor as a list of referrers has it."""
        return replace(self.descriptor, artifact_type=self.document.artifact_type or self.document.config_type)

    @property
    def is_image(self) -> bool:
        """Whether it is something to run, not a signature or another thing that refers to something.

        What has the layers of an image runs, whatever it refers to or is called: it must not hide behind that.
        """
        kind = self.descriptor.annotations.get(_KIND, "")
        beside = kind.startswith(_COSIGN) and not kind.startswith(f"{_COSIGN}image")
        tagged = any(name.rpartition(":")[2].startswith(_SIGNATURE_TAG) for name in self.names)
        return self.listed and (self._runs or not (self.subject or beside or tagged))

    @property
    def _runs(self) -> bool:
        layers = any(layer.media_type.startswith(_RUNNABLE) for layer in self.document.layers)
        return (layers and self.config != _EMPTY) or (self.document.is_index and self.subject is not None)


def open_layout(path: Path, *, limits: Limits = DEFAULT) -> tuple[RegistryClient, tuple[Reference, ...]]:
    """The layout in a folder as a registry, and the images in it, pinned to their digests. Raises UsageError.

    An image without a full name in its annotations is called `localhost/<folder>`.
    """
    try:
        layout = Layout(path, limits)
        images = layout.images()
    except Failed as failure:
        raise UsageError(
            f"{path} is no OCI image layout: {failure}", help="give the folder that holds `oci-layout` and `index.json`"
        ) from None
    return RegistryClient({}, {}, limits, asker=layout), images


class Layout:
    """Answers what a registry would, from the files of one layout. Thread-safe: read once, then unchanged."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        index = parse(self._file(Path("index.json"), limits.manifest_bytes), OCI_INDEX, "index.json")
        if not index.is_index:
            raise Failed(FaultKind.MALFORMED, "index.json is not an index")
        self.held: tuple[Held, ...] = tuple(self._walk(index, 0))
        self.held += tuple(self._unlisted())
        self._tags = dict(self._tagged())

    def images(self) -> tuple[Reference, ...]:
        """What the layout holds to be run. Raises Failed where that is nothing."""
        found = tuple(self._reference(held) for held in self.held if held.is_image)
        if not found:
            raise Failed(FaultKind.MALFORMED, "it holds no image")
        return found

    def _reference(self, held: Held) -> Reference:
        """How an image of the layout is called, with its digest."""
        for name in held.names:
            if "/" in name:
                try:
                    read = Reference.parse(name)
                except InvalidReference:
                    continue
                return Reference(read.host, read.path, None, held.descriptor.digest)
        folder = "".join(c if c.isalnum() and c.isascii() else "-" for c in self._path.resolve().name.lower())
        return Reference("localhost", folder.strip("-") or "layout", None, held.descriptor.digest)

    def ask(self, question: Question) -> Answer:
        """The answer of a registry that holds this layout. Raises Failed."""
        parts = urlsplit(question.url).path.split("/")
        kind, wanted = parts[-2], parts[-1]
        if kind == "referrers":
            return self._referrers(question, wanted)
        digest = wanted if ":" in wanted else self._tags.get(wanted)
        try:
            content = self._blob(Digest.parse(digest or ""), question.bound)
        except InvalidReference:
            content = None
        if content is None:
            return Answer(404, httpx.Headers(), b"", question.url)
        headers = httpx.Headers({"content-type": _media_type(content), "docker-content-digest": str(digest)})
        return Answer(200, headers, content, question.url)

    def _referrers(self, question: Question, wanted: str) -> Answer:
        """What names the digest as its subject, and what is listed under its fallback tag.

        A registry shows the type of each artifact, or of its config (distribution specification, "Listing Referrers").
        """
        fallback = self._tags.get(wanted.replace(":", "-"))
        found = {held.descriptor.digest: held.as_referrer for held in self.held if str(held.subject) == wanted}
        for held in self.held:
            if str(held.descriptor.digest) == fallback:
                found |= {child.digest: child for child in held.document.children}
        listed = [
            {"digest": str(d.digest), "size": d.size, "mediaType": d.media_type, "artifactType": d.artifact_type}
            for d in found.values()
        ]
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
        return Answer(200, httpx.Headers({"content-type": OCI_INDEX}), content, question.url)

    def _walk(self, index: Document, depth: int) -> Iterator[Held]:
        """Every manifest that the layout lists, those of nested indexes too."""
        if len(index.children) > self._limits.files or depth > _DEPTH:
            raise Failed(FaultKind.TOO_MANY, "it lists too much")
        for descriptor in index.children:
            content = self._blob(descriptor.digest, self._limits.manifest_bytes)
            if content is None and depth == 0:
                raise Failed(FaultKind.MALFORMED, f"index.json lists {descriptor.digest.short}, but it is not there")
            if content is None:
                continue  # a sparse layout: platforms that were left out are legal (image-layout, "blobs")
            if Digest.of(content) != descriptor.digest:
                raise Failed(FaultKind.MISMATCH, f"the blob {descriptor.digest.short} has another digest")
            document = parse(content, descriptor.media_type, descriptor.digest.short)
            said = _json(content)
            subject, config = _digest(said.get("subject")), _digest(said.get("config"))
            yield Held(descriptor, document, subject, config, listed=depth == 0)
            if document.is_index:
                yield from self._walk(document, depth + 1)

    def _unlisted(self) -> Iterator[Held]:
        """What no index lists and yet refers to something: `cosign save` of version 3 writes bundles so, and looks for them so."""
        known = {held.descriptor.digest for held in self.held}
        for digest in self._small_blobs():
            found = self._referring(digest) if digest not in known else None
            if found is not None:
                yield found

    def _referring(self, digest: Digest) -> Held | None:
        """The manifest in a blob, if it is one that refers to something. A layer or a bundle of that size is none."""
        try:
            content = self._blob(digest, self._limits.manifest_bytes) or b""
            subject = _digest(_json(content).get("subject")) if b'"subject"' in content else None
            if subject is None or Digest.of(content) != digest:
                return None
            document = parse(content, "", digest.short)
        except Failed:
            return None
        return Held(Descriptor(document.media_type, digest, len(content)), document, subject, config=None, listed=False)

    def _small_blobs(self) -> list[Digest]:
        """The blobs that could be manifests."""
        found = []
        with suppress(OSError), os.scandir(self._path / "blobs" / "sha256") as entries:
            for entry in entries:
                with suppress(InvalidReference):
                    digest = Digest.parse(f"sha256:{entry.name}")
                    if entry.is_file(follow_symlinks=False) and entry.stat().st_size <= self._limits.manifest_bytes:
                        found.append(digest)
        return sorted(found)

    def _tagged(self) -> Iterator[tuple[str, str]]:
        """Tags: as annotated, and cosign's own for the signatures of the one image that it saves."""
        images = [held for held in self.held if held.is_image]
        for held in self.held:
            digest = str(held.descriptor.digest)
            yield from ((name.rpartition("/")[2].rpartition(":")[2], digest) for name in held.names)
            suffix = _COSIGN_TAGS.get(held.descriptor.annotations.get(_KIND, ""))
            if suffix and len(images) == 1:
                yield f"{_SIGNATURE_TAG}{images[0].descriptor.digest.hex}{suffix}", digest

    def _blob(self, digest: Digest, bound: int) -> bytes | None:
        try:
            return self._file(Path("blobs", "sha256", digest.hex), bound)
        except FileNotFoundError:
            return None

    def _file(self, name: Path, bound: int) -> bytes:
        """A regular file of the layout. Raises FileNotFoundError for a blob, Failed for everything else."""
        try:
            handle = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            if name.parts[0] == "blobs":
                raise
            raise Failed(FaultKind.MALFORMED, f"{name} is not there") from None
        except OSError as error:
            raise Failed(FaultKind.MALFORMED, f"{name} cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Failed(FaultKind.MALFORMED, f"{name} is not a regular file")
            content = file.read(bound + 1)
        if len(content) > bound:
            raise Failed(FaultKind.TOO_LARGE, f"{name} has more than {bound} bytes")
        return content


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _media_type(content: bytes) -> str:
    stated = _json(content).get("mediaType")
    return stated if isinstance(stated, str) and stated.isascii() and stated.isprintable() else ""


def _digest(described: object) -> Digest | None:
    try:
        return Digest.parse(str(described["digest"])) if isinstance(described, dict) and "digest" in described else None
    except InvalidReference:
        return None
