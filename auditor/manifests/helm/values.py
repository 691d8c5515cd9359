"""Values as nodes with places: merged as Helm merges them, written for Helm, and marked to be found again.

Source: helm.sh/helm/v3/pkg/chartutil/coalesce.go. Mappings merge, everything else replaces, null deletes a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Marks
from typing import Final

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.text import is_reference, located

_PLAIN: Final = re.compile(
    r"[-+]?[0-9.][0-9a-fA-FxXoO_.+:-]*|[-+]?\.(?:inf|nan)|true|false|yes|no|on|off|y|n|~|null", re.IGNORECASE
)
"""Unquoted texts that a YAML parser may take for something else than text, and that mean the same in a flow mapping."""
_FLOAT: Final = re.compile(r"[-+]?[0-9]*\.[0-9]+")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufeff\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NAMES: Final = re.compile(r"image|tag|repo|registry|digest|sha(?:256)?$|hub$|version", re.IGNORECASE)
_NEVER: Final = re.compile(r"policy|secret|enabled|apiversion|kind$", re.IGNORECASE)
_WHOLE: Final = re.compile(r"[a-z0-9][\w.-]*(?:/[a-z0-9][\w.-]*)+[:@][\w.:@-]*[a-zA-Z_][\w.:@-]*", re.ASCII)
"""A name with a folder and a tag that is no port: an image, whatever its key."""
_REPOSITORY: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::[0-9]{1,5})?(?:/[a-z0-9][\w.-]*)+", re.ASCII)
"""A host with a dot and a path: the template may tag it."""
_TAG: Final = re.compile(r"v?[0-9]+(?:\.[0-9]+)+[\w.-]*", re.ASCII)
"""Under a key that says image, a tag whatever its own key says (`image.release`)."""
_MARK: Final = re.compile(r"-zq([0-9]{4,6})qz")


def merged(layers: Iterable[Mapping], *, final: bool = False) -> Mapping:
    """The layers as one mapping, a later one over an earlier. `final`: what null deletes is gone."""
    whole = Mapping()
    for layer in layers:
        whole = over(whole, layer)
    return _without_nulls(whole) if final else whole


def over(below: Mapping, above: Mapping) -> Mapping:
    """One mapping over another."""
    entries = dict(below.entries)
    for key, value in above.entries:
        old = entries.get(key)
        entries[key] = over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return Mapping(list(entries.items()), above.file or below.file, above.line or below.line)


def _without_nulls(node: Mapping) -> Mapping:
    kept = [
        (key, _without_nulls(value) if isinstance(value, Mapping) else value)
        for key, value in node.entries
        if not (isinstance(value, Scalar) and value.null)
    ]
    return Mapping(kept, node.file, node.line)


def written(node: Node, marks: Marks[int, int] | None = None) -> str:
    """The values for Helm, in YAML's flow style: what is a number or a truth value stays one. `marks`: numbers by scalar."""
    marks = marks or {}
    match node:
        case Scalar():
            return _text(marked(node, marks[id(node)])) if id(node) in marks else _scalar(node)
        case Sequence():
            return "[" + ",\n".join(written(item, marks) for item in node.items) + "]"
        case Mapping():
            pairs = (f"{_text(key)}: {written(value, marks)}" for key, value in dict(node.entries).items())
            return "{" + ",\n".join(pairs) + "}"


def _scalar(node: Scalar) -> str:
    if node.null:
        return "null"
    return node.text if not node.quoted and _PLAIN.fullmatch(node.text) else _text(node.text)


def _text(text: str) -> str:
    """A double-quoted scalar: JSON, with every character that YAML does not print written as an escape."""
    return _CONTROL.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\uFFFD" if 0xD800 <= code < 0xE000 else f"\\u{code:04x}"


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def marked(scalar: Scalar, number: int) -> str:
    """The text of a value with a mark that survives in the name or tag of an image. A number is written as Helm would."""
    text = scalar.text
    if not scalar.quoted and _FLOAT.fullmatch(text):
        text = f"{float(text):.15g}"
    return text + mark(number)


def mark(number: int) -> str:
    """A mark that is legal in every part of a reference, and in a semantic version."""
    return f"-zq{number:04d}qz"


def unmarked(text: str) -> tuple[str, list[int]]:
    """A text without its marks, and their numbers in order."""
    return _MARK.sub("", text), [int(number) for number in _MARK.findall(text)]


def leaves(node: Node, key: str = "", inside: str = "") -> Iterator[Scalar]:
    """Values that an image may be made of: by their key, the key above, or by what they look like."""
    match node:
        case Mapping():
            for name, value in node.entries:
                yield from leaves(value, name, key or inside)
        case Sequence():
            for item in node.items:
                yield from leaves(item, key, inside)
        case Scalar():
            if node.text and not node.null and "\n" not in node.text and _is_part(key, inside, node.text):
                yield node


def _is_part(key: str, inside: str, text: str) -> bool:
    if _NEVER.search(key) or text.lower() in ("true", "false", "yes", "no") or "{{" in text or _MARK.search(text):
        return False
    if _NAMES.search(key) or ("image" in inside.lower() and key == "name") or located(text):
        return True
    if _REPOSITORY.fullmatch(text) or ("image" in inside.lower() and _TAG.fullmatch(text)):
        return True
    return _WHOLE.fullmatch(text) is not None and is_reference(text)


def pruned(node: Node, wanted: Marks[int, int]) -> Node | None:
    """Only what leads to a wanted leaf; a list with one stays whole, because Helm replaces lists."""
    match node:
        case Scalar():
            return node if id(node) in wanted else None
        case Sequence():
            return node if any(pruned(item, wanted) is not None for item in node.items) else None
        case Mapping():
            held = [(key, kept) for key, value in node.entries if (kept := pruned(value, wanted)) is not None]
            return Mapping(held, node.file, node.line) if held else None
