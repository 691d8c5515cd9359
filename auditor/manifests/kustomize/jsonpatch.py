"""JSON patches (RFC 6902) on nodes, tolerant of what pruning left out: a path that is missing is made.

What could not be carried out exactly keeps everything: the result holds at least the images of the real one.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.manifests.kustomize.merge import stamp
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence

_APPEND: Final = "-"
_INDEX: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def apply(target: Mapping, operations: Sequence, lost: list[Mapping] | None = None) -> Mapping:
    """The object after every operation, in order. `lost` takes those whose source is not there: pruned, or missing."""
    node: Node = target
    for operation in operations.items:
        if isinstance(operation, Mapping):
            node = _operation(node, operation, [] if lost is None else lost)
    return node if isinstance(node, Mapping) else target


def _operation(node: Node, operation: Mapping, lost: list[Mapping]) -> Node:
    path, value = _tokens(operation.text("path")), operation.get("value")
    match operation.text("op"):
        case "remove":
            return _edit(node, path, None)
        case "add" if value is not None:
            return _edit(node, path, value, insert=True)
        case "replace" if value is not None:
            return _edit(node, path, value)
        case "copy" | "move" as op:
            source = _tokens(operation.text("from"))
            found = look_up(node, source)
            if found is None:
                lost.append(operation)
                return node
            cleared = _edit(node, source, None) if op == "move" else node
            return _edit(cleared, path, found, insert=True, foreign=False)
        case _:
            return node


def _tokens(path: str) -> list[str]:
    """RFC 6901: `~1` is a slash, `~0` a tilde."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def look_up(node: Node, tokens: list[str]) -> Node | None:
    """The node at a path; None where there is none."""
    current: Node | None = node
    for token in tokens:
        if isinstance(current, Mapping):
            current = current.get(token)
        elif isinstance(current, Sequence):
            index = _position(token, current)
            current = current.items[index] if index is not None and 0 <= index < len(current.items) else None
        else:
            return None
    return current


def _position(token: str, sequence: Sequence) -> int | None:
    if token == _APPEND:
        return len(sequence.items)
    if not _INDEX.fullmatch(token):
        return None
    index = int(token)
    return index + len(sequence.items) if index < 0 else index


def _edit(node: Node, tokens: list[str], value: Node | None, *, insert: bool = False, foreign: bool = True) -> Node:
    """The node with `value` at the path (None removes it). `insert`: a list grows. `foreign`: the patch wrote it."""
    if not tokens:
        return node if value is None else stamp(value, node) if foreign else value
    token, rest = tokens[0], tokens[1:]
    if isinstance(node, Sequence):
        return _edit_sequence(node, token, rest, value, insert=insert, foreign=foreign)
    if isinstance(node, Scalar):
        return node
    old = node.get(token)
    if not rest:
        fresh = None if value is None else stamp(value, old) if foreign else value
    elif old is None and value is None:
        return node
    else:
        fresh = _edit(old if old is not None else _empty(rest), rest, value, insert=insert, foreign=foreign)
    entries = [(key, item) for key, item in node.entries if key != token]
    position = next((i for i, (key, _) in enumerate(node.entries) if key == token), len(entries))
    if fresh is not None:
        entries.insert(position, (token, fresh))
    return Mapping(entries, node.file, node.line)


def _edit_sequence(
    node: Sequence, token: str, rest: list[str], value: Node | None, *, insert: bool, foreign: bool
) -> Node:
    items = list(node.items)
    index = _position(token, node)
    if index is None:
        return node
    exists = 0 <= index < len(items)
    if not rest:
        _put(items, index, value, insert=insert, foreign=foreign)
    elif exists:
        items[index] = _edit(items[index], rest, value, insert=insert, foreign=foreign)
    elif value is not None:
        items.append(_edit(_empty(rest), rest, value, insert=insert, foreign=foreign))
    return Sequence(items)


def _put(items: list[Node], index: int, value: Node | None, *, insert: bool, foreign: bool) -> None:
    exists = 0 <= index < len(items)
    if value is None:
        if exists:
            del items[index]
    elif insert or not exists:
        items.insert(max(index, 0), stamp(value, None) if foreign else value)
    else:
        items[index] = stamp(value, items[index]) if foreign else value


def _empty(rest: list[str]) -> Node:
    """What a missing parent must be, judged by the next step."""
    return Sequence() if rest[0] == _APPEND or _INDEX.fullmatch(rest[0]) else Mapping()
