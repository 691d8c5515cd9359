"""Files of a tree → objects, once per path and content: what base and head share is read once."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.manifests.extract import Found, extract
from auditor.manifests.kinds import Kinds
from auditor.manifests.nodes import Node, Scalar
from auditor.manifests.objects import Object, objects
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import is_template, lines_with_image, prefilter
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Confidence
from auditor.source.tree import EntryKind, Tree, Unreadable

MANIFESTS: Final = (".yaml", ".yml", ".json")
_LFS: Final = b"version https://git-lfs.github.com/spec/v1"
_LINKS: Final = 16
"""Symlinks followed in a row."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file holds: objects that may matter, references in text no parser takes, and what could not be read."""

    objects: tuple[Object, ...] = ()
    lines: tuple[Found, ...] = ()
    gaps: tuple[Gap, ...] = ()


class OutOfTree(Exception):  # noqa: N818 - a fact about one path, turned into a gap by whoever asked
    """A path or symlink that leaves the tree, loops, or leads nowhere. The message says which."""


@dataclass(slots=True)
class Shared:
    """What was extracted, by path and content identity. Base and head of one run use the same one."""

    contents: dict[tuple[str, str, str], Contents] = field(default_factory=dict)
    loose: dict[tuple[str, str, str], tuple[object, ...]] = field(default_factory=dict)
    documents: dict[tuple[str, str], tuple[Node | yaml.Broken, ...]] = field(default_factory=dict)
    roots: dict[tuple[str, str], list[object]] = field(default_factory=dict)


@dataclass(slots=True)
class Reader:
    """Reads the files of one tree. `filtered` False parses everything: the contract test compares."""

    tree: Tree
    kinds: Kinds
    shared: Shared
    limits: Limits = DEFAULT
    filtered: bool = True
    _want: Callable[[bytes], bool] = field(init=False)

    def __post_init__(self) -> None:
        self._want = prefilter(self.kinds.words) if self.filtered else _everything

    def resolve(self, path: str) -> str | None:
        """The file that a path names, symlinks followed; None where there is none. Raises OutOfTree."""
        entries = self.tree.entries()
        for _ in range(_LINKS):
            entry = entries.get(path)
            if entry is None:
                path, followed = self._through(path)
                if not followed:
                    return None
                continue
            if entry.kind is EntryKind.FILE:
                return path
            if entry.kind is EntryKind.SUBMODULE:
                raise OutOfTree(f"{path} is a submodule")
            path = self._target(path)
        raise OutOfTree(f"{path} is a symlink in a loop")

    def _target(self, path: str) -> str:
        try:
            target = self.tree.read(path).decode("utf-8", "surrogateescape")
        except Unreadable as error:
            raise OutOfTree(str(error)) from error
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or joined.startswith("../") or joined == "..":
            raise OutOfTree(f"{path} is a symlink that leaves the tree")
        return joined

    def _through(self, path: str) -> tuple[str, bool]:
        """A path through a symlinked directory: the path behind the first link."""
        entries = self.tree.entries()
        parts = path.split("/")
        for count in range(1, len(parts)):
            entry = entries.get("/".join(parts[:count]))
            if entry is not None and entry.kind is EntryKind.SYMLINK:
                return posixpath.join(self._target(entry.path), *parts[count:]), True
            if entry is not None and entry.kind is EntryKind.SUBMODULE:
                raise OutOfTree(f"{entry.path} is a submodule")
        return path, False

    def bytes_of(self, path: str) -> bytes:
        """A file's bytes. Raises Unreadable."""
        entry = self.tree.entries()[path]
        if entry.size is not None and entry.size > self.limits.file_bytes:
            raise Unreadable(f"{path} has {entry.size} bytes, more than {self.limits.file_bytes}")
        content = self.tree.read(path)
        if len(content) > self.limits.file_bytes:
            raise Unreadable(f"{path} has {len(content)} bytes, more than {self.limits.file_bytes}")
        return content

    def contents(self, path: str) -> Contents:
        """The objects of a file that may matter for images."""
        key = (path, self.tree.content_id(path), self.kinds.identity)
        found = self.shared.contents.get(key)
        if found is None:
            found = self.shared.contents[key] = self._read(path)
        return found

    def _read(self, path: str) -> Contents:
        try:
            content = self.bytes_of(path)
        except Unreadable as error:
            return Contents(gaps=(unparsable(Place(path), str(error)),))
        if content.startswith(_LFS):
            return Contents(gaps=(unparsable(Place(path), "a Git LFS pointer: the content is not in the repository"),))
        return read_contents(content, path, self.kinds, self._want, self.limits)

    def documents(self, path: str) -> tuple[Node | yaml.Broken, ...]:
        """Every document of a file, complete: for kustomizations and patches, which are small."""
        key = (path, self.tree.content_id(path))
        found = self.shared.documents.get(key)
        if found is None:
            found = self.shared.documents[key] = self._documents(path)
        return found

    def _documents(self, path: str) -> tuple[Node | yaml.Broken, ...]:
        try:
            content = self.bytes_of(path)
        except Unreadable as error:
            return (yaml.Broken(0, str(error), 0, b""),)
        return complete(content, path, None, self.limits)


def complete(
    content: bytes, path: str, origin: yaml.Origin | None, limits: Limits = DEFAULT
) -> tuple[Node | yaml.Broken, ...]:
    """Every document of a text as nodes, nothing pruned."""
    found: list[Node | yaml.Broken] = []
    for raw in yaml.documents(content, path, origin=origin, limits=limits):
        if isinstance(raw, yaml.Broken):
            found.append(raw)
            continue
        try:
            found.append(yaml.full(raw, yaml.Descent(limits)))
        except yaml.Tangled as error:
            found.append(yaml.Broken(raw.start_mark.line + 1, str(error), 0, b""))
    return tuple(found)


def read_contents(
    content: bytes, path: str, kinds: Kinds, want: Callable[[bytes], bool], limits: Limits = DEFAULT
) -> Contents:
    """The objects of a text that may matter, and what could not be read."""
    held: list[Object] = []
    lines: list[Found] = []
    gaps: list[Gap] = []
    pruner = Pruner(kinds, want, limits)
    for raw in yaml.documents(content, path, want=want, limits=limits):
        if isinstance(raw, yaml.Broken):
            gaps.append(unparsable(Place(path, raw.line), f"not YAML: {raw.why}"))
            lines.extend(_lines(raw, path))
            continue
        try:
            node = pruner.document(raw)
        except yaml.Tangled as error:
            gaps.append(unparsable(Place(path, raw.start_mark.line + 1), str(error)))
            continue
        if node is not None:
            held.extend(objects(node, path))
    return Contents(tuple(held), tuple(lines), tuple(gaps))


def _lines(broken: yaml.Broken, path: str) -> list[Found]:
    return [
        Found(text, Scalar(text, path, broken.first_line + line, column + 1), "image", None, Confidence.LOW)
        for line, column, text in lines_with_image(broken.content)
    ]


def _everything(_content: bytes) -> bool:
    return True


def unparsable(place: Place, why: str) -> Gap:
    """A file, or a document of it, that could not be read: it may hide anything."""
    return Gap(
        place,
        "unparsable file",
        why,
        rule="unparsable-file",
        help="make it valid YAML or JSON, or leave it out with manifests.exclude if nothing deploys it",
    )


def templated(found: Found, place: Place) -> Gap:
    """A reference that a tool fills in later."""
    return Gap(
        place,
        "templated reference",
        f"{found.text!r} is filled in before it is deployed",
        rule="templated-reference",
        help="check the rendered manifests: render them and pipe the result to `auditor check -`",
        image=found.text,
    )


def tangled(item: Object, error: yaml.Tangled) -> Gap:
    """An object whose aliases explode."""
    return unparsable(Place(item.file, item.line), str(error))


__all__ = [
    "Contents",
    "OutOfTree",
    "Reader",
    "Shared",
    "complete",
    "extract",
    "is_template",
    "read_contents",
    "templated",
]
