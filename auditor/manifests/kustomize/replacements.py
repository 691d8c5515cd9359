"""`replacements:` copy a value from one object into fields of others, also into images.

Source: sigs.k8s.io/kustomize/api/filters/replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.kustomize.merge import base_of, overridden, stamp
from auditor.manifests.kustomize.select import selected
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.use import Via

_PARTS: Final = re.compile(r"(?:\\.|[^.\\])+|\\")
_STEP: Final = re.compile(r"\[([^=\]]*)=(.*)\]")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_NAMES: Final = frozenset({"metadata.name", "metadata.namespace"})


Full: TypeAlias = Callable[[Object], Node | None]
"""Reads an object again with nothing pruned: the value to copy may say nothing about images."""


def replaced(objects: list[Object], replacement: Mapping, full: Full) -> list[Object] | None:
    """The objects after one replacement; None where its source cannot be found."""
    source: Node | None = replacement.scalar("sourceValue")
    if source is None:
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


def _source(objects: list[Object], source: Mapping, full: Full) -> Node | None:
    """The value to copy, cut out by the source's own options: a text, or a part of an object."""
    path = source.text("fieldPath") or "metadata.name"
    for item in objects:
        if not selected(item, source):
            continue
        value = next(_values(item.node, steps(path)), None)
        again = full(item) if value is None else None
        if again is not None:
            value = next(_values(again, steps(path)), None)
        if not isinstance(value, Scalar):
            return value
        if path in _NAMES:
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


def _target(item: Object, target: Mapping, source: Node) -> Object:
    node: Node = item.node
    paths = [path.text for path in target.items("fieldPaths") if isinstance(path, Scalar)] or ["metadata.name"]
    for path in paths:
        node = _write(node, steps(path), source, target.mapping("options"))
    return item.with_node(node) if isinstance(node, Mapping) else item


def steps(path: str) -> list[str]:
    r"""`spec.containers.[name=app].image` → its steps; `\\.` is a literal dot, as are those in `[name=a.b]` and `[a.b]`.

    >>> steps("/data.[img.tag]")
    ['data', 'img.tag']
    """
    found: list[str] = []
    inside = False
    for part in _PARTS.findall(path.removeprefix("/")):
        if inside:
            found[-1] += f".{part}"
        else:
            found.append(part)
        inside = found[-1].startswith("[") and not part.endswith("]")
    return [_step(part) for part in found if part]


def _step(part: str) -> str:
    plain = part.replace("\\.", ".")
    return plain.strip("[]") if plain.startswith("[") and "=" not in plain else plain


def _values(node: Node, path: list[str]) -> Iterator[Node]:
    if not path:
        if not (isinstance(node, Scalar) and node.null):
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
    """Whether a list element is meant: `*`, its index, or `[name=app]`, whose value is a regular expression."""
    match = _STEP.fullmatch(step)
    if match is None:
        return step in ("*", str(index))
    held = item.text(match[1]) if isinstance(item, Mapping) else item.text if isinstance(item, Scalar) else ""
    return held == match[2] or (bool(held) and _meets(match[2], held))


def _meets(pattern: str, text: str) -> bool:
    if _PLAIN.fullmatch(pattern):
        return pattern in text
    try:
        return compile_regex(pattern).search(text) is not None
    except InvalidPattern:
        return False


def _write(node: Node, path: list[str], source: Node, options: Mapping) -> Node:
    if not path:
        return _written(node, source, options)
    creates = options.text("create") == "true"
    if isinstance(node, Sequence):
        items = [
            _write(item, path[1:], source, options) if _is_step(item, index, path[0]) else item
            for index, item in enumerate(node.items)
        ]
        if creates and not any(_is_step(item, index, path[0]) for index, item in enumerate(node.items)):
            items += _appended(len(items), path, source, options)
        return Sequence(items)
    if isinstance(node, Scalar):  # YAML or JSON in a text of a ConfigMap
        inner = tuple(_write(one, path, source, options) for one in node.inner)
        return replace(node, inner=inner) if inner else node
    entries = [
        (key, _write(value, path[1:], source, options) if key == path[0] else value) for key, value in node.entries
    ]
    if creates and node.get(path[0]) is None:
        entries.append((path[0], _write(_empty(path[1:], node), path[1:], source, options)))
    return Mapping(entries, node.file, node.line)


def _appended(count: int, path: list[str], source: Node, options: Mapping) -> list[Node]:
    """The element that `create` adds to a list: the next index, or one with the key and value that are asked for."""
    match = _STEP.fullmatch(path[0])
    made: Node
    if match is not None and match[1]:
        made = Mapping([(match[1], Scalar(match[2], "", 0, 0))])
    elif path[0] == str(count):
        made = _empty(path[1:], Mapping())
    else:
        return []
    return [_write(made, path[1:], source, options)]


def _empty(rest: list[str], beside: Mapping) -> Node:
    """What is made where nothing is, judged by the next step."""
    if not rest:
        return Scalar("", beside.file, beside.line, 1)
    return Sequence() if rest[0].isdigit() or _STEP.fullmatch(rest[0]) else Mapping()


def _written(node: Node, source: Node, options: Mapping) -> Node:
    """The field with the value, or with one part of it between delimiters."""
    if not isinstance(source, Scalar):
        return stamp(source, node, Via.REPLACEMENT)
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
