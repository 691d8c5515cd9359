"""The whole house on one page: source → manifests → registry → signatures → judge.

Everything that is not in a tree is given by `World`: the environment, the time, the bounds. Each function returns a `Report`
and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from auditor.answers import Answers, ask, asks
from auditor.config.files import Read
from auditor.config.load import load_rules
from auditor.config.rules import RegistrySettings, Rules
from auditor.enforcement import enforced
from auditor.errors import ConfigurationError, SourceError
from auditor.gather import Listings
from auditor.judge.compare import Comparison, common, compare, surviving
from auditor.judge.file import judge_file
from auditor.judge.findings.gaps import Touched
from auditor.judge.findings.settings import policy_changes, rule_changes
from auditor.judge.governing import Governing
from auditor.judge.images import inventory_images
from auditor.judge.judge import Judged, judge
from auditor.manifests.graph.origins import moved, revalued
from auditor.manifests.inventory import Inventory, Shared, comparable, inventory
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.reference import Digest, Reference
from auditor.model.report import Report, Run
from auditor.model.use import Use, Via
from auditor.source.change import Change
from auditor.source.differ import differing
from auditor.source.tree import Tree
from auditor.version import __version__
from auditor.world import World

if TYPE_CHECKING:
    from auditor.registry.material import Registry

COMMAND_LINE = Place("command line")
"""Where a reference stands that nobody wrote into a file."""
_NO_RENDERERS: Final[Mapping[str, str | None]] = MappingProxyType({"helm": None, "kustomize": None})
"""Trees are read by this program alone."""


@dataclass(frozen=True, slots=True)
class RulesFile:
    """Where the rules are read from: by `read`, at `path` (None: at the usual names).

    `head` reads the same files as the change would leave them, to tell what it changes in them; None where nothing can.
    `old` read them as they were when the change began: what is as it was there, a merge leaves as it is in base.
    """

    read: Read
    path: str | None = None
    head: Read | None = None
    old: tuple[Read, ...] = ()

    def load(self, today: date) -> Rules:
        """The rules that judge this run. Raises ConfigurationError."""
        return load_rules(self.read, self.path, today=today)

    def changes(self, rules: Rules, touched: frozenset[str], today: date) -> tuple[Finding, ...]:
        """What the change does to the rules that judge it."""
        if self.head is None:
            return ()
        try:
            after: Rules | str = load_rules(self.head, self.path, today=today)
        except ConfigurationError as error:
            after = "; ".join(str(problem) for problem in error.problems[:3])
        except SourceError as error:
            after = error.message
        found = rule_changes(rules, after, touched)
        if isinstance(after, str):
            return found
        return tuple(each for each in found if each.place is None or self._is_changed(each.place.file))

    def _is_changed(self, path: str) -> bool:
        """Whether the change, and not base since it began, made this file what it is."""
        try:
            return self.head is None or not self.old or any(old(path) != self.head(path) for old in self.old)
        except SourceError:
            return True


# ── what is deployed ─────────────────────────────────────────────────────────────────────────────────────────────────────


def take_inventory(change: Change, rules_file: RulesFile, world: World, *, every: bool = False) -> Report:
    """Every image that the tree deploys. Asks nobody."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today)
    with world.watch.lap("manifests"):
        found = inventory(change.head, rules.manifests, every=every, renderers=world.renderers)
    uses = _in_scope(found.uses, change.scope)
    return Report(
        run=_run("images", change, world),
        images=inventory_images(uses),
        gaps=_gaps_in_scope(found.gaps, change.scope),
        empty=not uses,
    )


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(change: Change, rules_file: RulesFile, world: World) -> Report:
    """Judge what a change newly deploys by base's rules; without a base, everything by the tree's own."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today)
    with world.watch.lap("manifests"):
        shared = Shared()
        read = partial(inventory, settings=rules.manifests, shared=shared, renderers=world.renderers)
        changed = _changed(change)
        reach = changed if world.renderers else None
        before = tuple(read(tree, changed=reach) for tree in change.merge_bases)
        after = read(change.head, before=before[0] if before else None, changed=reach)
        tip = None if change.base is None or _is_merge_base(change.base, change) else read(change.base, changed=reach)
        uses = _Uses(before, tip, after, changed or frozenset())
        gaps = (*after.gaps, *_turned(change, after, changed or frozenset()))
    comparison = _compare(uses, change.scope, rules)
    with world.watch.lap("policies"):
        policies = enforced(change.base or change.head, rules, world.versions)
        listings = Listings(policies.repositories)
    answers = ask(asks(comparison, rules, enforced=bool(policies.policies)), rules, world, listings=listings)
    with world.watch.lap("judging"):
        changes = (
            *rules_file.changes(rules, changed or frozenset(), world.today),
            *policy_changes(rules, policies.files, changed or frozenset()),
        )
        judged = judge(
            comparison,
            answers.evidence,
            rules,
            world.today,
            gaps=_gaps_in_scope(gaps, change.scope),
            touched=_touched(changed, before),
            others=(*rules.findings, *changes),
            policies=policies.rule(comparison.added, answers.evidence, listings, rules, world.now),
        )
    report = replace(
        _report(_run("check", change, world, answers), judged, world),
        gaps=_gaps_in_scope(gaps, change.scope),
        empty=change.base is None and not comparison.added,
    )
    return policies.gate(report, rules, world.today)


def _turned(change: Change, after: Inventory, changed: frozenset[str]) -> Iterator[Gap]:
    """What the change makes a deployer deploy that is not in this tree."""
    yield from moved(change.merge_bases, change.head, changed)
    yield from revalued(change.head, after.gaps, changed)


def _changed(change: Change) -> frozenset[str] | None:
    """Paths that differ between head and any of the merge bases; None where everything is judged.

    As for uses: only what is the same in all of them is old.
    """
    if not change.merge_bases:
        return None
    return frozenset().union(*(differing(tree, change.head) for tree in change.merge_bases))


def _is_merge_base(base: Tree, change: Change) -> bool:
    return any(tree.label == base.label for tree in change.merge_bases)


@dataclass(frozen=True, slots=True)
class _Uses:
    """What each merge base, base's tip (None where it is the merge base) and head deploy, and the paths that differ."""

    before: tuple[Inventory, ...]
    tip: Inventory | None
    after: Inventory
    changed: frozenset[str]


def _compare(uses: _Uses, scope: str, rules: Rules) -> Comparison:
    after = _in_scope(uses.after.uses, scope)
    known = (
        common(tuple(_in_scope(comparable(each, uses.after), scope) for each in uses.before)) if uses.before else None
    )
    if known is not None and uses.tip is not None:
        known = surviving(known, _in_scope(uses.tip.uses, scope), after, uses.changed)
    return compare(known, after, Governing(rules).label)


def _touched(changed: frozenset[str] | None, before: tuple[Inventory, ...]) -> Touched | None:
    return None if changed is None else Touched(changed, tuple(gap for each in before for gap in each.gaps))


# ── single images ────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_references(references: tuple[str, ...], change: Change, rules_file: RulesFile, world: World) -> Report:
    """Judge references from the command line by the tree's rules."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today)
    judged, answers = _judge_references(references, rules, world)
    return _report(_run("check", change, world, answers), judged, world)


def verify(references: tuple[str, ...], rules: Rules, world: World) -> Report:
    """Everything known about each reference, judged by `rules`. One that no rule speaks about makes the run incomplete."""
    judged, answers = _judge_references(references, rules, world, whatever=True)
    described = tuple(
        replace(each, level=Level.INCOMPLETE) if each.rule == "uncovered-image" else each for each in judged.findings
    )
    run = Run(
        "verify",
        ", ".join(references),
        world.now,
        __version__,
        seconds=world.watch.seconds,
        trust=answers.trust,
        notes=answers.notes,
    )
    return _report(run, replace(judged, findings=described), world)


def verify_file(name: str, artifact: bytes | Digest, bundle: bytes, rules: Rules, world: World) -> Report:
    """What a bundle proves about a file (or its digest), judged by the one signer of `rules`. No registry is asked."""
    from auditor.signatures.trust import load_trust  # noqa: PLC0415
    from auditor.signatures.verify import Verifier  # noqa: PLC0415

    with world.watch.lap("trust and signature"):
        trust = load_trust(rules.trust, now=world.now, offline=world.offline)
        signature = Verifier(trust, rules.keys).verify_file(bundle, artifact)
    digest = artifact if isinstance(artifact, Digest) else Digest.of(artifact)
    judged = judge_file(Use(name, COMMAND_LINE, via=Via.ARGUMENT), digest, signature, rules)
    run = Run("verify", name, world.now, __version__, seconds=world.watch.seconds, trust=trust.used, notes=trust.notes)
    return _report(run, judged, world)


def _judge_references(
    references: Iterable[str], rules: Rules, world: World, *, whatever: bool = False
) -> tuple[Judged, Answers]:
    """`whatever`: ask about each reference, also where no rule needs to know. `oci:PATH` is every image of that layout."""
    references, layouts, rules = _in_layouts(tuple(references), rules)
    uses = tuple(Use(text, COMMAND_LINE, via=Via.ARGUMENT) for text in dict.fromkeys(references))
    comparison = compare(None, uses)
    answers = ask(asks(comparison, rules, whatever=whatever), rules, world, layouts)
    with world.watch.lap("judging"):
        return judge(comparison, answers.evidence, rules, world.today), answers


def _in_layouts(
    references: tuple[str, ...], rules: Rules
) -> tuple[tuple[str, ...], Mapping[Reference, Registry], Rules]:
    """The images of layouts, who answers for each, and rules that let them be asked about: the folder is asked, no host."""
    if not any(text.startswith("oci:") for text in references):
        return references, {}, rules
    from auditor.registry.beside import open_references  # noqa: PLC0415

    found, layouts = open_references(references)
    named = {image.host: RegistrySettings(image.host) for image in layouts} | dict(rules.registries)
    return found, layouts, replace(rules, registries=named)


# ── shared ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_scope(uses: Iterable[Use], scope: str) -> tuple[Use, ...]:
    """The uses whose root, or else whose file, is what was asked for."""
    return tuple(use for use in uses if _below(use.place.file, scope) or _below(use.root or "", scope))


def _gaps_in_scope(gaps: Iterable[Gap], scope: str) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if _below(gap.place.file, scope) or _below(gap.root or "", scope))


def _below(path: str, scope: str) -> bool:
    return not scope or path == scope or path.startswith(f"{scope}/")


def _run(command: str, change: Change, world: World, answers: Answers | None = None) -> Run:
    answers = answers or Answers()
    return Run(
        command=command,
        target=change.scope or ".",
        started=world.now,
        version=__version__,
        base=change.base_commit,
        merge_base=change.merge_base_commit,
        head=change.head_commit,
        seconds=world.watch.seconds,
        renderers=dict(world.renderers.used) if world.renderers else _NO_RENDERERS,
        trust=answers.trust,
        notes=(*change.notes, *answers.notes),
    )


def _report(run: Run, judged: Judged, world: World) -> Report:
    return Report(run, judged.images, judged.findings, fail_on=world.fail_on, exit_zero=world.exit_zero)
