"""Digests for the images of a tree → the edits that pin them, proven before anything is written.

1. The uses of one line become one edit there, if all of them want the same digest and the line is in what was asked for.
   Otherwise each kustomization that wants it gets an entry under `images:`.
2. The edited tree is read again. Whatever deploys something else than wanted has its edit done another way, or taken back.
3. What was parsed before and after may differ only in the scalars that were meant.

What is not edited is told with its line.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.edit.documents import Index, differences, index
from auditor.edit.entries import image_entry
from auditor.edit.overlay import Overlaid
from auditor.edit.sites import ByHand, Site, Way
from auditor.edit.splice import Splice, spliced
from auditor.manifests.result import Inventory
from auditor.model.gap import Gap
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.model.use import Sort, Use
from auditor.source.tree import EntryKind, Tree, Unreadable

KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_ROUNDS: Final = 6
"""Readings of the edited tree: each place has at most three ways to be written."""
_ELSEWHERE: Final = "what is deployed would not be this digest"

Home: TypeAlias = tuple[str | None, str]
"""Root, and workload with container: what may deploy a reference."""


class Plan(Struct, frozen=True):
    """The splices by file, the bytes that they are meant for, the uses that they pin, and those that stay, with the reason."""

    splices: Mapping[str, tuple[Splice, ...]]
    before: Mapping[str, bytes]
    pinned: Mapping[Use, Digest]
    left: Mapping[Use, str]


def is_unpinned(use: Use) -> bool:
    """Whether a use deploys an image by a tag, or by nothing."""
    if not use.deployed or use.sort is not Sort.IMAGE:
        return False
    try:
        return Reference.parse(use.reference).digest is None
    except InvalidReference:
        return False


def plan(
    tree: Tree,
    before: Inventory,
    wishes: Mapping[Use, Digest],
    inside: Callable[[str], bool],
    read: Callable[[Tree], Inventory],
) -> Plan:
    """How to pin these uses. `inside` tells which files may be edited; `read` reads a tree as `before` was read."""
    attempts = _Attempts(tree, inside)
    attempts.collect(before, wishes)
    for _ in range(_ROUNDS):
        files = attempts.edited()
        if not files:
            break
        wrong = _wrong(before, read(Overlaid(tree, files)), attempts.pinned())
        if not wrong:
            break
        attempts.turn_down(wrong)
    else:
        attempts.give_up()
    return Plan(attempts.splices(), attempts.before(), attempts.pinned(), attempts.left)


class _Attempt(Struct):
    """One place, the ways to write the digest there that are left, and the uses that it is meant for."""

    file: str
    ways: list[Way]
    uses: tuple[Use, ...]
    digest: Digest


class _Attempts(Struct):
    tree: Tree
    inside: Callable[[str], bool]
    left: dict[Use, str] = field(default_factory=dict)
    _open: list[_Attempt] = field(default_factory=list)
    _texts: dict[str, tuple[bytes, Index]] = field(default_factory=dict)
    _proven: dict[str, tuple[Splice, ...]] = field(default_factory=dict)

    def collect(self, before: Inventory, wishes: Mapping[Use, Digest]) -> None:
        """The first way for each place."""
        places: dict[tuple[str, int, int], list[Use]] = defaultdict(list)
        for use in before.uses:
            if is_unpinned(use):
                places[use.place.file, use.place.line, use.place.column].append(use)
        for uses in places.values():
            wanted = tuple(use for use in uses if use in wishes)
            digests = {wishes[use] for use in wanted}
            if not wanted:
                continue
            if len({each.reference for each in uses}) > 1:
                self.left.update(dict.fromkeys(wanted, "several images are made from the text there"))
            elif len(wanted) == len(uses) and len(digests) == 1 and self.inside(uses[0].place.file):
                self._try(wanted, digests.pop(), self._at_place)
            else:
                for use in _one_for_each_root(wanted):
                    group = tuple(each for each in wanted if (each.root, each.reference) == (use.root, use.reference))
                    self._try(group, wishes[use], self._in_kustomization)

    def _try(
        self,
        uses: tuple[Use, ...],
        digest: Digest,
        ways: Callable[[tuple[Use, ...], Digest], tuple[str, tuple[Way, ...]]],
    ) -> None:
        try:
            file, found = ways(uses, digest)
        except ByHand as error:
            self.left.update(dict.fromkeys(uses, str(error)))
        else:
            self._open.append(_Attempt(file, list(found), uses, digest))

    def _at_place(self, uses: tuple[Use, ...], digest: Digest) -> tuple[str, tuple[Way, ...]]:
        file = uses[0].place.file
        return file, Site(*self._text(file), uses, digest).ways()

    def _in_kustomization(self, uses: tuple[Use, ...], digest: Digest) -> tuple[str, tuple[Way, ...]]:
        root = uses[0].root
        names = [posixpath.normpath(f"{root}/{name}") for name in KUSTOMIZATIONS] if root is not None else []
        file = next((name for name in names if name in self.tree.entries()), None)
        if file is None or not self.inside(file):
            raise ByHand("its line is used by others too, or is outside of what was asked for")
        return file, (image_entry(*self._text(file), uses[0].reference, digest),)

    def _text(self, file: str) -> tuple[bytes, Index]:
        """A file that may be edited. Raises ByHand."""
        if file not in self._texts:
            entry = self.tree.entries().get(file)
            if entry is None or entry.kind is not EntryKind.FILE:
                raise ByHand("it is not in a plain file of this tree")
            try:
                content = self.tree.read(file)
            except Unreadable as error:
                raise ByHand(str(error)) from error
            self._texts[file] = content, index(content, file)
        return self._texts[file]

    def edited(self) -> dict[str, bytes]:
        """The files after the edits, without those edits that change more than they should."""
        files = {}
        for file, attempts in self._by_file().items():
            content, found = self._texts[file]
            good = attempts
            splices = _splices(attempts)
            if self._proven.get(file) != splices and not _only_meant(content, found, file, attempts):
                good = [each for each in attempts if _only_meant(content, found, file, [each])]
                if not _only_meant(content, found, file, good):
                    good = []
                self._refuse([each for each in attempts if each not in good], "the file would say more than that")
            if good:
                self._proven[file] = _splices(good)
                files[file] = spliced(content, self._proven[file])
        return files

    def _by_file(self) -> dict[str, list[_Attempt]]:
        grouped: dict[str, list[_Attempt]] = defaultdict(list)
        for each in self._open:
            grouped[each.file].append(each)
        return grouped

    def turn_down(self, wrong: frozenset[Home]) -> None:
        """Try the next way for every edit at the homes that went `wrong`. If none is at them, any edit may be the cause: for all."""
        guilty = [each for each in self._open if any(_home(use) in wrong for use in each.uses)] or list(self._open)
        self._refuse(guilty, _ELSEWHERE)

    def give_up(self) -> None:
        """After too many readings."""
        self._refuse([*self._open], _ELSEWHERE, last=True)

    def _refuse(self, attempts: Iterable[_Attempt], why: str, *, last: bool = False) -> None:
        for each in attempts:
            each.ways.pop(0)
            if last or not each.ways:
                self._open.remove(each)
                self.left.update(dict.fromkeys(each.uses, why))

    def splices(self) -> dict[str, tuple[Splice, ...]]:
        """What is left of the edits, by file."""
        return {file: _splices(attempts) for file, attempts in sorted(self._by_file().items())}

    def before(self) -> dict[str, bytes]:
        """The bytes of the files that are edited, as they were read for it."""
        return {file: self._texts[file][0] for file in self._by_file()}

    def pinned(self) -> dict[Use, Digest]:
        """The uses that the edits are meant to pin."""
        return {use: each.digest for each in self._open for use in each.uses}


def _one_for_each_root(uses: tuple[Use, ...]) -> Iterator[Use]:
    yield from {(use.root, use.reference): use for use in uses}.values()


def _only_meant(content: bytes, found: Index, file: str, attempts: list[_Attempt]) -> bool:
    """Whether the parsed file differs only where the edits say so: as many scalars, each by a digest that is meant."""
    try:
        after = index(spliced(content, _splices(attempts)), file)
    except ValueError:
        return False
    changes = differences(found, after)
    if changes is None:
        return False
    digests = [part for each in attempts for part in (f"@{each.digest}", str(each.digest), each.digest.hex)]
    added = [change.new for change in changes if change.old is None]
    ways = [each.ways[0] for each in attempts]
    meant = [way.adds for way in ways if way.adds or way.item] + ["images"] * any(way.opens for way in ways)
    texts = [change for change in changes if change.old is not None]
    return (
        all(_without(change.new or "", digests) == _without(change.old or "", digests) for change in texts)
        and sorted(map(str, added)) == sorted(map(str, meant))
        and len(texts) <= len(attempts)
    )


def _splices(attempts: Iterable[_Attempt]) -> tuple[Splice, ...]:
    """The first way of each; what is put at the same place opens a new section once."""
    ways = sorted(
        (each.ways[0] for each in attempts), key=lambda way: (way.splice.start, way.splice.end, way.splice.text)
    )
    opened: set[int] = set()
    splices = []
    for way in ways:
        splice = way.splice
        if way.opens and splice.start not in opened:
            opened.add(splice.start)
            splice = replace(splice, text=way.opens + splice.text)
        splices.append(splice)
    return tuple(splices)


def _without(text: str, parts: Iterable[str]) -> str:
    for part in parts:
        text = text.replace(part, "")
    return text


def _wrong(before: Inventory, after: Inventory, pinned: Mapping[Use, Digest]) -> frozenset[Home]:
    """What would deploy something else than now, but for the digests that are wanted; or could not be read any more."""
    expected, found = defaultdict(set), defaultdict(set)
    for use in before.uses:
        if use.deployed:
            expected[_home(use)].add(_said(use.reference, pinned.get(use)))
    for use in after.uses:
        if use.deployed:
            found[_home(use)].add(_said(use.reference, None))
    wrong = {home for home in expected.keys() | found.keys() if expected.get(home) != found.get(home)}
    if new := {_hole(gap) for gap in after.gaps} - {_hole(gap) for gap in before.gaps}:
        files = {file for file, *_ in new}
        wrong |= {_home(use) for use in pinned if use.root in {root for _, root, *_ in new} or use.place.file in files}
        wrong = wrong or {(None, "")}
    return frozenset(wrong)


def _home(use: Use) -> Home:
    return use.root, use.owner


def _said(text: str, digest: Digest | None) -> str:
    """A reference as far as it decides what is deployed: by its digest, else as it is written."""
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return text
    digest = digest or reference.digest
    return f"{reference.name}@{digest}" if digest else text


def _hole(gap: Gap) -> tuple[str, str | None, str, str | None]:
    return gap.place.file, gap.root, gap.rule or gap.what, gap.image
