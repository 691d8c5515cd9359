"""Policies that say what they are told to: for tests of what is made of rulings."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.place import Place
from auditor.model.use import Use
from auditor.policies.inspected import Inspected, Resource, resource_of
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Engine, Judgment, Ruling

_PLACE = Place("policies/signed.yaml", 3)


@dataclass(frozen=True)
class Stated:
    """A policy of an engine with one answer for everything."""

    engine: Engine
    ruling: Ruling
    name: str = "ClusterPolicy/signed"
    place: Place = _PLACE
    repositories: frozenset[str] = frozenset()
    attested: bool = False

    def rule(self, _image: Inspected, _resource: Resource, _proofs: Proofs) -> Ruling:
        return self.ruling


def row(use: Use, *rulings: tuple[Engine, Ruling]) -> tuple[Judgment, ...]:
    """What each engine says of the image where this use runs it."""
    return tuple(
        Judgment(Stated(engine, ruling, f"{engine.value}/signed"), ((resource_of(use), ruling),))
        for engine, ruling in rulings
    )
