"""What decides about something that nobody renders, as a digest: a change of it deploys something else, unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from auditor.manifests.files import Reader
from auditor.manifests.helm.values import written
from auditor.manifests.nodes import Node, expanded
from auditor.model.gap import Gap

_LENGTH: Final = 32


def fingerprinted(gap: Gap, nodes: Iterable[Node], reader: Reader, *texts: str) -> Gap:
    """The gap with what decides about what it hides: its reason, what was told before, these nodes and texts.

    Nodes that unfold without end are not written out: such a gap hides something else in every tree.
    """
    found = hashlib.sha256()
    for text in (gap.why, gap.content, *texts, *(_text(node, reader) for node in nodes)):
        found.update(f"{len(text)}:{text}".encode("utf-8", "replace"))
    return replace(gap, content=found.hexdigest()[:_LENGTH])


def _text(node: Node, reader: Reader) -> str:
    return written(node) if expanded(node) <= reader.limits.object_nodes else reader.tree.label
