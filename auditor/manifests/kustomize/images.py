"""The `images:` field of a kustomization.

Source: sigs.k8s.io/kustomize/api/filters/imagetag and api/internal/image. What really happens:

1. `name` is a regular expression, anchored before a tag and a digest; no normalisation (`nginx` is not `docker.io/nginx`).
2. A new tag clears the digest, a digest clears the tag; both give `name:tag@digest`.
3. Touched are `image` in lists named containers or initContainers anywhere, the image volumes of pods and pod templates,
   and the fields that `configurations:` adds. Not ephemeral containers, not `spec.image`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.kustomize.merge import base_of, overridden
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.use import Via

_LISTS: Final = frozenset({"containers", "initContainers"})
_SIMPLE: Final = re.compile(r"[A-Za-z0-9_./:@-]*", re.ASCII)
_BETWEEN: Final = re.compile(r"(?<!\\)/")
_SUFFIX: Final = r"(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?"
_CONTAINERS: Final = tuple(
    (*pod, lists, "image")
    for pod in (("spec",), ("spec", "template", "spec"))
    for lists in ("containers", "initContainers")
)
"""Named by kustomize's own configuration as well, besides being found anywhere: these are rewritten twice."""
_VOLUMES: Final = (
    ("spec", "volumes", "image", "reference"),
    ("spec", "template", "spec", "volumes", "image", "reference"),
)


class FieldSpec(Struct, frozen=True):
    """A field that `configurations:` adds: a path of keys, through every element of lists on the way, for a kind or all.

    `text` is the path as it is written: kustomize takes `containers` and `containers[]` for two fields.
    """

    text: str
    path: tuple[str, ...]
    group: str = ""
    version: str = ""
    kind: str = ""

    def covers(self, item: Object | FieldSpec) -> bool:
        """Whether the object, or what another field is for, is of its group, version and kind."""
        return self.group in ("", item.group) and self.version in ("", item.version) and self.kind in ("", item.kind)


class Entry(Struct, frozen=True):
    """One entry of `images:`."""

    name: str
    pattern: Any
    new_name: Scalar | None
    new_tag: Scalar | None
    digest: Scalar | None
    suffix: Scalar | None
    key_path: str

    @property
    def suffixes(self) -> bool:
        """Whether it lengthens a tag: what is rewritten twice gets it twice."""
        return self.suffix is not None and not (self.new_tag or self.digest)

    def rewrite(self, scalar: Scalar) -> Scalar:
        """The scalar as this entry leaves it."""
        if scalar.null or self.pattern is None or not self.pattern.search(scalar.text):
            return scalar
        name, tag, digest = split(scalar.text)
        if self.new_name:
            name = self.new_name.text
        if self.new_tag and self.digest:
            tag, digest = self.new_tag.text, self.digest.text
        elif self.new_tag:
            tag, digest = self.new_tag.text, ""
        elif self.digest:
            tag, digest = "", self.digest.text
        elif self.suffix:
            tag, digest = tag + self.suffix.text, ""
        text = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
        edit, key = self._edit()
        if edit is None:
            return scalar
        return replace(
            edit,
            text=text,
            null=False,
            via=Via.IMAGES_ENTRY,
            base=base_of(scalar),
            overrides=overridden(scalar),
            key_path=f"{self.key_path}.{key}",
        )

    def alone(self) -> Scalar | None:
        """What it deploys where the image that it is for could not be seen: its name, if that is plain, with the tag."""
        name = self.new_name.text if self.new_name else self.name
        edit, key = self._edit()
        if edit is None or not (self.new_tag or self.digest) or not _SIMPLE.fullmatch(name):
            return None
        text = (
            name + (f":{self.new_tag.text}" if self.new_tag else "") + (f"@{self.digest.text}" if self.digest else "")
        )
        return replace(edit, text=text, via=Via.IMAGES_ENTRY, key_path=f"{self.key_path}.{key}")

    def _edit(self) -> tuple[Scalar | None, str]:
        """The scalar that a reviewer edits: digest, else tag, else name."""
        choices = (
            (self.digest, "digest"),
            (self.new_tag, "newTag"),
            (self.suffix, "tagSuffix"),
            (self.new_name, "newName"),
        )
        return next(((scalar, key) for scalar, key in choices if scalar), (None, ""))


def entry(node: Mapping, key_path: str) -> Entry:
    """Read one entry. A name that is no regular expression matches nothing (kustomize fails on it)."""
    return Entry(
        node.text("name"),
        _pattern(node.text("name")),
        node.scalar("newName"),
        node.scalar("newTag"),
        node.scalar("digest"),
        node.scalar("tagSuffix"),
        key_path,
    )


def _pattern(name: str) -> Any:
    """The name is not even grouped: `a|b` means `^a` or `b` with its tag at the end, as in kustomize."""
    if _SIMPLE.fullmatch(name):
        return re.compile(rf"\A{name}{_SUFFIX}\Z", re.ASCII)
    try:
        return compile_regex(f"^{name}{_SUFFIX}$")
    except InvalidPattern:
        return None


def split(image: str) -> tuple[str, str, str]:
    """Name, tag and digest as kustomize splits them: a colon before the first slash belongs to the host."""
    slash = max(image.find("/"), 0)
    rest = image[slash:]
    colon, at = rest.find(":"), rest.find("@")
    if at >= 0 and (colon < 0 or at < colon):
        return image[: slash + at], "", rest[at + 1 :]
    if colon < 0:
        return image, "", ""
    end = at if at >= 0 else len(rest)
    return image[: slash + colon], rest[colon + 1 : end], rest[at + 1 :] if at >= 0 else ""


def field_specs(items: list[Node]) -> Iterator[FieldSpec]:
    """The fields that a configuration file or a transformer adds."""
    for item in items:
        if isinstance(item, Mapping) and item.text("path"):
            text = item.text("path")
            steps = (step.replace("\\/", "/").removesuffix("[]") for step in _BETWEEN.split(text.removeprefix("/")))
            yield FieldSpec(text, tuple(steps), item.text("group"), item.text("version"), item.text("kind"))


def add_fields(known: list[FieldSpec], more: Iterable[FieldSpec]) -> None:
    """Add fields to those that are known. One that covers a known one is left out, the other kinds that it names as well.

    Source: sigs.k8s.io/kustomize/api/types (FsSlice.MergeOne).
    """
    for spec in more:
        if not any(one.text == spec.text and spec.covers(one) for one in known):
            known.append(spec)


class Fields(Struct, frozen=True):
    """Fields that hold images besides containers. `own`: also those that kustomize names itself (not for a transformer)."""

    added: tuple[FieldSpec, ...] = ()
    own: bool = True


def apply(item: Object, change: Entry, fields: Fields) -> Object:
    """The object after one entry."""
    if item.kind == "CustomResourceDefinition":
        return item
    node: Node = _everywhere(item.node, change)
    own = (*(_CONTAINERS if change.suffixes else ()), *_VOLUMES) if fields.own else ()
    for path in (*own, *(spec.path for spec in fields.added if spec.covers(item))):
        node = _at(node, path, change)
    return item if node is item.node or not isinstance(node, Mapping) else dataclasses.replace(item, node=node)


def _everywhere(node: Node, change: Entry) -> Node:
    """`image` in every list named containers or initContainers; unchanged nodes are returned as they are."""
    if isinstance(node, Sequence):
        items = [_everywhere(item, change) for item in node.items]
        same = all(new is old for new, old in zip(items, node.items, strict=True))
        return node if same else Sequence(items)
    if not isinstance(node, Mapping):
        return node
    entries = []
    for key, value in node.entries:
        fresh = _everywhere(value, change)
        if key in _LISTS and isinstance(fresh, Sequence):
            fresh = _at(fresh, ("image",), change)
        entries.append((key, fresh))
    same = all(new[1] is old[1] for new, old in zip(entries, node.entries, strict=True))
    return node if same else Mapping(entries, node.file, node.line)


def _at(node: Node, path: tuple[str, ...], change: Entry) -> Node:
    """The scalars at a path of keys, rewritten: in every element where there is a list."""
    match node:
        case Scalar():
            return node if path else change.rewrite(node)
        case Sequence():
            items = [_at(item, path, change) for item in node.items]
            same = all(new is old for new, old in zip(items, node.items, strict=True))
            return node if same else Sequence(items)
        case Mapping():
            entries = [
                (key, _at(value, path[1:], change) if path and key == path[0] else value) for key, value in node.entries
            ]
            same = all(new[1] is old[1] for new, old in zip(entries, node.entries, strict=True))
            return node if same else Mapping(entries, node.file, node.line)
