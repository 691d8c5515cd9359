"""The whole house on one page: source → manifests → registry → signatures → judge.

Everything that is not in a tree is given by `World`: the environment, the time, the bounds. Each function returns a `Report`
and prints nothing.
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from auditor.answers import ask, asks
from auditor.enforcement import enforced
from auditor.fetching import rendering
from auditor.gather import Listings
from auditor.judge.findings.guards import guard_changes
from auditor.judge.findings.settings import policy_changes
from auditor.judge.images import inventory_images
from auditor.judge.judge import judge
from auditor.manifests.inventory import inventory
from auditor.model.report import Report
from auditor.reading import gaps_in_scope, in_scope, read_change
from auditor.results import report_of, run_of
from auditor.rules_file import RulesFile
from auditor.source.change import Change
from auditor.source.links import read_file
from auditor.world import World

# ── what is deployed ─────────────────────────────────────────────────────────────────────────────────────────────────────


def take_inventory(change: Change, rules_file: RulesFile, world: World, *, every: bool = False) -> Report:
    """Every image that the tree deploys. Asks nobody, but for charts where the run fetches them."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today, world.shared_rules)
    with world.watch.lap("manifests"), rendering(world, rules) as renderers:
        found = inventory(change.head, rules.manifests, every=every, renderers=renderers)
    uses = in_scope(found.uses, change.scope)
    return Report(
        run=run_of("images", change, world),
        images=inventory_images(uses),
        gaps=gaps_in_scope(found.gaps, change.scope),
        empty=not uses,
    )


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(change: Change, rules_file: RulesFile, world: World, *, changed_only: bool = False) -> Report:
    """Judge what a change newly deploys by base's rules; without a base, everything by the tree's own.

    `changed_only`: read only what the change can reach. What gates is the same.
    """
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today, world.shared_rules)
    with world.watch.lap("manifests"), rendering(world, rules) as renderers:
        reading = read_change(change, rules, renderers, changed_only=changed_only)
    with world.watch.lap("policies"):
        policies = enforced(change.base or change.head, rules, world.versions)
        listings = Listings(policies.repositories)
        comparison = reading.beside(policies.charts, change).compared(rules)
    asked = asks(comparison, rules, enforced=policies)
    table = policies.table(comparison.added, listings, rules, world.now)
    # Raw signatures are half of what a run holds of an image: they are kept only for policies that examine them.
    answers = ask(asked, rules, world, listings=listings if table else None, table=table)
    with world.watch.lap("judging"):
        changed = reading.changed or frozenset()
        changes = (
            *rules_file.changes(rules, changed, world.today, world.shared_rules),
            *policy_changes(rules, policies.files, changed),
            *guard_changes(
                rules, partial(read_file, change.base or change.head), partial(read_file, change.head), changed
            ),
        )
        judged = judge(
            comparison,
            answers.evidence,
            rules,
            world.today,
            gaps=reading.gaps,
            touched=reading.touched,
            others=(*rules.findings, *changes),
            policies=table.rows(answers.evidence) if table else {},
            ignores=reading.ignores(change, comparison),
        )
    report = replace(
        report_of(run_of("check", change, world, answers, reading.notes), judged, world),
        gaps=reading.gaps,
        empty=change.base is None and not comparison.added,
    )
    return policies.gate(report, rules, world.today)
