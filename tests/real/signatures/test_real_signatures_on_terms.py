"""Third-party signatures on another program's strict terms: what the recipe takes is taken, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditor.model.evidence import Signed
from auditor.signatures.enforcer import Accepted, Stamps, Terms, examine
from auditor.signatures.recipe import Recipe
from tests.support.signatures import RealCase, needs_real_data, real_cases, real_root, real_verifier

pytestmark = [pytest.mark.real, needs_real_data]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("case", real_cases(), ids=lambda case: case.id)
def test_strict_terms_are_no_kinder_than_the_recipe(case: RealCase) -> None:
    terms = Terms(Recipe(real_root(case.root)), NOW, stamps=Stamps.TAKEN)
    for material in case.materials():
        ours = real_verifier(case.root).verify(material, case.digest)
        theirs = examine(material, case.digest, terms)
        if isinstance(theirs, Accepted):
            assert isinstance(ours, Signed)
            assert theirs.identity == ours.identity
        elif isinstance(ours, Signed):
            assert "log" in theirs.why, theirs


def test_most_of_what_the_recipe_takes_is_taken() -> None:
    taken = [
        examine(material, case.digest, Terms(Recipe(real_root(case.root)), NOW, stamps=Stamps.TAKEN))
        for case in real_cases()
        for material in case.materials()
    ]
    assert sum(isinstance(each, Accepted) for each in taken) > 20
