"""Which images a repository deploys and has deployed, and what the registries say of them.

No host is asked because an image line names it: the rules decide (`inspect`), or the person who adopts names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from auditor.adopt.seen import Sighting
from auditor.answers import Answers, ask, asks
from auditor.config.rules import Rules
from auditor.judge.ask import Ask
from auditor.judge.compare import compare
from auditor.judge.governing import Governing, parse
from auditor.judge.hosts import Hosts
from auditor.limits import DEFAULT, Limits
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.model.reference import Reference
from auditor.model.use import Use
from auditor.source.change import Change
from auditor.world import World


def deployed(change: Change, rules: Rules, world: World, shared: Shared) -> Inventory:
    """What the tree deploys today."""
    return inventory(change.head, rules.manifests, shared, renderers=world.renderers)


def deployed_before(
    change: Change, rules: Rules, shared: Shared, commits: int, limits: Limits = DEFAULT
) -> Mapping[str, tuple[str, ...]]:
    """References that the last commits of this branch deployed, by normalised name, newest first. Nothing is rendered."""
    if change.repository is None:
        return {}
    found: dict[str, dict[str, None]] = {}
    for commit in change.repository.history(commits):
        for use in inventory(change.repository.tree(commit), rules.manifests, shared).uses:
            reference = parse(use.reference)
            if isinstance(reference, Reference):
                mine = found.setdefault(reference.name, {})
                if len(mine) < limits.adopted_references:
                    mine[use.reference] = None
    return {name: tuple(texts) for name, texts in found.items()}


def survey(
    uses: Iterable[Use], before: Mapping[str, tuple[str, ...]], rules: Rules, world: World
) -> tuple[tuple[Sighting, ...], Answers]:
    """A sighting of each image that is deployed and that no entry of `rules` speaks about; and what was asked."""
    governing = Governing(rules)
    today: dict[str, dict[str, Use]] = {}
    for use in uses:
        reference = parse(use.reference)
        if use.deployed and isinstance(reference, Reference) and governing.entry(use) is None:
            today.setdefault(reference.name, {})[use.reference] = use
    wanted = [use for mine in today.values() for use in mine.values()]
    wanted += [
        replace(next(iter(mine.values())), reference=text)
        for name, mine in today.items()
        for text in before.get(name, ())
        if text not in mine
    ]
    answers = ask(_questions(wanted, rules), rules, world)
    hosts = Hosts(rules)
    return tuple(_sighting(name, mine, before, answers, hosts) for name, mine in sorted(today.items())), answers


def _questions(uses: list[Use], rules: Rules) -> list[Ask]:
    """All forms of signatures, wherever the host may be asked."""
    return asks(compare(None, tuple(uses)), rules, signed=True)


def _sighting(
    name: str, mine: Mapping[str, Use], before: Mapping[str, tuple[str, ...]], answers: Answers, hosts: Hosts
) -> Sighting:
    refused = hosts.refusal(name.partition("/")[0])
    if refused:
        refused = f"{name.partition('/')[0]} is not asked: name it with --registry"
    return Sighting(
        name,
        {text: answers.evidence.get(text) for text in mine},
        {text: answers.evidence.get(text) for text in before.get(name, ()) if text not in mine},
        refused or "",
    )
