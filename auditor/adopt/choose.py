"""Who shall sign each image: sightings → a proposal. Pure.

1. An image of a confirmed publisher whose signatures are the publisher's is signed by the catalogue.
2. Else each origin that has signed every signed reference of today is a candidate. One is needed; of several, the only one
   whose owner is *known* here.
3. An owner is known if the image's name says it, the repository's own remote does, or the person who adopts does. A signature
   by anybody else is shown, not proposed: whoever can push to a repository can sign there with an identity of their own.
4. An image of a publisher in the catalogue that somebody else signed is shown, not proposed.
5. The history tells which refs one origin has signed on; it proposes nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct, field

from auditor.adopt.seen import Lack, Seal, Sighting, lack, seals
from auditor.adopt.signers import Origin, Pattern, origin, patterns
from auditor.config.catalog import Publisher
from auditor.config.match import matches
from auditor.config.rules import KeylessSigner


class Proposed(Struct, frozen=True):
    """A signer, the images that it signs, and what a person may want to know of it."""

    name: str
    patterns: tuple[Pattern, ...]
    images: tuple[str, ...]
    roots: frozenset[str] = frozenset()
    issuer: str = ""
    notes: tuple[str, ...] = ()


class Left(Struct, frozen=True):
    """An image for which nobody is proposed, and why. `doubtful` is the signer to look at twice."""

    name: str
    lack: Lack
    detail: str = ""
    doubtful: Proposed | None = None


class Proposal(Struct, frozen=True):
    """What a rules file shall say: known publishers' images, signers, and what is left."""

    catalog: tuple[str, ...] = ()
    signers: tuple[Proposed, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def unknown(self) -> tuple[Left, ...]:
        """The images of which nothing could be told: asking again may help."""
        return tuple(each for each in self.left if each.lack is Lack.UNKNOWN)


def propose(
    sightings: Iterable[Sighting],
    publishers: tuple[Publisher, ...],
    known: frozenset[str],
    today: date,
    taken: Iterable[str] = (),
) -> Proposal:
    """The proposal. `known` are owners, in lower case; `taken` the names of signers that there are already."""
    deciding = _Deciding(publishers, known)
    for sighting in sightings:
        deciding.add(sighting)
    return deciding.proposal(_Names(taken), today)


class _Chosen(Struct):
    """What one origin shall sign, and its signatures."""

    images: list[str] = field(default_factory=list)
    seals: list[Seal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Deciding(Struct):
    """One image after the other; then the signers, each for all of its images."""

    publishers: tuple[Publisher, ...]
    known: frozenset[str]
    catalog: list[str] = field(default_factory=list)
    chosen: dict[Origin, _Chosen] = field(default_factory=dict)
    doubtful: list[tuple[str, Origin, list[Seal], str]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def add(self, sighting: Sighting) -> None:
        """Decide for one image."""
        found = _candidates(sighting)
        of = [each for each in self.publishers if any(pattern.matches(sighting.name) for pattern in each.images)]
        if found and any(each.confirmed and _is_theirs(each, found) for each in of):
            self.catalog.append(sighting.name)
            return
        who, why = _who(sighting.name, found, of, self.known)
        if who is None:
            self.left.append(_left(sighting, why, bool(found)))
        elif why:
            self.doubtful.append((sighting.name, who, found[who], why))
        else:
            mine = self.chosen.setdefault(who, _Chosen())
            mine.images.append(sighting.name)
            mine.seals += [*found[who], *_earlier(sighting, who)]
            mine.notes += [_agrees(each) for each in of]

    def proposal(self, names: _Names, today: date) -> Proposal:
        """Everything that was decided."""
        proposed, left = [], list(self.left)
        for who, mine in self.chosen.items():
            written = _proposed(who, mine, names, today)
            if written is not None:
                proposed.append(written)
            else:
                why = "its identity cannot be written as a narrow pattern"
                left += [Left(name, Lack.DOUBT, why) for name in mine.images]
        for name, who, signatures, why in self.doubtful:
            left.append(Left(name, Lack.DOUBT, why, _proposed(who, _Chosen([name], signatures), names, today)))
        ordered = sorted(left, key=lambda each: each.name)
        return Proposal(tuple(self.catalog), tuple(proposed), tuple(ordered))


def _candidates(sighting: Sighting) -> dict[Origin, list[Seal]]:
    """Origins that have signed every signed reference of today, with their signatures."""
    signed: list[dict[Origin, list[Seal]]] = []
    for evidence in sighting.today.values():
        mine: dict[Origin, list[Seal]] = {}
        for seal in seals(evidence) if evidence is not None else ():
            who = origin(seal.identity)
            if who is not None:
                mine.setdefault(who, []).append(seal)
        if mine:
            signed.append(mine)
    common = set.intersection(*(set(each) for each in signed)) if signed else set()
    first = signed[0] if signed else {}
    return {who: [seal for each in signed for seal in each[who]] for who in first if who in common}


def _earlier(sighting: Sighting, who: Origin) -> list[Seal]:
    """What the same origin signed of the references of the history."""
    known = (seals(evidence) for evidence in sighting.before.values() if evidence is not None)
    return [seal for each in known for seal in each if origin(seal.identity) == who]


def _is_theirs(publisher: Publisher, found: Mapping[Origin, list[Seal]]) -> bool:
    return any(all(_signs(publisher, seal) for seal in signatures) for signatures in found.values())


def _signs(publisher: Publisher, seal: Seal) -> bool:
    return any(
        isinstance(pattern, KeylessSigner) and matches(pattern, seal.identity, seal.logged)
        for pattern in publisher.signer.patterns
    )


def _who(
    name: str, found: Mapping[Origin, list[Seal]], of: list[Publisher], known: frozenset[str]
) -> tuple[Origin | None, str]:
    """Whom to propose, and why a person should look twice before that; nobody, and why."""
    theirs = [who for who in found if any(all(_signs(each, seal) for seal in found[who]) for each in of)]
    if of and found and not theirs:
        return next(iter(found)), f"{of[0].name} publishes this image and, by {of[0].source}, signs otherwise"
    familiar = theirs or [who for who in found if _is_known(who, name, known)]
    if len(familiar) == 1:
        return familiar[0], ""
    if len(familiar) > 1:
        return None, "several owners that may have: " + ", ".join(who.workflow for who in familiar)
    if len(found) == 1:
        who = next(iter(found))
        return who, f"nothing here says that {who.owner or who.workflow} is yours, or this image's"
    return None, "by several: " + ", ".join(who.workflow for who in found) if found else ""


def _is_known(who: Origin, name: str, known: frozenset[str]) -> bool:
    """Whether the image's name, or the person who adopts, names the owner of an origin."""
    if not who.owner:
        return False
    host, _, path = name.partition("/")
    host = host.partition(":")[0]
    if "." in who.owner:  # a mail domain
        return host == who.owner or host.endswith(f".{who.owner}") or who.owner in known
    return who.owner in known or who.owner in path.lower().split("/")[:-1]


def _left(sighting: Sighting, why: str, found: bool) -> Left:
    if found:
        return Left(sighting.name, Lack.DOUBT, why)
    return Left(sighting.name, *lack(sighting))


def _agrees(publisher: Publisher) -> str:
    return f"as {publisher.name} says at {publisher.source} (read {publisher.checked})"


def _proposed(who: Origin, mine: _Chosen, names: _Names, today: date) -> Proposed | None:
    written = patterns(who, mine.seals, today)
    if written is None:
        return None
    roots = frozenset.intersection(*(frozenset(seal.roots) for seal in mine.seals))
    return Proposed(
        names.new(who.label),
        written,
        tuple(sorted(set(mine.images))),
        roots,
        who.issuer,
        tuple(dict.fromkeys(mine.notes)),
    )


class _Names:
    """Names for signers, each once. `catalog` is the reader's own word."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {*taken, "catalog"}

    def new(self, label: str) -> str:
        """The label, with a number where it is taken."""
        name, number = label, 1
        while name in self._taken:
            number += 1
            name = f"{label}-{number}"
        self._taken.add(name)
        return name
