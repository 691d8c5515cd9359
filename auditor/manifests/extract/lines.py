"""References in the lines of a text that is no YAML: properties, env files, TOML, scripts, templates, Dockerfiles.

Such texts stand in ConfigMaps and in arguments of shells. Each line is read by itself; comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.dockerfile import bases
from auditor.manifests.extract.split import is_complete
from auditor.manifests.text import arguments, is_reference

_COMMENT: Final = re.compile(r"\s*(?:#|//|;|-- )|\s#.*")
_SETTING: Final = re.compile(
    r"""\s*(?:export\s+|ENV\s+|-\s+)?["']?(?P<key>[\w.-]*image)["']?\s*[:=]\s*"""
    r"""(?P<quote>["']?)(?P<value>[^\s"',;#>|&*][^"',;#]*?)(?P=quote)\s*[,;]?\s*$""",
    re.ASCII | re.IGNORECASE,
)
_FIELD: Final = re.compile(
    r"(?:parameter|context|params|inputs?|variables|object|request|self|each|var|local|config)(?:\.\w+|\[[^\]]*\])+",
    re.ASCII,
)
"""What programs in texts (CUE, CEL, HCL) write for a value that stands elsewhere: `image: parameter.image`."""
NO_NAMES: Final = frozenset({"true", "false", "null", "none", "yes", "no", "auto", "default"})
"""What stands for no image, or for one that something else chooses."""
_SEPARATORS: Final = re.compile(r"[\s,;]+")
_LONGEST: Final = 64 * 1024
"""Characters of one line that are searched."""


class Line(Struct, frozen=True):
    """A value in a text: its line and column from 0, and the key that it is given to (empty where there is none)."""

    line: int
    column: int
    key: str
    text: str


def values(text: str, *, dockerfile: bool = False) -> Iterator[Line]:
    """Every value that may be a reference, in order. `dockerfile`: the text is one, whose bases count."""
    if dockerfile:
        for base in bases(text):
            yield Line(base.line, base.column, "image", base.reference)
        return
    for number, whole in enumerate(text.split("\n")):
        line = _without_comment(whole[:_LONGEST])
        if not line:
            continue
        setting = _SETTING.match(line)
        if setting is not None and setting["value"].lower() not in NO_NAMES and not _is_field(setting):
            yield Line(number, setting.start("value"), setting["key"], setting["value"])
        for reference in arguments(line):
            if setting is None or reference not in setting["value"]:
                yield Line(number, line.find(reference), "", reference)


def _is_field(setting: re.Match[str]) -> bool:
    return not setting["quote"] and _FIELD.fullmatch(setting["value"]) is not None


def references(text: str) -> tuple[str, ...]:
    """The references of a text that holds nothing else: `acme/a:1,acme/b:2`, `a=acme/a:1;b=acme/b:2`."""
    words = [word.strip("\"'").rpartition("=")[2] for word in _SEPARATORS.split(text) if word]
    if all("/" in word and is_complete(word) and is_reference(word) for word in words):
        return tuple(dict.fromkeys(words))
    return ()


def listing(text: str) -> Iterator[Line]:
    """The references of a text of which each line holds nothing else; nothing for other texts."""
    lines = [_without_comment(whole[:_LONGEST]) for whole in text.split("\n")]
    found = [
        (number, line, references(line.strip().removeprefix("- "))) for number, line in enumerate(lines) if line.strip()
    ]
    if len(found) > 1 and all(several for _, _, several in found):
        for number, line, several in found:
            yield from (Line(number, line.find(one), "image", one) for one in several)


def _without_comment(line: str) -> str:
    match = _COMMENT.match(line)
    if match is not None:
        return ""
    start = line.find(" #")
    return line[:start] if start >= 0 else line
