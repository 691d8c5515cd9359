"""Who may sign by an entry of the rules."""

from __future__ import annotations

from itertools import chain

from msgspec import Struct

from auditor.config.rules import ImageRule, Rules, Signer


class Demand(Struct, frozen=True):
    """What `signed-by` asks for: of every group, at least one signer must have signed. No groups: nobody can."""

    groups: tuple[tuple[Signer, ...], ...]

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Everyone who may sign, in the order of the rules."""
        return tuple({each.name: each for each in chain.from_iterable(self.groups)}.values())


def demand(entry: ImageRule, name: str, rules: Rules) -> Demand | None:
    """Who must have signed an image of this name by this entry; None where the entry asks for no signature."""
    if entry.signed_by is None:
        return None
    named = tuple((signer(each, rules),) for each in entry.signed_by.names)
    groups = (*named, tuple(_catalog(name, rules))) if entry.signed_by.catalog else named
    return Demand(groups) if entry.signed_by.every else Demand((tuple(chain.from_iterable(groups)),))


def signer(name: str, rules: Rules) -> Signer:
    """A signer by name: the reader's own, else the catalogue's, else one that nobody is."""
    return rules.signers.get(name) or rules.catalog_signers.get(name) or Signer(name, ())


def _catalog(name: str, rules: Rules) -> list[Signer]:
    """The signers of every catalogue entry for this name."""
    entries = (entry for entry in rules.catalog if any(pattern.matches(name) for pattern in entry.match))
    return [signer(each, rules) for entry in entries if entry.signed_by for each in entry.signed_by.names]
