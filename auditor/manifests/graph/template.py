"""Parameters of an ApplicationSet, and the template that they fill in.

Source: argo-cd, applicationset/utils (fasttemplate) and Go templates for what is usual in them: fields, `index`, and
functions on texts (`_CALLS`), and conditions (`conditions`). What is anything else stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Values
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.manifests.graph.conditions import UNKNOWN, chosen
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.model.use import Via

Parameters: TypeAlias = Values[str, Scalar]
"""By dotted name: `path.basename`, `values.tag`, `path.segments[1]`."""

_MOST: Final = 1024 * 1024
"""Characters of a text after its parameters are filled in."""
_LONGEST: Final = 1024
"""Characters of one expression."""
_FIELD: Final = re.compile(r"\.?[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*", re.ASCII)
_INDEX: Final = re.compile(r"index\s+(\.[\w.-]+)\s+(\d+|\"[^\"]*\")", re.ASCII)
_PIPE: Final = re.compile(r"""\|(?=(?:[^"`]|"[^"]*"|`[^`]*`)*\Z)""")
_WORDS: Final = re.compile(r"""\s*(?:"(?P<text>[^"\\]*)"|`(?P<raw>[^`]*)`|(?P<word>[^\s"`()|]+))(?=\s|\Z)""")
_VERB: Final = re.compile(r"%[sdv%]")


def _trunc(count: str, text: str) -> str:
    """The first characters of a text, or the last ones where the count is negative."""
    length = int(count)
    return text[:length] if length >= 0 else text[length:]


def _printf(pattern: str, *texts: str) -> str:
    """`%s`, `%d` and `%v`, one for each text. Raises ValueError."""
    if len([verb for verb in _VERB.findall(pattern) if verb != "%%"]) != len(texts) or pattern.replace("%%", "").count(
        "%"
    ) != len(texts):
        raise ValueError(pattern)
    left = iter(texts)
    return _VERB.sub(lambda match: "%" if match[0] == "%%" else next(left), pattern)


def _replace(old: str, new: str, text: str) -> str:
    return text.replace(old, new) if len(text) * (len(new) + 1) <= _MOST else text


_CALLS: Final[Values[str, Callable[..., str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "quote": str,
    "squote": str,
    "toString": str,
    "print": "".join,
    "default": lambda otherwise, text: text or otherwise,
    "trunc": _trunc,
    "replace": _replace,
    "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "printf": _printf,
}
"""Functions of Go templates and sprig on texts; what takes or makes lists is none of them."""


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
    text = chosen(text, parameters)
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
    """What an expression makes; None where it has anything that is not known here."""
    if len(expression) > _LONGEST:
        return None
    first, *changes = (part.strip() for part in _PIPE.split(expression))
    value = _field(first, parameters)
    if value is None and _FIELD.fullmatch(first) is None:
        value = _called(first, None, parameters)
        if value is None:
            return None
    for change in changes:
        if value is None and (UNKNOWN in parameters or not change.startswith("default ")):
            return None
        value = _called(change, value or Scalar("", "", 0, 0), parameters)
        if value is None:
            return None
    return value


def _called(command: str, piped: Scalar | None, parameters: Parameters) -> Scalar | None:
    """A function with its arguments, the piped one last; the place is that of the last argument that has one."""
    words = list(_WORDS.finditer(command))
    if not words or "".join(word[0] for word in words) != command or words[0]["word"] not in _CALLS:
        return None
    arguments = [_argument(word, parameters) for word in words[1:]] + ([piped] if piped is not None else [])
    held = [argument for argument in arguments if argument is not None]
    if len(held) != len(arguments):
        return None
    try:
        text = _CALLS[words[0]["word"]](*(argument.text for argument in held))
    except (TypeError, ValueError):
        return None
    source = next((argument for argument in reversed(held) if argument.file), Scalar("", "", 0, 0))
    return replace(source, text=text) if len(text) <= _MOST else None


def _argument(word: re.Match[str], parameters: Parameters) -> Scalar | None:
    if word["word"] is None:
        return Scalar(word["text"] if word["text"] is not None else word["raw"], "", 0, 0)
    if word["word"].lstrip("-").isdigit():
        return Scalar(word["word"], "", 0, 0)
    return _field(word["word"], parameters) if word["word"].startswith(".") else None


def _field(text: str, parameters: Parameters) -> Scalar | None:
    if (match := _INDEX.fullmatch(text)) is not None:
        name, key = match[1].lstrip("."), match[2]
        return parameters.get(f"{name}[{key}]" if key.isdigit() else f"{name}.{key[1:-1]}")
    if _FIELD.fullmatch(text) is None:
        return None
    return parameters.get(text.removeprefix("."))
