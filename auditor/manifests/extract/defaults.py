"""What an operator deploys where its object names no image: by the version that the object asks for, as its makers say.

An operator can be told to take other images. So these are guesses with a source (`rules/kinds/`), of low confidence; where the
operator alone knows, the text has a part in angle brackets: it cannot be judged, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Node, Scalar

_FIELD: Final = re.compile(r"\{([A-Za-z][\w.]*)\}", re.ASCII)
_NO_TAG: Final = re.compile(r"[:/@]")
"""Where a version is a whole reference (grafana-operator takes one), no reference is made of two."""


class Default(Struct, frozen=True):
    """`image` with fields of the object in braces, deployed where `when` is there and nothing of `unless` is."""

    image: str
    note: str
    unless: tuple[str, ...] = ()
    when: str = ""

    def made(self, node: Mapping) -> tuple[str, Scalar, str] | None:
        """The reference, the scalar and path of its last field that is there; None where the object names its images."""
        if any(_at(node, path) is not None for path in self.unless) or (self.when and _at(node, self.when) is None):
            return None
        edit, where = node.scalar("kind"), "kind"
        if edit is None:
            return None
        parts: list[str] = []
        position = 0
        for match in _FIELD.finditer(self.image):
            value = _at(node, match[1])
            before = self.image[position : match.start()]
            told = isinstance(value, Scalar) and not (before.endswith(":") and _NO_TAG.search(value.text))
            parts += [before, value.text if isinstance(value, Scalar) and told else f"<{match[1]}>"]
            position = match.end()
            if isinstance(value, Scalar):
                edit, where = value, match[1]
        return "".join(parts) + self.image[position:], edit, where

    def fields(self) -> Iterator[str]:
        """The fields that the reference is made of."""
        yield from _FIELD.findall(self.image)

    def may_be(self, names: frozenset[bytes]) -> bool:
        """Whether the last part of the image's name is one of these, lower-case, or is made of fields."""
        name = self.image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
        return "{" in name or name.encode() in names


def tagged(node: Node, path: str) -> str:
    """The tag that a field gives a name without one: a version with `+` as `-`, as tags allow no `+`."""
    value = _at(node, path) if isinstance(node, Mapping) else None
    return value.text.replace("+", "-") if isinstance(value, Scalar) else f"<{path}>"


def _at(node: Mapping, path: str) -> Node | None:
    """What stands at a path of keys; None also for null and for an empty text."""
    here: Node | None = node
    for key in path.split("."):
        here = here.get(key) if isinstance(here, Mapping) else None
    return None if isinstance(here, Scalar) and (here.null or not here.text) else here
