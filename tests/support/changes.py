"""What gates of a change, read whole or only where the change reaches."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings, Rules
from auditor.judge.compare import compare
from auditor.judge.findings.gaps import Touched, gap_findings
from auditor.manifests.graph.origins import moved, revalued
from auditor.manifests.inventory import Inventory, Shared, comparable, inventory
from auditor.manifests.reach.reach import Reach, reach
from auditor.manifests.render.tools import Renderers
from auditor.manifests.result import turned
from auditor.manifests.trees import read_trees
from auditor.model.finding import Finding
from auditor.model.use import Use
from auditor.source.differ import differing
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree


class Gating(Struct, frozen=True):
    """New uses, what each takes the place of, and findings for what could not be read. `why` everything was read.

    `beside`: what is no part of a use's identity, and decides who governs it.
    """

    added: frozenset[Use]
    previous: frozenset[tuple[Use, Use]]
    findings: frozenset[Finding]
    roots: tuple[str, ...]
    beside: frozenset[tuple[Use, tuple[str, ...], bool]] = frozenset()
    why: str = ""

    def same(self, other: Gating) -> bool:
        """Whether the same gates. Of the entry points one may know fewer: those that matter to no change are not looked for."""
        few, many = sorted((frozenset(self.roots), frozenset(other.roots)), key=len)
        return few <= many and replace(self, why="", roots=()) == replace(other, why="", roots=())


def gating(base: Mapping[str, bytes], head: Mapping[str, bytes], *, narrow: bool) -> Gating:
    """Read the change from `base` to `head`."""
    return gating_of(MemoryTree(base, "base"), MemoryTree(head, "head"), narrow=narrow)


def gating_of(base: Tree, head: Tree, *, narrow: bool, programs: Renderers | None = None) -> Gating:
    """Read the change from one tree to the other, rendered by these programs."""
    trees, touched = (base, head), differing(base, head)
    shared, settings = Shared(differing=touched), ManifestSettings()
    found = reach(trees, settings, shared, touched, rendered=programs is not None) if narrow else "asked for"
    changed = touched if programs else None
    within, why = (None, found) if isinstance(found, str) else (found, "")

    def read(tree: Tree, before: Inventory | None, within: Reach | None) -> Inventory:
        return inventory(tree, settings, shared, before=before, within=within, renderers=programs, changed=changed)

    both = read_trees(trees[:1], None, trees[1], read, within)
    before, after = both.before[0], both.after
    change = compare(comparable(before, after), after.uses)
    elsewhere = (*moved((base,), head, touched), *revalued(head, after.gaps, touched, before.gaps))
    gaps = (*after.gaps, *elsewhere, *turned((before,), after))
    found_gaps = gap_findings(gaps, Touched(touched, before.gaps), Rules(source=""))
    beside = frozenset((use, use.deployers, use.superset) for use in change.added)
    return Gating(
        frozenset(change.added), frozenset(change.previous.items()), frozenset(found_gaps), after.roots, beside, why
    )
