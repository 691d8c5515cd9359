"""What `auditor pin` does, on one page: what a tree deploys by tag, what the registries and the rules say of it, and the edits."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from auditor.answers import ask, asks
from auditor.config.rules import Pinned, Rules
from auditor.edit.pins import Plan, is_unpinned, plan
from auditor.fetching import rendering
from auditor.judge.compare import Comparison, compare
from auditor.judge.findings.gaps import gap_findings
from auditor.judge.governing import Governing
from auditor.judge.judge import Judged, judge
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.render.tools import Renderers
from auditor.model.finding import Finding
from auditor.model.reference import Digest
from auditor.model.use import Use
from auditor.model.verdict import Verdict
from auditor.reading import gaps_in_scope, in_scope
from auditor.rules_file import RulesFile
from auditor.source.change import Change
from auditor.source.tree import Tree, is_below
from auditor.world import World


class Unpinned(Struct, frozen=True):
    """The uses that deploy an image by its tag, and what the reading could not see: it may hide more of them."""

    uses: tuple[Use, ...]
    holes: tuple[Finding, ...]


class Pinning(Struct, frozen=True):
    """What is pinned and what is not. `unjudged` are those of the latter of which nobody could tell anything."""

    plan: Plan
    left: Mapping[Use, str]
    unjudged: frozenset[Use]
    holes: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def find_unpinned(change: Change, rules_file: RulesFile, world: World) -> Unpinned:
    """What the tree deploys by tag, `pinned: ignore` left out. Asks no registry."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today, world.shared_rules)
    with world.watch.lap("manifests"), rendering(world, rules) as renderers:
        found = _read(change.head, rules, Shared(), renderers)
    return Unpinned(_unpinned(found, change, rules), _holes(found, change, rules))


def pin(change: Change, rules_file: RulesFile, world: World, *, whatever: bool = False) -> Pinning:
    """Plan the pins of a working tree. `whatever`: also of images that no rule accepts. Nothing is written.

    A revoked image is pinned by nobody.
    """
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today, world.shared_rules)
    with rendering(world, rules) as renderers:
        shared = Shared()
        with world.watch.lap("manifests"):
            found = _read(change.head, rules, shared, renderers)
        comparison = compare(None, _unpinned(found, change, rules))
        answers = ask(asks(comparison, rules, signed=whatever), rules, world)
        judged = judge(comparison, answers.evidence, rules, world.today)
        wishes, left = _wishes(judged, comparison, whatever=whatever)
        with world.watch.lap("edits"):
            planned = plan(
                change.head,
                found,
                wishes,
                lambda file: is_below(file, change.scope),
                lambda tree: _read(tree, rules, shared, renderers),
            )
    unjudged = frozenset(
        each.use for image in judged.images for each in image.uses if image.verdict is Verdict.UNJUDGED
    )
    kept = {**left, **planned.left}
    return Pinning(planned, kept, unjudged & kept.keys(), _holes(found, change, rules), answers.notes)


def _read(tree: Tree, rules: Rules, shared: Shared, renderers: Renderers | None) -> Inventory:
    return inventory(tree, rules.manifests, shared, renderers=renderers)


def _unpinned(found: Inventory, change: Change, rules: Rules) -> tuple[Use, ...]:
    governing = Governing(rules)

    def wanted(use: Use) -> bool:
        entry = governing.entry(use)
        return is_unpinned(use) and (entry is None or entry.pinned is not Pinned.IGNORE)

    return tuple(use for use in in_scope(found.uses, change.scope) if wanted(use))


def _holes(found: Inventory, change: Change, rules: Rules) -> tuple[Finding, ...]:
    return tuple(gap_findings(gaps_in_scope(found.gaps, change.scope), None, rules))


def _wishes(judged: Judged, comparison: Comparison, *, whatever: bool) -> tuple[dict[Use, Digest], dict[Use, str]]:
    """The digest that each use wants, and why the others want none."""
    denied = {each.image for each in judged.findings if each.rule == "denied-image"}
    wishes: dict[Use, Digest] = {}
    left: dict[Use, str] = dict.fromkeys(comparison.added, "it was not judged")
    for image in judged.images:
        for use in (each.use for each in image.uses):
            if image.reference in denied:
                left[use] = "it is revoked"
            elif image.digest is None or not (whatever or image.verdict is Verdict.VERIFIED):
                left[use] = f"{image.verdict or 'not judged'}: {image.reason}" if image.reason else f"{image.verdict}"
            else:
                wishes[use] = image.digest
                left.pop(use, None)
    return wishes, left
