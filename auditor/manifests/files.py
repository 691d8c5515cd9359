"""Files of a tree → objects, once per path and content: what base and head share is read once."""

from __future__ import annotations

import dataclasses
import hashlib
import posixpath
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct, field

from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.manifests.contents import Contents, Pieces, complete, read_contents, unparsable
from auditor.manifests.extract.kinds import Kinds
from auditor.manifests.inside import opened
from auditor.manifests.nodes import Node
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import prefilter
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Use
from auditor.source.tree import Entry, EntryKind, Tree, Unreadable, expect

MANIFESTS: Final = (".yaml", ".yml", ".json")
_LFS: Final = (
    b"version https://git-lfs.github.com/spec/v1",
    b"version https://hawser.github.com/spec/v1",
    b"version http://git-media.io/v/2",
)
"""How a pointer of Git LFS begins, under all the names that it had (git-lfs, lfs/pointer.go)."""
_BELOW: Final = "/**"
_LINKS: Final = 16
"""Symlinks followed in a row."""


class Part(Struct, frozen=True):
    """What one root or one loose file deploys. `seen`: everything that was looked at, by path and content identity."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    seen: tuple[tuple[str, str], ...] = ()
    exact: str | None = None
    """The root, where a program built it: its uses are all there are, and none too many."""
    partial: bool = False
    """Something was left out of it (`auditor.manifests.reach.spare`): another reading may leave out less."""


class OutOfTree(Exception):  # noqa: N818 - a fact about one path, turned into a gap by whoever asked
    """A path or symlink that leaves the tree, loops, or leads nowhere. The message says which."""


class Shared(Struct):
    """What was extracted, by path and content identity. Base and head of one run use the same one."""

    differing: frozenset[str] = frozenset()
    """Paths whose content is not the same in all trees of a change: documents that their versions share are read once."""
    contents: dict[tuple[str, str, str], Contents] = field(default_factory=dict)
    pieces: dict[tuple[str, str], Pieces] = field(default_factory=dict)
    documents: dict[tuple[str, str], tuple[Node | yaml.Broken, ...]] = field(default_factory=dict)
    roots: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    built: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    """What kustomizations of one tree make, for the others (`auditor.manifests.kustomize.built`)."""
    deployers: dict[str, bool] = field(default_factory=dict)
    """Whether a file may hold an object that deploys directories, by content identity."""
    plain: set[str] = field(default_factory=set)
    """Content identities of manifests whose bytes are what they mean (`auditor.manifests.text.plain`)."""
    texts: dict[str, bytes | None] = field(default_factory=dict)
    """The bytes of kustomizations to look for names in, by content identity; None: any name may stand there."""
    holding: dict[tuple[bytes, ...], dict[str, bytes]] = field(default_factory=dict)
    """The files that hold one of these words, by content identity, with their content (`auditor.manifests.holding`)."""
    words: dict[tuple[str, str], frozenset[bytes] | None] = field(default_factory=dict)
    """What of a list of words a file holds, by content identity and list (`auditor.manifests.reach.spare`)."""
    signs: dict[str, dict[bytes, int]] = field(default_factory=dict)
    """The line of what tells a program or template, by content identity and pattern (`auditor.manifests.beyond.untold`)."""
    naming: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether a file may make a reference of such a list, or name a part of one."""
    _prefilters: dict[str, Callable[[bytes], bool]] = field(default_factory=dict)
    _directories: dict[int, tuple[Tree, frozenset[str]]] = field(default_factory=dict)
    _symlinks: dict[int, tuple[Tree, tuple[str, ...]]] = field(default_factory=dict)

    def prefilter(self, table: Kinds) -> Callable[[bytes], bool]:
        """The test that refuses only what cannot hold an image, made once for a table."""
        if table.identity not in self._prefilters:
            self._prefilters[table.identity] = prefilter(table.words)
        return self._prefilters[table.identity]

    def symlinks(self, tree: Tree) -> tuple[str, ...]:
        """Every symlink of a tree, which is kept as well."""
        if id(tree) not in self._symlinks:
            found = (path for path, entry in tree.entries().items() if entry.kind is EntryKind.SYMLINK)
            self._symlinks[id(tree)] = tree, tuple(found)
        return self._symlinks[id(tree)][1]

    def directories(self, tree: Tree) -> frozenset[str]:
        """Every directory of a tree; `.` is the top. The tree is kept, so that no other one gets its `id`."""
        if id(tree) not in self._directories:
            names = tree.entries().keys()
            alike = (known for other, known in self._directories.values() if other.entries().keys() == names)
            self._directories[id(tree)] = tree, next(alike, frozenset()) or _parents(names)
        return self._directories[id(tree)][1]


@dataclasses.dataclass(slots=True)
class Reader:
    """Reads the files of one tree. `filtered` False parses everything: the contract test compares."""

    tree: Tree
    kinds: Kinds
    shared: Shared
    limits: Limits = DEFAULT
    filtered: bool = True
    files: Mapping[str, Entry] = dataclasses.field(init=False)
    _want: Callable[[bytes], bool] = dataclasses.field(init=False)
    _directories: frozenset[str] = dataclasses.field(init=False)
    _seen: dict[str, str] = dataclasses.field(default_factory=dict)
    _sorted: list[str] = dataclasses.field(default_factory=list)
    _below: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._want = self.shared.prefilter(self.kinds) if self.filtered else _everything
        self.files = self.tree.entries()
        self._directories = self.shared.directories(self.tree)

    @contextmanager
    def tracing(self) -> Iterator[dict[str, str]]:
        """Everything that is looked at inside the block: content identity by path, empty where there is nothing."""
        outer, self._seen = self._seen, {}
        try:
            yield self._seen
        finally:
            inner, self._seen = self._seen, outer
            self._seen.update(inner)

    def note(self, seen: Mapping[str, str]) -> None:
        """Count what was looked at earlier among what is looked at now."""
        self._seen.update(seen)

    def identity(self, path: str) -> str:
        """What stands at a path: its content identity, or nothing. With a slash at its end: whether there is a directory."""
        if path.endswith(_BELOW):
            return self._identity_below(path.removesuffix(_BELOW))
        if path.endswith("/"):
            return "directory" if path[:-1] in self._directories else ""
        entry = self.files.get(path)
        if entry is None or entry.kind is EntryKind.SUBMODULE:
            return ""
        # A file that becomes a symlink may keep its bytes.
        return f"{entry.kind.value}:{self.tree.content_id(path)}"

    def _identity_below(self, directory: str) -> str:
        known = self._below.get(directory)
        if known is None:
            hashed = hashlib.sha256()
            for path in self._paths_below(directory):
                hashed.update(f"{path}\0{self.identity(path)}\0".encode("utf-8", "surrogateescape"))
            known = self._below[directory] = hashed.hexdigest()
        return known

    def below(self, directory: str) -> list[str]:
        """Every path below a directory (`.`: all), symlinks not followed."""
        self._seen[f"{directory}{_BELOW}"] = self._identity_below(directory)
        return self._paths_below(directory)

    def _paths_below(self, directory: str) -> list[str]:
        if not self._sorted:
            self._sorted = sorted(self.files)
        start = "" if directory == "." else f"{directory}/"
        first = bisect_left(self._sorted, start)
        # No character sorts after the last one of Unicode.
        return self._sorted[first : bisect_left(self._sorted, f"{start}\U0010ffff", first)]

    def reaches(self, paths: frozenset[str] | None) -> bool:
        """Whether anything that was looked at in this block is, or is above, one of these paths; None is any path."""
        if paths is None:
            return True
        above = tuple(path.removesuffix(_BELOW) for path in self._seen if path.endswith(_BELOW))
        return any(
            path in self._seen or any(top == "." or path.startswith(f"{top}/") for top in above) for path in paths
        )

    def _look(self, path: str) -> Entry | None:
        if path not in self._seen:
            self._seen[path] = self.identity(path)
        return self.files.get(path)

    def with_links(self, paths: frozenset[str]) -> frozenset[str]:
        """The paths, and every other path by which a symlink leads to one of them."""
        links = self.shared.symlinks(self.tree)
        found = set(paths)
        for _ in range(_LINKS if links else 0):
            more = {alias for link in links for alias in self._aliases(link, found)} - found
            if not more:
                break
            found |= more
        return frozenset(found)

    def _aliases(self, link: str, paths: set[str]) -> Iterator[str]:
        try:
            target = self.target(link)
        except OutOfTree:
            return
        start = "" if target == "." else f"{target}/"
        for path in paths:
            # A link to a directory above itself leads to ever longer names for the same files.
            if path == target or (path.startswith(start) and not path.startswith(f"{link}/")):
                yield posixpath.normpath(f"{link}/{path[len(start) :]}") if path != target else link

    def directory(self, path: str) -> str | None:
        """The directory that a path names, symlinks followed; None where there is none. Raises OutOfTree."""
        for _ in range(_LINKS):
            self._seen[f"{path}/"] = self.identity(f"{path}/")
            if path in self._directories:
                return path
            entry = self._look(path)
            if entry is not None and entry.kind is EntryKind.SYMLINK:
                path = self.target(path)
                continue
            path, followed = self._through(path)
            if not followed:
                return None
        raise OutOfTree(f"{path} is a symlink in a loop")

    def resolve(self, path: str) -> str | None:
        """The file that a path names, symlinks followed; None where there is none. Raises OutOfTree."""
        for _ in range(_LINKS):
            entry = self._look(path)
            if entry is None:
                path, followed = self._through(path)
                if not followed:
                    return None
                continue
            if entry.kind is EntryKind.FILE:
                return path
            if entry.kind is EntryKind.SUBMODULE:
                raise OutOfTree(f"{path} is a submodule")
            path = self.target(path)
        raise OutOfTree(f"{path} is a symlink in a loop")

    def target(self, path: str) -> str:
        """Where a symlink leads: a path of the tree, whether or not anything stands there. Raises OutOfTree."""
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
        parts = path.split("/")
        for count in range(1, len(parts)):
            entry = self._look("/".join(parts[:count]))
            if entry is not None and entry.kind is EntryKind.SYMLINK:
                return posixpath.join(self.target(entry.path), *parts[count:]), True
            if entry is not None and entry.kind is EntryKind.SUBMODULE:
                raise OutOfTree(f"{entry.path} is a submodule")
        return path, False

    def bytes_of(self, path: str) -> bytes:
        """A file's bytes. Raises Unreadable, also where they are not in the repository."""
        entry = self.files[path]
        if entry.size is not None and entry.size > self.limits.file_bytes:
            raise Unreadable(f"{path} has {entry.size} bytes, more than {self.limits.file_bytes}")
        content = self.tree.read(path)
        if len(content) > self.limits.file_bytes:
            raise Unreadable(f"{path} has {len(content)} bytes, more than {self.limits.file_bytes}")
        if content.startswith(_LFS):
            raise Unreadable(f"{path} is a Git LFS pointer: the content is not in the repository")
        return content

    def contents(self, path: str, *, unfiltered: bool = False) -> Contents:
        """The objects of a file that may matter for images; `unfiltered`: every object, for patches that look for one."""
        want = _everything if unfiltered else self._want
        how = f"{want is _everything}{self.kinds.identity}"
        key = (path, self.tree.content_id(path), how)
        found = self.shared.contents.get(key)
        if found is None:
            pieces = self.shared.pieces.setdefault((path, how), {}) if path in self.shared.differing else None
            found = self.shared.contents[key] = self._read(path, want, pieces)
        return found

    def _read(self, path: str, want: Callable[[bytes], bool], pieces: Pieces | None) -> Contents:
        try:
            content = self.bytes_of(path)
        except Unreadable as error:
            return Contents(gaps=(unparsable(Place(path), str(error)),))
        return read_contents(content, path, Pruner(self.kinds, want, self.limits), pieces)

    def with_texts(self, node: Node, name: str = "") -> Node:
        """A complete node with what is of interest in its texts. `name`: the key it stands under."""
        return opened(node, Pruner(self.kinds, self._want, self.limits, 1), name)

    def expect_documents(self, paths: Iterable[str]) -> None:
        """The documents of these files will be read soon, in this order."""
        files = (path for path in paths if self.files[path].kind is EntryKind.FILE)
        expect(self.tree, [path for path in files if (path, self.tree.content_id(path)) not in self.shared.documents])

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


def _parents(paths: Iterable[str]) -> frozenset[str]:
    """Every directory of a tree; `.` is the top."""
    found = {"."}
    for directory in {posixpath.dirname(f"{holder}/") for holder in {path.rpartition("/")[0] for path in paths}}:
        here = directory
        while here.strip("/") and here not in found:  # a tree made by hand may hold a name that starts with a slash
            found.add(here)
            here = posixpath.dirname(here)
    return frozenset(found)


def _everything(_content: bytes) -> bool:
    return True
