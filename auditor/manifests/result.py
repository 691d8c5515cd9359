"""What a reading of a tree gives, and which uses of two readings may be compared."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.gap import Gap
from auditor.model.use import Use


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every use in file order, every gap. `roots` are the entry points, `loose` the manifests that nothing loads."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    roots: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Kustomizations that are read only as something of the tree deploys them."""
    exact: frozenset[str] = frozenset()
    """Roots that a program built: their uses are all there are, and none too many."""


def comparable(before: Inventory, after: Inventory) -> tuple[Use, ...]:
    """The uses of base that a use of head may be the same as.

    Our own reading of a root may have an image too many. Where head's is exact and base's could not be built, base's tells
    nothing: all that head deploys there is new.
    """
    doubtful = after.exact - before.exact
    return tuple(use for use in before.uses if use.root not in doubtful)
