"""What deployers of charts have in common: values by path, and values that are not in the tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.yaml import Broken
from auditor.model.place import Place

Lookup: TypeAlias = Callable[[str, str], Mapping | None]
"""The object of a kind with a name that is deployed beside the one that asks for it, nothing of it left out."""
_STEP: Final = re.compile(r"((?:\\.|[^.\[\]\\])+)((?:\[\d+\])*)")
_TYPED: Final = re.compile(r"true|false|null|0|-?[1-9][0-9]*")


MISSING: Final = "is not in the tree"
HOLE: Final = "{{}}"
"""Stands in a path for what only a controller knows."""
_HOLE: Final = re.compile(r"\{\{(?:[^{}]|\{[^{}]*\})*\}\}")
_FREE: Final = f"{HOLE}values{HOLE}"
"""What a file is taken for whose whole name is a hole: values are called so."""


class Absent(Struct, frozen=True):
    """Values that something names and that are not there, or cannot be read. `given`: paths of which one may be theirs."""

    place: Place
    what: str
    why: str = MISSING
    given: tuple[str, ...] = ()


def opened(path: str) -> str:
    """A path with a hole for each part that a template fills in."""
    return _HOLE.sub(HOLE, path)


def is_free(pattern: str) -> bool:
    """Whether nothing of a path is written."""
    return HOLE in pattern and not pattern.replace(HOLE, "").strip("/.")


def covers(pattern: str, path: str) -> bool:
    """Whether a path may be what a pattern says, its holes filled in."""
    if is_free(pattern):
        pattern = _FREE
    first, *others = pattern.split(HOLE)
    if not others:
        return path == pattern
    *between, last = others
    at, end = len(first), len(path) - len(last)
    if not path.startswith(first) or not path.endswith(last):
        return False
    for part in between:
        at = path.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def first(documents: Iterable[Node | Broken], place: Place, what: str) -> Mapping | Absent:
    """The values of a file or text: its first document. Nothing written is no values; what cannot be read is told."""
    for document in documents:
        if isinstance(document, Broken):
            return Absent(place, what, f"cannot be read: {document.why}")
        if isinstance(document, Mapping):
            return document
        if not (isinstance(document, Scalar) and (document.null or not document.text)):
            return Absent(place, what, "is no mapping")
    return Mapping()


def nested(path: str, value: Scalar) -> Mapping:
    """`image.tag` as Helm's `--set` reads it: keys with dots between them, a backslash before a dot that is none."""
    node: Node = value
    for key, indexes in reversed(_STEP.findall(path)):
        for _ in range(indexes.count("[")):
            node = Sequence([node])
        node = Mapping([(re.sub(r"\\(.)", r"\1", key), node)], value.file, value.line)
    return node if isinstance(node, Mapping) else Mapping()


def typed(value: Scalar, *, text: bool) -> Scalar:
    """A value of `--set` (whole numbers and truth values are what they look like) or `--set-string`."""
    return Scalar(
        value.text,
        value.file,
        value.line,
        value.column,
        null=not text and value.text == "null",
        quoted=text or not _TYPED.fullmatch(value.text),
    )
