"""Complete documents, whose texts are read too: a patch may write a ConfigMap with objects or settings in it.

What is read of a file for its images has this already (`skeleton`); a patch is read complete, since anything of it may decide.
"""

from __future__ import annotations

from msgspec.structs import replace

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.skeleton import Pruner, embedded, may_hold, settings
from auditor.manifests.text import PROSE, is_template


def opened(node: Node, pruner: Pruner, name: str = "") -> Node:
    """The document with what its texts hold; the same one where they hold nothing. `name`: the key it stands under."""
    match node:
        case Scalar():
            return _scalar(node, pruner, name)
        case Mapping():
            entries = [(key, opened(value, pruner, key)) for key, value in node.entries]
            same = all(new[1] is old[1] for new, old in zip(entries, node.entries, strict=True))
            return node if same else Mapping(entries, node.file, node.line)
        case Sequence():
            items = [opened(item, pruner, name) for item in node.items]
            return node if all(new is old for new, old in zip(items, node.items, strict=True)) else Sequence(items)


def _scalar(node: Scalar, pruner: Pruner, name: str) -> Scalar:
    if not may_hold(name, node.text, block=node.literal) or name.lower() in PROSE:
        return node
    dockerfile = "dockerfile" in name.lower()
    if dockerfile:
        inner = settings(node, node.text, dockerfile=True)
    elif pruner.want(node.text.encode("utf-8", "replace")):
        inner = embedded(node, pruner)
    else:
        return node
    if not inner:
        return node
    # A line of JSON says the same as what is read of it; lines are searched for nothing.
    text = node.text if "\n" in node.text or is_template(node.text) else ""
    return replace(node, text=text, inner=inner)
