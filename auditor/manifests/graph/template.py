"""Parameters of an ApplicationSet, and the template that they fill in.

Source: argo-cd, applicationset/utils (fasttemplate) and Go templates for what is usual in them: fields, `index`, `default`,
`quote`, `lower`, `upper`, `trim`. What is anything else stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Values
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.model.use import Via

Parameters: TypeAlias = Values[str, Scalar]
"""By dotted name: `path.basename`, `values.tag`, `path.segments[1]`."""

_MOST: Final = 1024 * 1024
"""Characters of a text after its parameters are filled in."""
_FIELD: Final = re.compile(r"\.?[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*", re.ASCII)
_INDEX: Final = re.compile(r"index\s+(\.[\w.-]+)\s+(\d+|\"[^\"]*\")", re.ASCII)
_CHANGES: Final[Values[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "quote": str,
    "toString": str,
}


def flattened(node: Node, prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    """Every scalar below by its dotted name; elements of lists by `[index]`."""
    match node:
        case Scalar():
            yield prefix, node
        case Mapping():
            for key, value in node.entries:
                yield from flattened(value, f"{prefix}.{key}" if prefix else key)
        case Sequence():
            for index, item in enumerate(node.items):
                yield from flattened(item, f"{prefix}[{index}]")


def filled(node: Node, parameters: Parameters) -> Node:
    """A template with its parameters; the line to edit of a text is that of its last parameter that is written down."""
    match node:
        case Scalar():
            return _scalar(node, parameters)
        case Mapping():
            entries = [(_text(key, parameters)[0], filled(value, parameters)) for key, value in node.entries]
            return Mapping(entries, node.file, node.line)
        case Sequence():
            return Sequence([filled(item, parameters) for item in node.items])


def _scalar(node: Scalar, parameters: Parameters) -> Scalar:
    text, used = _text(node.text, parameters)
    if text == node.text:
        return node
    inner = tuple(filled(one, parameters) for one in node.inner)
    source = next((value for value in reversed(used) if value.file), None)
    if source is None:
        return replace(node, text=text, inner=inner)
    return replace(
        source,
        text=text,
        null=False,
        quoted=node.quoted,
        literal=False,
        via=Via.SUBSTITUTE,
        base=node.place(),
        overrides=None,
        inner=inner,
    )


def _text(text: str, parameters: Parameters) -> tuple[str, list[Scalar]]:
    """The text, and the parameters in it. One that would grow too large stays as it is."""
    used: list[Scalar] = []
    parts: list[str] = []
    position = room = 0
    while (start := text.find("{{", position)) >= 0 and (end := text.find("}}", start)) >= 0:
        value = _value(text[start + 2 : end].strip("- \t\n"), parameters)
        made = text[start : end + 2] if value is None else value.text
        used += [value] if value is not None else []
        parts += [text[position:start], made]
        position, room = end + 2, room + len(made)
        if room > _MOST:
            return text, []
    return ("".join(parts) + text[position:], used) if used else (text, used)


def _value(expression: str, parameters: Parameters) -> Scalar | None:
    first, *changes = (part.strip() for part in expression.split("|"))
    value = _field(first, parameters)
    for change in changes:
        if change.startswith("default "):
            word = change.removeprefix("default ").strip()
            if value is None and len(word) > 1 and word[0] == word[-1] == '"':
                value = Scalar(word[1:-1], "", 0, 0)
        elif change in _CHANGES and value is not None:
            value = replace(value, text=_CHANGES[change](value.text))
        else:
            return None
    return value


def _field(text: str, parameters: Parameters) -> Scalar | None:
    if (match := _INDEX.fullmatch(text)) is not None:
        name, key = match[1].lstrip("."), match[2]
        return parameters.get(f"{name}[{key}]" if key.isdigit() else f"{name}.{key[1:-1]}")
    if _FIELD.fullmatch(text) is None:
        return None
    return parameters.get(text.removeprefix("."))
