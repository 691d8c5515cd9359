"""What a kustomization makes, kept for whatever loads it again: in its tree, and in others that hold the same."""

from __future__ import annotations

from collections.abc import Mapping as Paths
from typing import TypeAlias

from msgspec import Struct, field

from auditor.manifests.files import Reader
from auditor.manifests.kustomize.images import FieldSpec
from auditor.manifests.kustomize.schema import Schemas
from auditor.manifests.kustomize.state import State
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import Object
from auditor.model.gap import Gap


class Built(Struct, frozen=True):
    """The objects of one kustomization, and what could not be built."""

    objects: tuple[Object, ...] = ()
    gaps: tuple[Gap, ...] = ()
    incomplete: bool = False
    skipped: tuple[str, ...] = ()
    partial: bool = False
    """Something was left out (`Spares`)."""
    fields: tuple[FieldSpec, ...] = ()
    """What `configurations:` add to the fields that hold images: it counts for whatever loads this, too."""
    variables: tuple[Mapping, ...] = ()
    referring: tuple[FieldSpec, ...] = ()
    schemas: Schemas | None = None


def built_of(state: State) -> Built:
    """What became of all that was loaded and done."""
    return Built(
        tuple(state.objects),
        tuple(state.gaps),
        state.incomplete,
        tuple(state.skipped),
        state.partial,
        tuple(state.fields),
        tuple(state.variables),
        tuple(state.referring),
        state.schemas,
    )


class Made(Struct, frozen=True):
    """What was built, and everything that was looked at for it: content identity by path."""

    built: Built
    seen: Paths[str, str]
    inflates: bool


Key: TypeAlias = tuple[str, str]
"""A directory, and what tells one way of building it from others in the same tree."""


class Keep(Struct):
    """What was built in one tree. A `way` is the same for two trees that build a directory alike; None: never for others."""

    _here: dict[Key, Made] = field(default_factory=dict)

    def get(self, key: Key, way: str | None, reader: Reader) -> Made | None:
        """What was built here, or in another tree in which everything that was looked at is the same as in this one."""
        known = self._here.get(key)
        if known is None and way is not None:
            known = next((made for made in reader.shared.built.get((key[0], way), ()) if _holds(made, reader)), None)
            if known is not None:
                self._here[key] = known
        return known

    def add(self, key: Key, made: Made, way: str | None, reader: Reader) -> None:
        """Build it once in this tree, and once for others; a chart is made of more than what was looked at here."""
        self._here[key] = made
        if way is not None and not made.inflates:
            reader.shared.built.setdefault((key[0], way), []).append(made)


def _holds(made: Made, reader: Reader) -> bool:
    return all(reader.identity(path) == one for path, one in made.seen.items())
