"""`replacements:` copy a value from one object into fields of others, also into images.

Source: sigs.k8s.io/kustomize/api/filters/replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.manifests.kustomize.merge import base_of, overridden
from auditor.manifests.kustomize.select import selected
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.use import Via

_SPLIT: Final = re.compile(r"(?:\\.|\[[^\]]*\]|[^.\[\\])+|\[[^\]]*\]")
_STEP: Final = re.compile(r"\[([^=\]]+)=([^\]]*)\]")


Full: TypeAlias = Callable[[Object], Node | None]
"""Reads an object again with nothing pruned: the value to copy may say nothing about images."""


def replaced(objects: list[Object], replacement: Mapping, full: Full) -> list[Object] | None:
    """The objects after one replacement; None where its source cannot be found."""
    source = _source(objects, replacement.mapping("source"), full)
    if source is None:
        return None
    for target in replacement.items("targets"):
        if isinstance(target, Mapping):
            objects = [_target(item, target, source) if _chosen(item, target) else item for item in objects]
    return objects


def may_touch_image(replacement: Mapping) -> bool:
    """Whether what it copies could end up in an image: every target but metadata, since it may copy whole containers."""
    paths = [
        path
        for target in replacement.items("targets")
        if isinstance(target, Mapping)
        for path in target.items("fieldPaths")
    ]
    return any(isinstance(path, Scalar) and not path.text.startswith("metadata.") for path in paths)


def _source(objects: list[Object], source: Mapping, full: Full) -> Scalar | None:
    """The value to copy, cut out by the source's own options."""
    path = source.text("fieldPath") or "metadata.name"
    for item in objects:
        if not selected(item, source):
            continue
        value = next(_values(item.node, steps(path)), None)
        again = full(item) if value is None else None
        if again is not None:
            value = next(_values(again, steps(path)), None)
        if value is None:
            return None
        if path in ("metadata.name", "metadata.namespace"):
            value = replace(value, text=item.name if path == "metadata.name" else item.namespace)
        return _piece(value, source.mapping("options"))
    return None


def _piece(value: Scalar, options: Mapping) -> Scalar:
    delimiter = options.text("delimiter")
    if not delimiter:
        return value
    parts = value.text.split(delimiter)
    index = _index(options)
    return replace(value, text=parts[index]) if 0 <= index < len(parts) else value


def _index(options: Mapping) -> int:
    text = options.text("index") or "0"
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text, re.ASCII) else 0


def _chosen(item: Object, target: Mapping) -> bool:
    rejected = any(isinstance(reject, Mapping) and selected(item, reject) for reject in target.items("reject"))
    return selected(item, target.mapping("select")) and not rejected


def _target(item: Object, target: Mapping, source: Scalar) -> Object:
    node: Node = item.node
    paths = [path.text for path in target.items("fieldPaths") if isinstance(path, Scalar)] or ["metadata.name"]
    for path in paths:
        node = _write(node, steps(path), source, target.mapping("options"))
    return item.with_node(node) if isinstance(node, Mapping) else item


def steps(path: str) -> list[str]:
    r"""`spec.containers.[name=app].image` → its steps; `\\.` is a literal dot."""
    return [part.replace("\\.", ".") for part in _SPLIT.findall(path) if part]


def _values(node: Node, path: list[str]) -> Iterator[Scalar]:
    if not path:
        if isinstance(node, Scalar) and not node.null:
            yield node
        return
    for child in _children(node, path[0]):
        yield from _values(child, path[1:])


def _children(node: Node, step: str) -> Iterator[Node]:
    if isinstance(node, Mapping):
        value = node.get(step)
        if value is not None:
            yield value
    elif isinstance(node, Sequence):
        yield from (item for index, item in enumerate(node.items) if _is_step(item, index, step))


def _is_step(item: Node, index: int, step: str) -> bool:
    """Whether a list element is meant: `*`, its index, or `[name=app]`."""
    match = _STEP.fullmatch(step)
    if match:
        return isinstance(item, Mapping) and item.text(match[1]) == match[2]
    return step in ("*", str(index))


def _write(node: Node, path: list[str], source: Scalar, options: Mapping) -> Node:
    if not path:
        return _written(node, source, options)
    if isinstance(node, Sequence):
        return Sequence(
            [
                _write(item, path[1:], source, options) if _is_step(item, index, path[0]) else item
                for index, item in enumerate(node.items)
            ]
        )
    if not isinstance(node, Mapping):
        return node
    entries = [
        (key, _write(value, path[1:], source, options) if key == path[0] else value) for key, value in node.entries
    ]
    if node.get(path[0]) is None and options.text("create") == "true":
        empty: Node = Mapping() if len(path) > 1 else Scalar("", node.file, node.line, 1)
        entries.append((path[0], _write(empty, path[1:], source, options)))
    return Mapping(entries, node.file, node.line)


def _written(node: Node, source: Scalar, options: Mapping) -> Node:
    """The field with the value, or with one part of it between delimiters."""
    delimiter, text = options.text("delimiter"), source.text
    if delimiter and isinstance(node, Scalar):
        parts = node.text.split(delimiter)
        index = _index(options)
        if index < 0:
            parts.insert(0, text)
        elif index >= len(parts):
            parts.append(text)
        else:
            parts[index] = text
        text = delimiter.join(parts)
    return replace(source, text=text, via=Via.REPLACEMENT, base=base_of(node), overrides=overridden(node))
