"""A map of repository, tag and the like → the reference that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.text import without_scheme

_PREFIXED: Final = {"imageRepository": "image", "imageName": "image"}
"""Names whose companions begin with `image` too: `imageTag`, `imageRegistry`."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
"""A name with nothing around it: neither a host or folder, nor a tag."""
_HOLDERS: Final = frozenset(("repository", "repo", "name", "image", "path", "baseImage", *_PREFIXED))
_COMPANIONS: Final = frozenset(
    ("tag", "digest", "sha", "version", "registry", "hub", "imageTag", "imageDigest", "imageRegistry")
)
"""Keys of which a map has one of each, unless it stands under a key that says image. Few maps have, and there are many."""

_ENDS: Final = ("_version", "_tag", "-version", "-tag", "Version", "Tag", "_VERSION", "_TAG")
"""How the key of a tag ends, after the key of its image."""
_PART_ENDS: Final = {
    **dict.fromkeys(("_name",), ("_version", "_tag")),
    **dict.fromkeys(("_repository", "_repo"), ("_tag",)),
    **dict.fromkeys(("_NAME", "_REPOSITORY", "_REPO"), ("_TAG",)),
    **dict.fromkeys(("-name", "-repository", "-repo"), ("-tag",)),
    **dict.fromkeys(("Name", "Repository", "Repo"), ("Tag",)),
}
"""How the key of a name ends, and how then the key of its tag does."""
_REGISTRY: Final = {"_tag": "_registry", "_TAG": "_REGISTRY", "-tag": "-registry", "Tag": "Registry"}


class Whole(Struct, frozen=True):
    """What a split map makes: the reference, the scalar to edit with its key, and all scalars it is made of (by id)."""

    text: str
    edit: Scalar
    key: str
    scalars: frozenset[int]


class _Parts(Struct, frozen=True):
    registry: Scalar | None
    repository: Scalar
    tag: Scalar | None
    digest: Scalar | None


def assemble(node: Mapping, *, named: bool, container: bool = False) -> Whole | None:
    """The reference that a split map makes. `named`: the map stands under a key that says image.

    In a `container` the key `image` says it all, and what stands beside it belongs to something else.
    """
    if node.scalar("newName") or node.scalar("newTag"):
        parts = _replaced(node)
    else:
        parts = next(_candidates(node, named=named, container=container), None)
    if parts is None:
        return None
    registry, repository, tag, digest = parts.registry, parts.repository, parts.tag, parts.digest
    name, org = repository.text, node.scalar("org") or node.scalar("organization")
    if org is not None and org.text and registry is not None and "/" not in name:
        name = f"{org.text.strip('/')}/{name}"
    text = without_scheme(f"{registry.text.rstrip('/')}/{name}" if registry else name)
    text += f":{tag.text}" if tag else ""
    text += f"@{_digest(digest.text)}" if digest else ""
    edit = digest or tag or repository
    key = next(name for name, value in node.entries if value is edit)
    used = (registry, repository, tag, digest)
    return Whole(text, edit, key, frozenset(id(scalar) for scalar in used if scalar is not None))


def _replaced(node: Mapping) -> _Parts | None:
    """What an entry of kustomize's `images` makes of a name, wherever it stands. Without a tag, that of the base stays."""
    name, tag = node.scalar("newName") or node.scalar("name"), node.scalar("newTag")
    digest = node.scalar("digest")
    return _Parts(None, name, tag, digest) if name is not None and (tag or digest) else None


def _candidates(node: Mapping, *, named: bool, container: bool) -> Iterator[_Parts]:
    """The ways to read the map, the surest first."""
    keys = {key for key, _ in node.entries}
    if keys.isdisjoint(_HOLDERS) or not (named or not keys.isdisjoint(_COMPANIONS)):
        return
    tag, digest = node.scalar("tag"), node.scalar("digest") or node.scalar("sha")
    registry = node.scalar("registry") or node.scalar("hub")
    versioned = tag or node.scalar("version") or (node.scalar("versionTag") if named else None)
    yield from _in_repository(node, versioned, digest)
    for key in ("repository", "repo", *(("name",) if named else ())):
        repository = node.scalar(key)
        if repository is not None:
            own = versioned if named else tag
            if own or digest or (named and (registry or "/" in repository.text)):
                yield _Parts(registry, repository, own, digest)
    for key, lead in _PREFIXED.items():
        repository = node.scalar(key)
        parts = [node.scalar(lead + part) for part in ("Registry", "Tag", "Digest")]
        if repository is not None and any(parts) and not is_complete(repository.text):
            yield _Parts(parts[0], repository, parts[1], parts[2])
    if (base := node.scalar("baseImage")) is not None and (versioned or digest) and not is_complete(base.text):
        yield _Parts(None, base, versioned, digest)
    if not container:
        yield from _beside_image(node, named=named)


def _in_repository(node: Mapping, version: Scalar | None, digest: Scalar | None) -> Iterator[_Parts]:
    """`repository: nvcr.io/nvidia`, `image: driver`, `version: 1.2` (NVIDIA's operators): the image is a name in it.

    Their version may be a digest.
    """
    repository, image = node.scalar("repository"), node.scalar("image")
    if repository is None or image is None or not _NAME.fullmatch(image.text) or "://" in repository.text:
        return
    if "/" in repository.text and version is not None and not is_complete(repository.text):
        is_digest = version.text.startswith("sha256:")
        yield _Parts(repository, image, None if is_digest else version, version if is_digest else digest)


def beside(node: Mapping, key: str) -> str | None:
    """The key of what tags the image at `key` by a name of its own, in its own style.

    `image_version` (AWX), `image_name` and `image_version` (Kiali), `proxy-image` and `proxy-version` (Linkerd),
    `sidecarImageRepository` and `sidecarImageTag`, `WORKER_IMAGE` and `WORKER_IMAGE_TAG`.
    """
    name = node.scalar(key)
    if "image" not in key.lower() or name is None or is_complete(name.text):
        return None
    swapped = (f"{key[:-5]}version",) if key.endswith("-image") else ()
    bare, ends = _bare(key)
    return next(
        (one for one in (*(f"{key}{end}" for end in _ENDS), *swapped, *(bare + end for end in ends)) if node.text(one)),
        None,
    )


def registry_beside(node: Mapping, key: str) -> str:
    """The registry of the image at `key`, where it stands beside it in the same style; empty where there is none."""
    bare, ends = _bare(key)
    return node.text(f"{bare}{_REGISTRY[ends[-1]]}").rstrip("/") if ends else ""


def _bare(key: str) -> tuple[str, tuple[str, ...]]:
    """What stands before the end of a key that names one part of an image, and how the key of its tag ends."""
    return next(((key.removesuffix(end), tags) for end, tags in _PART_ENDS.items() if key.endswith(end)), ("", ()))


def pairs(node: Sequence) -> Mapping:
    """A list of names with values, as variables are written, as a map; empty for other lists."""
    found: list[tuple[str, Node]] = [
        (item.text("name"), value)
        for item in node.items
        if isinstance(item, Mapping) and isinstance(value := item.get("value"), Scalar) and item.text("name")
    ]
    return Mapping(found)


def _beside_image(node: Mapping, *, named: bool) -> Iterator[_Parts]:
    """`image: ghcr.io/acme/api` with its tag in the line below; under `image:` also `path:`."""
    tag = node.scalar("tag") or node.scalar("imageTag") or (node.scalar("version") if named else None)
    digest = node.scalar("digest") or node.scalar("imageDigest") or node.scalar("sha")
    registry = node.scalar("registry") or node.scalar("hub") or node.scalar("imageRegistry")
    for key in ("image", *(("path",) if named else ())):
        repository = node.scalar(key)
        if repository is not None and not is_complete(repository.text) and (tag or digest or (named and registry)):
            yield _Parts(registry, repository, tag, digest)


def hub_of(node: Mapping, above: tuple[str, str]) -> tuple[str, str]:
    """The registry and tag that complete bare names in a map: `hub` and `tag` of it or of its `global` (Istio's values).

    Piraeus puts a `base` before all of its `components`, each with a tag for the images that it may be. `above`: what holds around it.
    """
    for one in (node, node.mapping("global")):
        if hub := one.text("hub"):
            return hub.rstrip("/"), one.text("tag")
    if (base := node.text("base")) and node.mapping("components").entries:
        return base.rstrip("/"), ""
    return (above[0], node.text("tag")) if above[0] and node.text("tag") else above


def is_bare(text: str) -> bool:
    """Whether a text is a name and nothing else, as `proxyv2` of Istio: `hub` and `tag` stand above it."""
    return _NAME.fullmatch(text) is not None


def is_complete(text: str) -> bool:
    """Whether a name has a tag or digest of its own."""
    return "@" in text or ":" in text.rpartition("/")[2]


def _digest(text: str) -> str:
    return text if ":" in text else f"sha256:{text}"
