"""The survey of a tree around what a change touches: kustomizations elsewhere are searched by their bytes, and not parsed.

Upwards from what is touched, every kustomization is read that may name it (`written`), then every one that may load what was
found, up to the entry points. What was not read names nothing touched and loads nothing that does: it deploys the same in all
trees. Downwards, a kustomization is read when it is asked for.

Read as well is what decides about files beside the touched ones (the kustomizations in the directories above these: no other may
load them), and what the touched kustomizations load in one tree and not in another, which may begin or cease to be entry points.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from auditor.config.rules import ManifestSettings
from auditor.manifests.chosen import Chosen
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import NAMES, Kustomization
from auditor.manifests.reach.affected import above, last_names, may_differ, parents, with_parents
from auditor.manifests.reach.layout import Layout, in_chart, is_named, strays
from auditor.manifests.reach.survey import Survey, claimed_by, inverted, kustomization, links_of, reached, submodule
from auditor.manifests.reach.written import Written, surest
from auditor.source.tree import EntryKind

_FLUX: Final = b"kustomize.toolkit.fluxcd.io"
"""What a file with a kustomization's name says that is none, unless its bytes may mean anything."""
_FIRST: Final = re.compile(rb"(?:(?:[ \t]*#[^\n]*|---|[ \t]*)\r?\n)*[A-Za-z]")
"""The first key of a document, at the start of its line: then so are the others."""
_MAY_SAY: Final = re.compile(
    rb"^(?![ \t#]|-(?!--)|---[ \t\r]*$|kind:[ ]+(?:Kustomization|Component)[ \t\r]*$)"
    rb"(?:[^\n]*?(?:kind|items|<<|[?!&*])|(?![a-z]+:[ ])[^\n]*?\{)|\r(?!\n)|[\x80-\xff]",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that is not indented and may say a kind, or a list; and what may begin lines or spell letters in other ways.

What stands in braces after a key (`images: [{name: a}]`) is the key's, and says nothing of the whole.
"""


_STEPS: Final = 64
"""Kustomizations that load one another in a row: above that all of them are parsed, whose cost is known."""
_FILES: Final = 64
"""Files that hold what is looked for: above that what each kustomization loads is looked into."""
_ALL: Final = Chosen(None, None)


def _is_surely(text: bytes) -> bool:
    """Whether the bytes alone tell that a file is a kustomization: nothing in them may say another kind, or list objects."""
    return _FLUX not in text and _FIRST.match(text) is not None and _MAY_SAY.search(text) is None


class Kustomizations(Mapping[str, Kustomization]):
    """Every kustomization of a tree by its directory, each read when it is asked for. `texts`: their bytes, as `Written`."""

    def __init__(self, reader: Reader, texts: Mapping[str, bytes | None]) -> None:
        self._reader = reader
        self._texts = texts
        self._read: dict[str, Kustomization | None] = {}
        self._held: dict[str, bool] = {}

    def __getitem__(self, directory: str) -> Kustomization:
        if directory not in self._texts:
            raise KeyError(directory)
        if directory not in self._read:
            self._read[directory] = kustomization(self._reader, directory)
        found = self._read[directory]
        if found is None:
            raise KeyError(directory)
        return found

    def __contains__(self, directory: object) -> bool:
        if not isinstance(directory, str) or directory not in self._texts:
            return False
        if directory not in self._held:
            text = self._texts[directory]
            self._held[directory] = (text is not None and _is_surely(text)) or self.get(directory) is not None
        return self._held[directory]

    def __iter__(self) -> Iterator[str]:
        return (directory for directory in self._texts if directory in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Links(Mapping[str, frozenset[str]]):
    """The directories that each kustomization loads, each found when it is asked for."""

    def __init__(self, reader: Reader, every: Kustomizations) -> None:
        self._reader = reader
        self._every = every
        self._found: dict[str, frozenset[str]] = {}

    def __getitem__(self, directory: str) -> frozenset[str]:
        if directory not in self._found:
            self._found[directory] = links_of(self._reader, self._every[directory], self._every)
        return self._found[directory]

    def __iter__(self) -> Iterator[str]:
        return iter(self._every)

    def __len__(self) -> int:
        return len(self._every)


class Nearby:
    """One tree of a change. `touched`: the paths that the change touches, by all names that the tree has for them."""

    def __init__(self, reader: Reader, layout: Layout, touched: frozenset[str]) -> None:
        self.reader = reader
        self.layout = layout
        self.touched = touched
        texts = {each: reader.shared.texts[reader.tree.content_id(path)] for each, path in layout.named.items()}
        self.written = Written(texts, layout.links)
        self.every = Kustomizations(reader, texts)
        self.links = Links(reader, self.every)
        self.affected = self._affected()

    def _affected(self) -> frozenset[str]:
        if not self.touched:
            return frozenset()
        paths = with_parents(self.touched)
        names = last_names(paths)
        directories = self.written.naming(paths) | self.written.unnamed() | paths
        items = (self.every[directory] for directory in directories if directory in self.every)
        return self.above(item.directory for item in items if may_differ(item, paths, names))

    def above(self, directories: Iterable[str]) -> frozenset[str]:
        """The directories of kustomizations, and of those that load them, directly or not."""
        fresh = {directory for directory in directories if directory in self.every}
        found = set(fresh)
        for _ in range(_STEPS):
            if not fresh:
                return frozenset(found)
            naming = (each for each in self.written.naming(fresh) if each not in found and each in self.every)
            fresh = {each for each in naming if not self.links[each].isdisjoint(found)}
            found |= fresh
        return above(found, self.links)

    def naming(self, paths: Iterable[str]) -> Iterator[Kustomization]:
        """Every kustomization that may name one of the paths."""
        return (self.every[each] for each in self.written.naming(paths) if each in self.every)

    def making(
        self, holds: Callable[[str], bool], says: Callable[[bytes], bool], most: int | None = _FILES
    ) -> frozenset[str] | None:
        """The directories of kustomizations that may make something, and of those that load them, directly or not.

        That is of those that may name a file which `holds` it, or of which the bytes or whatever else they mean `says` it.
        None where that is not sought, for more than `most` files do.
        """
        files: set[str] = set()
        for path in self._loadable():
            if holds(path):
                files.add(path)
                if most is not None and len(files) > most:
                    return None
        saying = {each for each, text in self.written.texts() if text is None or says(text)}
        files.update(self.layout.named[each] for each in saying)
        return self.above(saying.union(*(self.written.naming([path]) for path in files)))

    def _loadable(self) -> Iterator[str]:
        """Every file that some kustomization may name that is sure of what it names, but for kustomizations themselves."""
        itself = frozenset(self.layout.named.values())
        manifests, words = frozenset(self.layout.files), self.written.words
        targets = frozenset(self._targets())
        for path, entry in self.reader.files.items():
            if entry.kind is not EntryKind.FILE or path in itself:
                continue
            if path in manifests or path in targets or surest(path.rpartition("/")[2]) in words:
                yield path

    def _targets(self) -> Iterator[str]:
        """What symlinks lead to."""
        for link in self.layout.links:
            try:
                target = self.reader.resolve(link)
            except OutOfTree:
                continue
            if target is not None:
                yield target

    def turned(self) -> dict[str, frozenset[str]]:
        """What each touched kustomization loads."""
        directories = {posixpath.dirname(path) or "." for path in self.touched if is_named(path)}
        return {directory: self.links[directory] for directory in directories if directory in self.every}

    def beside(self) -> set[str]:
        """Directories of the files that a touched kustomization loads: without it they may be loose."""
        claimed = (path for directory in self.turned() for path in claimed_by(self.reader, self.every[directory]))
        return {posixpath.dirname(path) for path in claimed}

    def survey(self, settings: ManifestSettings, beside: frozenset[str], turned: Iterable[str]) -> Survey:
        """What the tree says of itself around the change.

        `beside`: the directories whose loose manifests are read. `turned`: what kustomizations load in one tree only.
        """
        chosen, names = Chosen.of(settings), self.layout
        region = self.above((*self.affected, *reached(self.links, (each for each in turned if each in self.every))))
        holders = {each or "." for each in (*beside, *parents(beside), ".")} | self.turned().keys()
        claimed = {each: claimed_by(self.reader, self.every[each]) for each in sorted(holders) if each in self.every}
        return Survey(
            self.every,
            self.links,
            tuple(sorted(region)),
            names.charts_of(chosen),
            (*names.files, *strays(names, self.every, chosen)),
            claimed,
            inverted(claimed),
            names.chart_files,
            names.templates,
            tuple(gap for gap in map(submodule, names.submodules) if gap.place.file in chosen),
            beside,
            self,
        )

    def may_deploy(self, known: Collection[Layout]) -> Iterator[str]:
        """Files that may hold what deploys by rules of its own; where a tree of the same layout is known, what is other here."""
        manifests = frozenset((*self.layout.files, *strays(self.layout, self.every, _ALL)))
        if not any(self.layout is each for each in known):
            yield from manifests
            yield from self._others(manifests)
            return
        yield from self.touched & manifests
        yield from self._may_be_loaded(path for path in self.touched - manifests if path in self.reader.files)
        for directory in self.turned():
            yield from claimed_by(self.reader, self.every[directory])

    def _others(self, manifests: frozenset[str]) -> Iterator[str]:
        """What is no manifest by its name, in a chart, or a kustomization, and may be loaded as one all the same."""
        for directory in self.written.directories:
            if self.written.is_unsure(directory) and directory in self.every:
                yield from claimed_by(self.reader, self.every[directory])
        names = () if self.written.holding(NAMES) else NAMES
        paths = (path for path in self.reader.files if path not in manifests and path.rpartition("/")[2] not in names)
        yield from self._may_be_loaded(paths)

    def _may_be_loaded(self, paths: Iterable[str]) -> Iterator[str]:
        """Those of the files that a kustomization of their directory, or of one above it, may name."""
        users: dict[str, tuple[str, ...]] = {}
        for path in paths:
            directory, _, name = path.rpartition("/")
            if directory not in users:
                users[directory] = tuple(each for each in _upwards(directory) if each in self.every)
            may_be = any(self.written.says(each, name) for each in users[directory])
            if may_be and self.reader.files[path].kind is not EntryKind.SUBMODULE:
                yield path


def _upwards(directory: str) -> Iterator[str]:
    """A directory and all above it."""
    if directory:
        yield directory
        yield from parents([directory])
    yield "."


def is_plain(reader: Reader, layout: Layout, settings: ManifestSettings) -> bool:
    """Whether all kustomizations of a tree are files, chosen, and no parts of charts: then each counts for all it loads."""
    chosen = Chosen.of(settings)
    return all(
        reader.files[path].kind is EntryKind.FILE and path in chosen and not in_chart(path, layout.real)
        for path in layout.named.values()
    )
