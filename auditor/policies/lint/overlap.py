"""Two policies of one engine that match an image, and no signer satisfies both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from auditor.model.finding import Finding
from auditor.model.use import Use
from auditor.policies.lint.coverage import Coverage

RULE = "policy-overlap"


def check(coverages: Sequence[Coverage], uses: Sequence[Use]) -> Iterator[Finding]:
    """Every policy that matches must pass: such an image needs two signatures."""
    texts = sorted({use.reference for use in uses})
    told = [each for each in coverages if each.signers is not None]
    for one, other in combinations(told, 2):
        if one.engine is not other.engine or (one.signers or frozenset()) & (other.signers or frozenset()):
            continue
        both = next((text for text in texts if one.speaks_about(text) and other.speaks_about(text)), None)
        if both is not None:
            message = f"{both} is matched by {one.subject.title} as well, and no signer satisfies both"
            yield other.subject.finding(RULE, other.where, message, "narrow one of the two, or sign such images twice")
