"""Which entry of the rules governs a use, and who may sign by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from auditor.config.rules import ImageRule, Rules, Signer
from auditor.model.reference import InvalidReference, Reference
from auditor.model.use import Use


@lru_cache(maxsize=16_384)  # each text is met once per use and per question about it
def parse(text: str) -> Reference | InvalidReference:
    """A use's text as a reference, or why it is none. Charts and models may be written with `oci://`."""
    try:
        return Reference.parse(text.removeprefix("oci://"))
    except InvalidReference as error:
        return error


class Governing:
    """Which entry governs each use. Keeps what it found, so that ten thousand uses of one name cost one look.

    >>> from auditor.config.rules import Rules
    >>> from auditor.model.place import Place
    >>> print(Governing(Rules("auditor.yaml")).label(Use("nginx", Place("a.yaml"))))
    None
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._by_name: dict[str, tuple[ImageRule, ...]] = {}
        self._by_place: dict[tuple[str, str | None, str], ImageRule | None] = {}

    def entry(self, use: Use) -> ImageRule | None:
        """The first entry that matches name and place; None where none does, and for what is no reference."""
        key = (use.reference, use.root, use.place.file)
        if key not in self._by_place:
            self._by_place[key] = self._first(use)
        return self._by_place[key]

    def _first(self, use: Use) -> ImageRule | None:
        reference = parse(use.reference)
        if isinstance(reference, InvalidReference):
            return None
        return next((entry for entry in self._entries(reference.name) if _within(entry, use)), None)

    def label(self, use: Use) -> str | None:
        """How reports name the governing entry."""
        entry = self.entry(use)
        return entry.label if entry else None

    def _entries(self, name: str) -> tuple[ImageRule, ...]:
        if name not in self._by_name:
            matching = (entry for entry in self.rules.images if any(each.matches(name) for each in entry.match))
            self._by_name[name] = tuple(matching)
        return self._by_name[name]


def label(use: Use, rules: Rules) -> str | None:
    """How reports name the entry that governs one use. For many uses, keep a `Governing` and ask that."""
    return Governing(rules).label(use)


def _within(entry: ImageRule, use: Use) -> bool:
    """Whether an entry speaks about the use's root or file.

    One that lets images be unsigned goes by the root alone, where there is one: production may load a file from a folder
    where anything goes, and stays production.
    """
    if use.root is None:
        places: tuple[str, ...] = (use.place.file,)
    else:
        places = (use.root,) if entry.unsigned_allowed else (use.root, use.place.file)
    return not entry.within or any(pattern.matches(place) for pattern in entry.within for place in places)


@dataclass(frozen=True, slots=True)
class Demand:
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
