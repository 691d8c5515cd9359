"""References in the lines of a text that is no YAML: properties, env files, TOML, scripts, templates, Dockerfiles.

Such texts stand in ConfigMaps and in arguments of shells. Each line is read by itself; comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.dockerfile import bases
from auditor.manifests.text import arguments

_COMMENT: Final = re.compile(r"\s*(?:#|//|;|-- )|\s#.*")
_SETTING: Final = re.compile(
    r"""\s*(?:export\s+|ENV\s+|-\s+)?["']?(?P<key>[\w.-]*image)["']?\s*[:=]\s*"""
    r"""(?P<quote>["']?)(?P<value>[^\s"',;#>|&*][^"',;#]*?)(?P=quote)\s*[,;]?\s*$""",
    re.ASCII | re.IGNORECASE,
)
_NO_NAMES: Final = frozenset({"true", "false", "null", "none", "yes", "no", "auto"})
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
        if setting is not None and setting["value"].lower() not in _NO_NAMES:
            yield Line(number, setting.start("value"), setting["key"], setting["value"])
        for reference in arguments(line):
            if setting is None or reference not in setting["value"]:
                yield Line(number, line.find(reference), "", reference)


def _without_comment(line: str) -> str:
    match = _COMMENT.match(line)
    if match is not None:
        return ""
    start = line.find(" #")
    return line[:start] if start >= 0 else line
