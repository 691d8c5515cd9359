"""What the trees of a change deploy, read so that they can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings, Rules
from auditor.judge.compare import Comparison, common, compare, surviving
from auditor.judge.findings.gaps import Touched
from auditor.judge.governing import Governing
from auditor.judge.ignores import Ignores, excused
from auditor.manifests.graph.origins import moved, revalued
from auditor.manifests.ignores import ignores
from auditor.manifests.inventory import Inventory, Shared, comparable, inventory
from auditor.manifests.reach.reach import Reach, reach
from auditor.manifests.render.tools import Renderers
from auditor.manifests.result import turned
from auditor.manifests.trees import read_trees
from auditor.model.gap import Gap
from auditor.model.use import Use
from auditor.source.change import Change
from auditor.source.differ import differing
from auditor.source.tree import Tree, is_below

NARROW: Final = "only what the change can reach was read: images elsewhere are not listed"
"""What a report says of a run that left out what cannot gate."""


class Reading(Struct, frozen=True):
    """What each merge base, base's tip (None where it is the merge base) and head deploy, below `scope`.

    `changed` are the paths that differ between head and any merge base, None without a base.
    """

    before: tuple[Inventory, ...]
    tip: Inventory | None
    after: Inventory
    changed: frozenset[str] | None
    gaps: tuple[Gap, ...]
    scope: str
    notes: tuple[str, ...] = ()

    def compared(self, rules: Rules) -> Comparison:
        """What the change newly deploys. After a criss-cross merge only what all merge bases have is old."""
        after = in_scope(self.after.uses, self.scope)
        known = None
        if self.before:
            known = common(tuple(in_scope(comparable(each, self.after), self.scope) for each in self.before))
            if self.tip is not None:
                tip = in_scope(self.tip.uses, self.scope)
                known = surviving(known, tip, after, self.changed or frozenset())
        return compare(known, after, Governing(rules).label)

    def beside(self, more: Callable[[Tree], tuple[Use, ...]], change: Change) -> Reading:
        """The same with the uses that another reading finds in each of the trees."""

        def joined(found: Inventory, tree: Tree) -> Inventory:
            uses = more(tree)
            return replace(found, uses=(*found.uses, *uses)) if uses else found

        before = tuple(joined(each, tree) for each, tree in zip(self.before, change.merge_bases, strict=True))
        tip = self.tip if self.tip is None or change.base is None else joined(self.tip, change.base)
        return replace(self, before=before, tip=tip, after=joined(self.after, change.head))

    def ignores(self, change: Change, comparison: Comparison) -> Ignores:
        """The comments that ask to ignore findings: head's, and what base's say of the same uses.

        Without a base, or in files that the change may newly deploy or has touched; what it leaves alone says what it said.
        """
        changed = self.changed or frozenset()
        kept = (use for use in comparison.kept if use.place.file in changed)
        uses = (*comparison.added, *kept)
        head = ignores(change.head, (use.place.file for use in uses))
        if change.base is None:
            return Ignores(head, uses=uses)
        if not self.before:  # base's rules judge a head that is compared with nothing: nobody knows what base excuses
            return Ignores(head, {})
        base = ignores(change.base, {each.place.file for each in head})
        texts = frozenset((each.place.file, each.text) for each in base)
        return Ignores(head, excused(self._base(change).uses, base, comparison.added), texts, uses)

    def _base(self, change: Change) -> Inventory:
        """What base's tip deploys."""
        if self.tip is not None:
            return self.tip
        labels = [tree.label for tree in change.merge_bases]
        return self.before[labels.index(change.base.label) if change.base else 0]

    @property
    def touched(self) -> Touched | None:
        """What the change touches; None where everything gates."""
        if self.changed is None:
            return None
        return Touched(self.changed, tuple(gap for each in self.before for gap in each.gaps))


def read_change(change: Change, rules: Rules, renderers: Renderers | None, *, changed_only: bool = False) -> Reading:
    """Read every tree of a change; what they share is read once. `changed_only`: only what the change can reach."""
    changed = _changed(change)
    shared = Shared(differing=changed or frozenset())
    rendered = changed if renderers else None
    programs = renderers is not None
    within, notes = _within(change, rules.manifests, shared, rendered=programs) if changed_only else (None, ())

    def read(tree: Tree, before: Inventory | None, within: Reach | None) -> Inventory:
        return inventory(
            tree, rules.manifests, shared, before=before, within=within, renderers=renderers, changed=rendered
        )

    tip = None if change.base is None or _is_merge_base(change.base, change) else change.base
    found = read_trees(change.merge_bases, tip, change.head, read, within)
    after = found.after
    gaps = (*after.gaps, *_turned(change, found.before, after, changed or frozenset()), *turned(found.before, after))
    return Reading(found.before, found.tip, after, changed, gaps_in_scope(gaps, change.scope), change.scope, notes)


def _within(
    change: Change, settings: ManifestSettings, shared: Shared, *, rendered: bool
) -> tuple[Reach | None, tuple[str, ...]]:
    """What the change reaches, or None where all is read; and what the report says of it."""
    if not change.merge_bases:
        return None, ("everything was read: without a base there is no change",)
    others = tuple(dict.fromkeys((*change.merge_bases, *((change.base,) if change.base is not None else ()))))
    touched = frozenset().union(*(differing(tree, change.head) for tree in others))
    found = reach((*others, change.head), settings, shared, touched, rendered=rendered)
    if isinstance(found, Reach):
        return found, (NARROW,)
    return None, (f"everything was read, not only what the change touches: {found}",)


def _turned(change: Change, before: tuple[Inventory, ...], after: Inventory, changed: frozenset[str]) -> Iterator[Gap]:
    """What the change makes a deployer deploy that is not in this tree."""
    yield from moved(change.merge_bases, change.head, changed)
    yield from revalued(change.head, after.gaps, changed, (gap for each in before for gap in each.gaps))


def _changed(change: Change) -> frozenset[str] | None:
    """Paths that differ between head and any of the merge bases; None where everything is judged.

    As for uses: only what is the same in all of them is old.
    """
    if not change.merge_bases:
        return None
    return frozenset().union(*(differing(tree, change.head) for tree in change.merge_bases))


def _is_merge_base(base: Tree, change: Change) -> bool:
    return any(tree.label == base.label for tree in change.merge_bases)


def in_scope(uses: Iterable[Use], scope: str) -> tuple[Use, ...]:
    """The uses whose root, or else whose file, is what was asked for."""
    return tuple(use for use in uses if is_below(use.place.file, scope) or is_below(use.root or "", scope))


def gaps_in_scope(gaps: Iterable[Gap], scope: str) -> tuple[Gap, ...]:
    """The gaps whose file or root is what was asked for."""
    return tuple(gap for gap in gaps if is_below(gap.place.file, scope) or is_below(gap.root or "", scope))
