"""An image of this tree that no policy of an engine in use matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.config.levels import DEFAULT_LEVELS
from auditor.model.finding import Finding
from auditor.model.use import Sort, Use
from auditor.policies.lint.coverage import Coverage
from auditor.policies.ruling import Engine

RULE = "policy-gap"
_NAMES = {Engine.KYVERNO: "Kyverno", Engine.POLICY_CONTROLLER: "policy-controller"}
_THEN = {
    Engine.KYVERNO: "Kyverno lets it in unseen",
    Engine.POLICY_CONTROLLER: "the controller's no-match-policy decides, deny unless it is set",
}


def check(coverages: Sequence[Coverage], uses: Sequence[Use]) -> Iterator[Finding]:
    """One finding for each place and engine."""
    for engine in sorted({each.engine for each in coverages}):
        own = [each for each in coverages if each.engine is engine]
        known: dict[str, bool] = {}
        for use in uses:
            if use.sort is not Sort.IMAGE or not use.deployed:
                continue
            if use.reference not in known:
                known[use.reference] = any(each.speaks_about(use.reference) for each in own)
            if not known[use.reference]:
                yield _finding(engine, use)


def _finding(engine: Engine, use: Use) -> Finding:
    return Finding(
        RULE,
        DEFAULT_LEVELS[RULE],
        f"no policy of {_NAMES[engine]} matches {use.reference}: {_THEN[engine]}",
        "add its repository to a policy",
        use.place,
        image=use.reference,
        root=use.root,
        owner=f"{use.owner}#{engine}",
    )
