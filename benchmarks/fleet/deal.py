"""Which repository deploys what, and what is different the night after. Pure: the same numbers give the same fleet."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from benchmarks.fleet import shapes
from benchmarks.fleet.catalogue import HUB, Form, Image, popularity

_BUMPED: Final = 3
"""Places of a repository in which a night raises the tag."""


class Plan(Struct, frozen=True):
    """A fleet: for each repository the image of each place, as indices into the catalogue."""

    seed: int
    manifests: int
    places: tuple[tuple[int, ...], ...]

    def used(self) -> frozenset[int]:
        """The images that are deployed somewhere."""
        return frozenset(image for places in self.places for image in places)


class Night(Struct, frozen=True):
    """What happened since the last one.

    `committed`: by repository, what is deployed instead, by place. `added`: by repository, an image that it deploys beside these.
    `moved`: images whose tag names other bytes now. `stripped`: images whose signatures are gone.
    """

    committed: Mapping[int, Mapping[int, Image]] = field(default_factory=dict)
    added: Mapping[int, Image] = field(default_factory=dict)
    moved: tuple[Image, ...] = ()
    stripped: tuple[Image, ...] = ()

    def fresh(self) -> tuple[Image, ...]:
        """The images that a registry has to have in addition."""
        put = [image for places in self.committed.values() for image in places.values()]
        return tuple({image.key: image for image in (*put, *self.added.values())}.values())


def deal(repositories: int, manifests: int, images: int, seed: int) -> Plan:
    """Every image once where there are places enough, the rest of the places to the popular ones."""
    counts = [_places(seed, index, manifests) for index in range(repositories)]
    chance = random.Random(f"deal {seed}")  # noqa: S311 - repeatable, not secret
    total = sum(counts)
    once = list(range(images))[:total]
    weights = popularity(images)
    dealt = once + chance.choices(range(images), weights, k=total - len(once))
    chance.shuffle(dealt)
    rest = iter(dealt)
    return Plan(seed, manifests, tuple(tuple(next(rest) for _ in range(count)) for count in counts))


def files(plan: Plan, images: Sequence[Image], index: int, night: Night | None = None) -> shapes.Files:
    """The files of one repository, at first or after a night."""
    instead = night.committed.get(index, {}) if night else {}
    held = [instead.get(place, images[image]) for place, image in enumerate(plan.places[index])]
    rest = iter(held)
    made = shapes.repository(_chance(plan.seed, index), plan.manifests, lambda: next(rest))
    if night and index in night.added:
        made |= shapes.addition("added", night.added[index])
    return made


def night(plan: Plan, images: Sequence[Image], fraction: float) -> Night:
    """One night in which a fraction of the repositories is committed to, and of the images is not what it was.

    Of these images half have a tag that moved, the others lost their signatures.
    """
    chance = random.Random(f"night {plan.seed}")  # noqa: S311 - repeatable, not secret
    count = max(1, round(len(plan.places) * fraction))
    chosen = sorted(chance.sample(range(len(plan.places)), count))
    committed = {index: _bumps(chance, plan.places[index], images) for index in chosen}
    added = {index: replace(images[chance.randrange(len(images))], pinned=False).raised() for index in chosen}
    used = sorted(plan.used())
    tagged = [images[each] for each in used if not images[each].pinned]
    signed = [images[each] for each in used if images[each].form is not Form.UNSIGNED]
    some = max(1, round(len(images) * fraction / 2))
    moved = tuple(chance.sample(tagged, min(some, len(tagged))))
    stripped = tuple(image for image in chance.sample(signed, min(some, len(signed))) if image not in moved)
    return Night(committed, added, tuple(image.moved() for image in moved), stripped)


def _bumps(chance: random.Random, places: Sequence[int], images: Sequence[Image]) -> dict[int, Image]:
    """Some places of a repository, each with the next release of its image."""
    tagged = [place for place, image in enumerate(places) if not images[image].pinned and images[image].tag]
    chosen = chance.sample(tagged, min(_BUMPED, len(tagged)))
    return {place: images[places[place]].raised() for place in sorted(chosen)}


def _places(seed: int, index: int, manifests: int) -> int:
    """How many places for images a repository has."""
    blank, taken = Image(HUB, "library/none", "1.0", Form.UNSIGNED), 0

    def take() -> Image:
        nonlocal taken
        taken += 1
        return blank

    shapes.repository(_chance(seed, index), manifests, take)
    return taken


def _chance(seed: int, index: int) -> random.Random:
    return random.Random(f"repository {seed} {index}")  # noqa: S311 - repeatable, not secret
