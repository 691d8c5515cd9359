"""Which entries of the rules govern a use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.config.rules import ImageRule, Pinned, Rules
from auditor.model.reference import InvalidReference, Reference
from auditor.model.use import Use

if TYPE_CHECKING:
    from auditor.judge.verdict import Decision
    from auditor.model.evidence import Evidence


@lru_cache(maxsize=16_384)  # each text is met once per use and per question about it
def parse(text: str) -> Reference | InvalidReference:
    """A use's text as a reference, or why it is none. Charts and models may be written with `oci://`."""
    try:
        return Reference.parse(text.removeprefix("oci://"))
    except InvalidReference as error:
        return error


class Governing:
    """Which entries govern each use. Keeps what it found, so that ten thousand uses of one name cost one look.

    A use is at several places: its root (a loose manifest's file), and wherever what deploys that root is. Each place has an
    entry of its own, the first that matches name and place, and every one of them must be satisfied.

    >>> from auditor.config.rules import Rules
    >>> from auditor.model.place import Place
    >>> print(Governing(Rules("auditor.yaml")).label(Use("nginx", Place("a.yaml"))))
    None
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._by_name: dict[str, tuple[ImageRule, ...]] = {}
        self._by_place: dict[tuple[str, str | None, str, tuple[str, ...]], tuple[ImageRule | None, ...]] = {}
        self._named: dict[str, bool] = {}
        self.decided: dict[tuple[str, int, int], tuple[Evidence, Decision]] = {}
        """By text, entry and evidence (which it holds), what was decided by these rules: of an image that many trees run, once."""

    def afresh(self) -> Governing:
        """For the uses of another tree: what is known of names and of evidence stays, what is known of places does not."""
        other = Governing(self.rules)
        other._by_name, other._named, other.decided = self._by_name, self._named, self.decided
        return other

    def entries(self, use: Use) -> tuple[ImageRule | None, ...]:
        """The entries that govern a use, at least one; None stands for a place that none covers, and counts too.

        A place that no `in:` names needs no entry of its own if another place of the use has an entry that demands something
        (the root, or whatever deploys it). An entry that allows unsigned images counts for its own place only: production that
        deploys a folder where anything is allowed stays production. Where a use has a root, an entry for its file never makes
        the demands weaker: it counts only if nothing else demands anything, and then before an entry that allows unsigned images.
        """
        key = (use.reference, use.root, use.place.file, use.deployers)
        if key not in self._by_place:
            reference = parse(use.reference)
            found = (None,) if isinstance(reference, InvalidReference) else self._of(reference.name, use)
            self._by_place[key] = found
        return self._by_place[key]

    def entry(self, use: Use) -> ImageRule | None:
        """The entry of the use's own place, else of what deploys it."""
        return self.entries(use)[0]

    def label(self, use: Use) -> str | None:
        """What tells uses apart that are governed differently: the labels of all entries."""
        labels = [entry.label if entry else "" for entry in self.entries(use)]
        return " ".join(labels) if any(labels) else None

    def _of(self, name: str, use: Use) -> tuple[ImageRule | None, ...]:
        own = use.place.file if use.root is None else use.root
        firsts = {place: self._first(name, place) for place in (own, *use.deployers)}
        found = [each for each in firsts.values() if each is not None]
        uncovered = [place for place, first in firsts.items() if first is None]
        demanding = [each for each in found if not each.unsigned_allowed]
        named = any(self._is_named(place) for place in uncovered)
        needless = demanding and not named and (own not in uncovered or uncovered == [own])
        if not demanding and use.root is not None:
            demanding = self._by_file(name, use.place.file, found)
        kept = [each for each in found if each.pinned is Pinned.REQUIRE or not (demanding and each.unsigned_allowed)]
        entries = {id(each): each for each in (*demanding, *kept)}
        return (*entries.values(), *(() if needless or not uncovered else (None,)))

    def _by_file(self, name: str, file: str, lenient: list[ImageRule]) -> list[ImageRule]:
        """The entry that a file has, where it demands something and comes before those that let its image be unsigned."""
        first = self._first(name, file)
        if first is None or first.unsigned_allowed:
            return []
        order = self._entries(name)
        return [first] if all(order.index(first) < order.index(each) for each in lenient) else []

    def _first(self, name: str, place: str) -> ImageRule | None:
        return next((entry for entry in self._entries(name) if _within(entry, place)), None)

    def _is_named(self, place: str) -> bool:
        """Whether some entry is for this place: then it is one of those that the rules tell apart."""
        if place not in self._named:
            patterns = (pattern for entry in self.rules.images for pattern in entry.within)
            self._named[place] = any(pattern.matches(place) for pattern in patterns)
        return self._named[place]

    def _entries(self, name: str) -> tuple[ImageRule, ...]:
        if name not in self._by_name:
            matching = (entry for entry in self.rules.images if any(each.matches(name) for each in entry.match))
            self._by_name[name] = tuple(matching)
        return self._by_name[name]


def label(use: Use, rules: Rules) -> str | None:
    """How reports name the entry that governs one use. For many uses, keep a `Governing` and ask that."""
    return Governing(rules).label(use)


def _within(entry: ImageRule, place: str) -> bool:
    return not entry.within or any(pattern.matches(place) for pattern in entry.within)
