"""The gap that an object is which has something run or installed that no manifest of the tree says."""

from __future__ import annotations

from auditor.manifests.nodes import Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place


def gap_of(item: Object, edit: Scalar | None, what: str, does: str, help_text: str) -> Gap:
    """`what` is the sort of gap, `does` what the object does; `edit` is the line that decides about it, else the object's own."""
    why = f"{item.kind} {item.name} {does}: its images are unknown"
    place = edit.place() if edit else Place(item.file, item.line)
    return Gap(place, what, why, rule="unrendered", help=help_text)
