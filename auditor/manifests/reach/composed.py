"""What a kustomization puts together of several texts, so that no text holds the whole: replacements of a part, suffixes of tags.

A replacement splits at delimiters and joins with them. So a name that holds none of the characters of a delimiter stands whole in
one of the texts, and what a replacement copies completely does so anyway.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from auditor.manifests.kustomize.kustomization import Kustomization
from auditor.manifests.nodes import Mapping

_OPTIONS: Final = frozenset({"delimiter", "index", "create"})
"""What is known of how a replacement copies: by any other option anything may come of a text."""


class Composed(Struct, frozen=True):
    """What some kustomizations put together. `joints`: the characters beside which texts are split and joined."""

    joints: frozenset[str] = frozenset()
    tags: bool = False
    """Tags get suffixes."""
    anything: bool = False
    _copies_names: bool = False
    _renames: bool = False

    def __or__(self, other: Composed) -> Composed:
        """What both put together: a copied name may have a prefix of the other."""
        copies, renames = self._copies_names or other._copies_names, self._renames or other._renames
        return Composed(
            self.joints | other.joints,
            self.tags or other.tags,
            self.anything or other.anything or (copies and renames),
            copies,
            renames,
        )


def composed(item: Kustomization) -> Composed:
    """What one kustomization puts together."""
    made = Composed(
        tags=any(entry.get("tagSuffix") is not None for entry, _ in item.entries("images", "imageTags")),
        _renames=any(item.node.get(key) is not None for key in ("namePrefix", "nameSuffix")),
    )
    written = item.node.get("replacements")
    if written is None:
        return made
    replacements = item.node.items("replacements")
    if not replacements or not all(isinstance(each, Mapping) for each in replacements):
        return Composed(anything=True)
    for each, _ in item.entries("replacements"):
        made |= _replacing(each)
    return made


def _replacing(replacement: Mapping) -> Composed:
    """What one replacement puts together; of one in a file of its own that is unknown."""
    source = replacement.mapping("source")
    parts = (source, *(each for each in replacement.items("targets") if isinstance(each, Mapping)))
    options = [each.mapping("options") for each in parts]
    known = all(key in _OPTIONS for each in options for key, _ in each.entries)
    if replacement.get("path") is not None or not known:
        return Composed(anything=True)
    joints = frozenset("".join(each.text("delimiter") for each in options).replace("+", "-"))
    path = source.text("fieldPath") or "metadata.name"
    return Composed(joints, _copies_names=path.startswith("metadata"))
