"""What a reading of a tree gives, and which uses of two readings may be compared."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.model.gap import Gap
from auditor.model.use import Use


class MadeDeployer(Gap, frozen=True):
    """A deployer of directories that a chart makes, and that nobody follows. `text` is all that it says of what it deploys.

    What it names of this tree is read as an entry point of its own: only a change that turns it would deploy what nobody saw.
    """

    text: str = ""


class MadeOrigin(MadeDeployer, frozen=True):
    """Repository and revision (`text`) of a source of an Application, which `why` names, where a set fills them in."""


class Inventory(Struct, frozen=True):
    """Every use in file order, every gap. `roots` are the entry points, `loose` the manifests that nothing loads."""

    uses: tuple[Use, ...]
    gaps: tuple[Gap, ...]
    roots: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Kustomizations that are read only as something of the tree deploys them."""
    exact: frozenset[str] = frozenset()
    """Roots that a program built: their uses are all there are, and none too many."""
    made: tuple[MadeDeployer, ...] = ()
    """What charts make that deploys further directories. None of it is a gap of the tree."""


def turned(before: tuple[Inventory, ...], after: Inventory) -> Iterator[Gap]:
    """A gap for each deployer that a chart or a set makes in head, and did not make so in each of the trees before."""
    known = [{(each.why, each.root, each.text) for each in one.made} for one in before]
    for each in after.made if before else ():
        if isinstance(each, MadeOrigin):
            if any(_is_turned(each, one) for one in before):
                why = f"{each.why} takes {each.text}, and did not before: what it deploys from there is unknown"
                yield Gap(each.place, each.what, why, each.rule, each.root, each.help)
        elif not all((each.why, each.root, each.text) in one for one in known):
            yield Gap(each.place, each.what, each.why, each.rule, each.root, each.help)


def _is_turned(origin: MadeOrigin, before: Inventory) -> bool:
    """Whether the same Application took something else, or it is new and no Application of a set took this."""
    made = [each for each in before.made if isinstance(each, MadeOrigin)]
    same = [each for each in made if each.why == origin.why]
    return bool(made) and origin.text not in {each.text for each in same or made}


def comparable(before: Inventory, after: Inventory) -> tuple[Use, ...]:
    """The uses of base that a use of head may be the same as.

    Our own reading of a root may have an image too many. Where head's is exact and base's could not be built, base's tells
    nothing: all that head deploys there is new.
    """
    doubtful = after.exact - before.exact
    return tuple(use for use in before.uses if use.root not in doubtful)
