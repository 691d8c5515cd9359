"""What of a reached entry point need not be read, because every tree of the change has the same of it.

A root that only puts others together (resources, names and labels) deploys of each what that one deploys by itself. Where the
change reaches neither the way from the root to a resource nor the resource, its uses and gaps are the same in all trees. They
still decide whether a reference that the change brings is new in the root: so what may make a reference that differs (`asked`)
is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from auditor.manifests.entry import Entries
from auditor.manifests.extract.parameters import BY_GROUP
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import scalars
from auditor.manifests.reach.composed import Composed, composed
from auditor.manifests.reach.reach import Reach
from auditor.manifests.text import mentions, plain, versions
from auditor.source.tree import Unreadable

_PUTS_TOGETHER: Final = frozenset(
    (
        "apiVersion",
        "bases",
        "buildMetadata",
        "commonAnnotations",
        "commonLabels",
        "kind",
        "labels",
        "metadata",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "resources",
        "sortOptions",
    )
)
"""Fields of a kustomization that do the same to each object, whatever else is loaded."""
_FILLED: Final = tuple(f"{group}/".encode() for group in BY_GROUP)
"""Words of what gets parts of a reference from elsewhere: tasks and workflows."""
_OBJECTS: Final = re.compile(rb"objects[\"']?\s*(?:#[^\n]*\n\s*)*:")
_TEMPLATE: Final = re.compile(rb"kind[\"']?\s*:[^\n,}]{0,80}\bTemplate\b", re.ASCII)
"""An OpenShift template, which gets them from its parameters, and lists what it makes under this key."""
_COPYING: Final = b"replacements"
_WRITTEN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_GOING_ON: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
"""What a name that is looked for goes on with: a piece that is cut out before one of these is the end of a longer name."""
_END: Final = rb"(?![a-z0-9_-])"
_UNWRITTEN: Final = "latest"
"""The tag that a name gets where nothing says one."""


class _Needed(Struct, frozen=True):
    """What must be written somewhere for a reference to be made: the last part of its name, and its tag or digest.

    The tag with `-` for `+`; it is empty where none need be written.
    """

    name: bytes
    tag: bytes

    def within(self, held: Container[bytes], made: Composed) -> bool:
        """Whether both are there, or may be put together of several texts."""
        return self._is_named(held, made.joints) and self._is_tagged(held, made)

    def _is_named(self, held: Container[bytes], joints: frozenset[str]) -> bool:
        if self.name in held or not joints:
            return self.name in held
        return not self.name.isascii() or not joints.isdisjoint(_GOING_ON.union(self.name.decode()))

    def _is_tagged(self, held: Container[bytes], made: Composed) -> bool:
        return not self.tag or self.tag in held or made.tags or not made.joints.isdisjoint(self.tag.decode())


@dataclass(slots=True)
class Spare:
    """What one reading of one tree leaves out. `asked`: the references that nothing left out may make."""

    reader: Reader
    found: Entries
    within: Reach
    touched: frozenset[str]
    _asking: str = field(init=False)
    _needed: frozenset[_Needed] = field(init=False)
    _names: dict[bytes, re.Pattern[bytes]] = field(init=False)
    _tags: frozenset[bytes] = field(init=False)
    _making: Callable[[bytes], bool] = field(init=False)
    _groups: tuple[bytes, ...] = field(init=False)
    _makers: frozenset[str] | None = field(init=False)

    def __post_init__(self) -> None:
        self._asking = f"spared{sorted(self.within.asked)}"
        self._needed = frozenset(map(needed, self.within.asked))
        self._names = {one.name: re.compile(re.escape(one.name) + _END) for one in self._needed}
        self._tags = frozenset(one.tag for one in self._needed if one.tag)
        making = self.reader.kinds.making(frozenset(self._names)) if self._needed else frozenset()
        self._making = mentions(making)
        # A kind of whatever group is made by a text that says any version.
        groups = (next((word for word in each if word.endswith(b"/")), b"") for each in making)
        self._groups = tuple({*_FILLED, *groups})
        self._makers = self._made_somewhere()

    @property
    def identity(self) -> str:
        """What tells what was read in this way from the rest in a cache."""
        return self._asking

    def of(self, root: str) -> Spare | None:
        """This, where a root may be read in part. What leaves nothing out is read once, whatever is asked for."""
        item = self.found.kustomizations.get(root) if root in self.within.roots else None
        return None if item is None else self.below(item)

    def below(self, kustomization: Kustomization) -> Spare | None:
        """This, where what a kustomization loads may be left out: nothing that it does depends on what it loads."""
        plainly = all(key in _PUTS_TOGETHER for key, _ in kustomization.node.entries)
        return self if plainly and not kustomization.problems and kustomization.path not in self.touched else None

    def leaves_file(self, path: str) -> bool:
        """Whether a file that is loaded need not be read."""
        return path not in self.touched and (not self._needed or not self._may_make([self._held(path)], Composed()))

    def leaves_directory(self, directory: str) -> bool:
        """Whether a kustomization that is loaded need not be read, nor what it loads."""
        affected = self.found.affected
        if affected is None or directory in affected or directory not in self.found.kustomizations:
            return False
        if not self._needed or (self._makers is not None and directory not in self._makers):
            return True
        return not self._may_make_of(self._closure(directory))

    def _made_somewhere(self) -> frozenset[str] | None:
        """The kustomizations of which alone one of the references may come; None where each is to be looked at."""
        near = self.found.near
        return None if near is None or not self._needed else near.making(self._may_hold, self._may_say)

    def _may_hold(self, path: str) -> bool:
        """Whether a file holds a name, or may make a reference of what it does not say; looked for once for all trees."""
        name, shared = self.reader.tree.content_id(path), self.reader.shared
        key, known = (name, self._asking), shared.naming
        if key not in known:
            try:
                text: bytes | None = self.reader.bytes_of(path)
            except Unreadable:
                text = None
            if text is not None and name not in shared.plain:
                text = plain(text)
            known[key] = text is None or bool(self._named(text)) or self._makes(text)
        return known[key]

    def _may_say(self, text: bytes) -> bool:
        """Whether a kustomization, whose bytes mean nothing else, says a name, or may put one together."""
        return _COPYING in text or bool(self._named(text)) or self._makes(text)

    def _named(self, text: bytes) -> list[bytes]:
        """The names in a text."""
        return [name for name, pattern in self._names.items() if name in text and pattern.search(text) is not None]

    def _makes(self, text: bytes) -> bool:
        """Whether a text may make a reference of what it does not say."""
        said = versions(text)
        unsure = said is None or any(group in said for group in self._groups)
        if unsure and (any(group in text for group in _FILLED) or self._making(text)):
            return True
        templated = b"parameters" in text and _OBJECTS.search(text) is not None
        return templated and _TEMPLATE.search(text) is not None

    def _closure(self, directory: str) -> Iterator[Kustomization]:
        known, waiting = {directory}, [directory]
        while waiting:
            here = waiting.pop()
            yield self.found.kustomizations[here]
            fresh = self.found.links.get(here, frozenset()) - known
            known |= fresh
            waiting += fresh

    def _may_make_of(self, kustomizations: Iterable[Kustomization]) -> bool:
        """Whether kustomizations may make one of the references together, of whatever they name."""
        made = Composed()
        held: list[frozenset[bytes] | None] = []
        for item in kustomizations:
            made |= composed(item)
            held += self._held_by(item)
        return made.anything or self._may_make(held, made)

    def _may_make(self, held: Iterable[frozenset[bytes] | None], made: Composed) -> bool:
        """Whether texts may make one of the references together: of what they say, or (None) of what they do not say."""
        words: set[bytes] = set()
        for each in held:
            if each is None:
                return True
            words |= each
        return any(one.within(words, made) for one in self._needed)

    def _held_by(self, item: Kustomization) -> Iterator[frozenset[bytes] | None]:
        """What stands in a kustomization, and in whatever it names."""
        texts = [scalar.text for scalar in scalars(item.node)]
        yield self._words("\n".join(texts).encode("utf-8", "surrogatepass"))
        yield from map(self._held, self._files(item.directory, texts))

    def _files(self, directory: str, texts: Iterable[str]) -> Iterator[str]:
        for each in texts:
            for text in (each, each.partition("=")[2]):
                if text and "\n" not in text:
                    try:
                        path = self.reader.resolve(join(directory, text))
                    except OutOfTree:
                        continue
                    if path is not None:
                        yield path

    def _held(self, path: str) -> frozenset[bytes] | None:
        """The words that a file holds, read once for all trees."""
        key, known = (self.reader.tree.content_id(path), self._asking), self.reader.shared.words
        if key not in known:
            try:
                known[key] = self._words(self.reader.bytes_of(path))
            except Unreadable:
                known[key] = None
        return known[key]

    def _words(self, content: bytes) -> frozenset[bytes] | None:
        """The names and tags in a text; None where it may make a reference of what it does not say."""
        text = plain(content)
        if text is None or self._makes(text):
            return None
        held = self._named(text)
        if held:
            text = text.replace(b"+", b"-")
        return frozenset((*held, *(tag for tag in self._tags if tag in text)))


def needed(text: str) -> _Needed:
    """What no reference is made without."""
    rest, _, digest = text.partition("@")
    tag = digest.partition(":")[2] if digest else rest.rpartition("/")[2].partition(":")[2]
    tag = tag.replace("+", "-")
    said = tag if _WRITTEN.fullmatch(tag) and tag != _UNWRITTEN else ""
    return _Needed(last_name(text).encode("utf-8", "surrogateescape"), said.encode())


def last_name(text: str) -> str:
    """What no field but one holds of a reference: the last part of its name.

    >>> last_name("ghcr.io/acme/api:1.0@sha256:00")
    'api'
    """
    return text.partition("@")[0].rpartition("/")[2].partition(":")[0]
