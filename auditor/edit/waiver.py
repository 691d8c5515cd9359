"""A waiver for `auditor.yaml`: its text, and where it goes. Nothing that stands there is touched."""

from __future__ import annotations

import json
from datetime import date

from msgspec import Struct

from auditor.config.levels import NAMED
from auditor.edit.documents import Index, end_of, index, line_behind, start_of
from auditor.edit.splice import Splice, line_end, offset_of
from auditor.errors import UsageError
from auditor.manifests.yaml import RawMapping, RawNode, RawSequence
from auditor.model.reference import InvalidReference, Reference


class NewWaiver(Struct, frozen=True):
    """What is waived, until when (the last valid day, UTC), by whom and why."""

    image: str
    rule: str
    until: date
    owner: str
    reason: str

    def pairs(self) -> list[str]:
        """`key: value`, texts in double quotes."""
        text = {"image": self.image, "rule": self.rule, "until": self.until, "owner": self.owner, "reason": self.reason}
        bare = {"rule", "until"}
        return [f"{key}: {value if key in bare else _quoted(str(value))}" for key, value in text.items()]


def _quoted(text: str) -> str:
    """As YAML writes it in double quotes, where JSON's escapes hold, but halves of surrogate pairs are no characters."""
    inner = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in inner
    )


def pattern_of(image: str, rule: str) -> str:
    """What a waiver's `image` must say for an image as people write it: the normalised name, without tag and digest."""
    if rule not in NAMED or "*" in image:
        return image
    try:
        return Reference.parse(image).name
    except InvalidReference as error:
        raise UsageError(f"{image} is no image: {error}", help="give a reference, or a glob over names") from error


def with_waivers(content: bytes, file: str, waivers: tuple[NewWaiver, ...]) -> Splice:
    """The insertion that adds waivers behind those that there are. Raises UsageError where there is no safe place for it."""
    found = index(content, file)
    if found.broken or len(found.documents) != 1 or not isinstance(found.documents[0], RawMapping):
        raise UsageError(f"{file} is not one YAML mapping", help="mend it first")
    top = found.documents[0]
    if top.flow_style:
        raise _by_hand(file, "it is written in flow style", waivers)
    node = next((node for key, node in top.value if key.value == "waivers"), None)
    if node is None:
        return _section(content, found, waivers)
    if isinstance(node, RawSequence) and node.flow_style:
        return _in_flow(content, node, waivers)
    if isinstance(node, RawSequence) and node.value:
        splice = _behind(content, node.value[-1], waivers)
        if splice is not None:
            return splice
    raise _by_hand(file, "`waivers:` is not written as a list of entries", waivers)


def _section(content: bytes, found: Index, waivers: tuple[NewWaiver, ...]) -> Splice:
    newline = line_end(content)
    indent = b" " * (start_of(found.documents[0])[1] - 1)
    glue = b"" if not content or content.endswith(b"\n") else newline
    text = glue + indent + b"waivers:" + newline + _items(waivers, indent + b"  - ", newline)
    return Splice(len(content), len(content), text)


def _in_flow(content: bytes, node: RawSequence, waivers: tuple[NewWaiver, ...]) -> Splice:
    text = ", ".join(_flow(each) for each in waivers).encode()
    if node.value:
        end = _offset(content, end_of(node.value[-1]))
        return Splice(end, end, b", " + text)
    start = _offset(content, start_of(node)) + 1
    return Splice(start, start, text)


def _behind(content: bytes, last: RawNode, waivers: tuple[NewWaiver, ...]) -> Splice | None:
    """More items below the last one, in its style."""
    line, column = start_of(last)
    begin = _offset(content, (line, 1))
    dash = content[begin : _offset(content, (line, column))]
    if not isinstance(last, RawMapping) or dash.strip() != b"-":
        return None
    end = line_behind(content, last)
    if end is None:
        return None
    glued = not content[:end].endswith(b"\n")
    return Splice(end, end, _items(waivers, dash, line_end(content), block=not last.flow_style, glued=glued))


def _items(
    waivers: tuple[NewWaiver, ...], dash: bytes, newline: bytes, *, block: bool = False, glued: bool = False
) -> bytes:
    """The lines of new items. `glued`: the line before them has no end yet."""
    lines: list[bytes] = []
    for each in waivers:
        first, *rest = each.pairs() if block else [_flow(each)]
        lines += [dash + first.encode(), *(b" " * len(dash) + pair.encode() for pair in rest)]
    text = newline.join(lines)
    return newline + text if glued else text + newline


def _flow(waiver: NewWaiver) -> str:
    return "{" + ", ".join(waiver.pairs()) + "}"


def _offset(content: bytes, at: tuple[int, int]) -> int:
    offset = offset_of(content, *at)
    if offset is None:
        raise UsageError("the rules file is not UTF-8", help="save it as UTF-8")
    return offset


def _by_hand(file: str, why: str, waivers: tuple[NewWaiver, ...]) -> UsageError:
    lines = "; ".join(f"- {_flow(each)}" for each in waivers)
    return UsageError(f"{file} is left alone: {why}", help=f"add by hand: {lines}")
