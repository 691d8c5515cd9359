"""One tree → what it deploys, and everything of it that judging needs: work that depends on nothing but the tree.

What comes out stands alone: whoever judges it needs neither the repository nor git, and whoever keeps it can judge it again as
long as the tree and the settings are the same. It holds no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from msgspec import Struct

from auditor.config.rules import Rules
from auditor.enforcement import Enforced, enforced
from auditor.model.gap import Gap
from auditor.model.ignore import Ignore
from auditor.model.place import Place
from auditor.model.use import Use
from auditor.policies.cursor import Mistake
from auditor.policies.found import Found, find_policies
from auditor.rules_file import Loaded
from auditor.source.change import Change
from auditor.source.links import read_file
from auditor.source.memory import Kept, MemoryTree, contents
from auditor.source.tree import Unreadable
from auditor.world import World


class Extract(Struct, frozen=True):
    """What a tree deploys: uses, gaps, and comments that ask to ignore findings.

    `rules` are the files that its rules are made of, `policies` those that hold the cluster's policies and what they refer to,
    `mistakes` what could not be read of these.
    """

    commit: str | None
    uses: tuple[Use, ...] = ()
    gaps: tuple[Gap, ...] = ()
    comments: tuple[Ignore, ...] = ()
    rules: tuple[Kept, ...] = ()
    policies: tuple[Kept, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    renderers: Mapping[str, str | None] | None = None
    notes: tuple[str, ...] = ()


class Extracted(Struct, frozen=True):
    """An extract, with what was made on the way."""

    extract: Extract
    rules: Rules
    policies: Enforced


def extract(change: Change, loaded: Loaded, world: World) -> Extracted:
    """Read the tree of `change` by its rules. Raises SourceError for what cannot be read at all."""
    # On most nights most trees are as they were: asking does not wait until what reads the others is loaded.
    from auditor.fetching import rendering  # noqa: PLC0415
    from auditor.manifests.ignores import ignores  # noqa: PLC0415
    from auditor.reading import in_scope, read_change  # noqa: PLC0415

    rules = loaded.rules
    with rendering(world, rules) as renderers:
        reading = read_change(change, rules, renderers)
    policies = enforced(change.head, rules, world.versions)
    reading = reading.beside(policies.charts, change)
    uses = in_scope(reading.after.uses, reading.scope)
    rule = bool(policies.policies or policies.rego)
    mistakes = [*policies.found.mistakes] if rule else []
    kept = tuple(_files(change, sorted(policies.found.files), mistakes)) if rule else ()
    found = Extract(
        change.head_commit,
        uses,
        reading.gaps,
        ignores(change.head, {use.place.file for use in uses}),
        loaded.files,
        kept,
        tuple(mistakes),
        dict(world.renderers.used) if world.renderers else None,
        (*change.notes, *reading.notes, *(world.renderers.notes if world.renderers else ())),
    )
    return Extracted(found, rules, policies)


def policies_of(found: Extract, rules: Rules) -> Found:
    """The cluster's policies, from the files that it keeps."""
    if not found.policies:
        return Found((), mistakes=found.mistakes)
    kept = find_policies(MemoryTree(contents(found.policies), found.commit or "policies"), rules.policies)
    return replace(kept, mistakes=found.mistakes)


def _files(change: Change, paths: Iterable[str], mistakes: list[Mistake]) -> Iterable[Kept]:
    """What is there; of what cannot be read, that it cannot."""
    for path in paths:
        try:
            content = read_file(change.head, path)
        except Unreadable as error:
            content = None
            if path not in {each.place.file for each in mistakes}:
                mistakes.append(Mistake(Place(path), f"the file cannot be read: {error}"))
        if content is not None:
            yield Kept(path, content)
