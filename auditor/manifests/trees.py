"""The trees of one change, read so that they can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct

from auditor.manifests.reach.reach import Reach
from auditor.manifests.reach.spare import last_name
from auditor.manifests.result import Inventory
from auditor.model.gap import Gap
from auditor.model.use import Use
from auditor.source.tree import Tree

_T = TypeVar("_T")
MOST: Final = 32
"""Names that are looked for in what is left out: for more of them it is read, which costs no more."""
Read: TypeAlias = Callable[[Tree, Inventory | None, Reach | None], Inventory]
"""Reads a tree: with what base deploys, where it is head's, and within what is reached, None for all of it."""


class Trees(Struct, frozen=True):
    """What each merge base, base's tip (None where it is a merge base) and head deploy."""

    before: tuple[Inventory, ...]
    tip: Inventory | None
    after: Inventory


def read_trees(bases: tuple[Tree, ...], tip: Tree | None, head: Tree, read: Read, within: Reach | None) -> Trees:
    """Read every tree of a change, and nothing that is the same in all of them where `within` says so.

    What was left out at first is read where it decides whether a reference is new (`asked`).
    """
    found = _read(bases, tip, head, read, within)
    if within is None or not within.roots:
        return found
    closer = asked((*found.before, *((found.tip,) if found.tip else ()), found.after), within)
    return found if closer == within else _read(bases, tip, head, read, closer)


def _read(bases: tuple[Tree, ...], tip: Tree | None, head: Tree, read: Read, within: Reach | None) -> Trees:
    before = tuple(read(tree, None, within) for tree in bases)
    after = read(head, before[0] if before else None, within)
    return Trees(before, None if tip is None else read(tip, None, within), after)


def asked(read: Iterable[Inventory], within: Reach) -> Reach:
    """What to read beside what was read, so that what differs between the trees is what would differ if all were read.

    A reference is asked for where a root has it in one tree, and not so in another. A gap may stand in what is left out too,
    as what loads the same file: where such a one differs, nothing is left out.
    """
    inventories = tuple(read)
    differing_gaps = _differing({_said(gap) for gap in each.gaps} for each in inventories)
    if not within.alone_holds(file for file, _ in differing_gaps):
        return dataclasses.replace(within, roots=frozenset())
    differing = _differing({_key(use) for use in each.uses if use.root in within.roots} for each in inventories)
    references = frozenset(reference for reference, _ in differing)
    many = len({last_name(reference) for reference in references}) > MOST
    return dataclasses.replace(within, roots=frozenset()) if many else dataclasses.replace(within, asked=references)


def _differing(sets: Iterable[set[_T]]) -> set[_T]:
    """What is in some of the sets, and not in all."""
    every = tuple(sets)
    return set().union(*every) - every[0].intersection(*every)


def _said(gap: Gap) -> tuple[str, Hashable]:
    """All that is said of a gap but its line."""
    return gap.place.file, (gap.place.key_path, gap.what, gap.why, gap.rule, gap.root, gap.image)


def _key(use: Use) -> tuple[str, Hashable]:
    """The reference of a use, and all that may decide who governs it and what it is the same as."""
    home = (use.root, use.place.file, use.workload, use.container)
    return use.reference, (home, use.deployed, use.sort, use.confidence, use.overrides, use.bare_number)
