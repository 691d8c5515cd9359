"""`${NAME}` and its relatives, filled in as Flux does after a build.

Source: github.com/fluxcd/pkg/envsubst (a fork of drone/envsubst) and kustomize-controller's postBuild: only braces, names of
letters, digits and underscores, `$${NAME}` for a text that stays. What this does not know, and a name without a value and
without a default, is left as it is written: then the text still says that something is missing.

>>> expand("${HOST:=ghcr.io}/acme/api:${TAG}", {"TAG": "v1"}.get)
Expanded(text='ghcr.io/acme/api:v1', names=('TAG',), unknown=())
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.config.names import InvalidPattern, compile_regex

Values: TypeAlias = Callable[[str], str | None]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SLICE: Final = re.compile(r":\s*(\d+)(?::(\d+))?")
_MOST: Final = 1024 * 1024
"""Characters of a text after its variables are filled in: a manifest of Kubernetes has no more."""
_TRIMMED: Final = 256
"""Characters of a value that a pattern cuts: names and versions are shorter."""
_NESTED: Final = 8
"""Defaults inside of defaults: one level is real."""


class Expanded(Struct, frozen=True):
    """The text, the names whose values are in it (in order), and the names that nothing gives a value."""

    text: str
    names: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def expand(text: str, values: Values) -> Expanded:
    """Fill in every variable of a text that has a value or a default. A text that would grow too large stays as it is."""
    run = _Run(values)
    made = run.text(text, 0)
    return Expanded(made, tuple(run.names), tuple(run.unknown)) if run.room >= 0 else Expanded(text)


class _Run:
    def __init__(self, values: Values) -> None:
        self._values = values
        self.room = _MOST
        """Characters that may still be filled in."""
        self.names: list[str] = []
        self.unknown: list[str] = []

    def text(self, text: str, depth: int) -> str:
        parts: list[str] = []
        position = 0
        while (start := text.find("${", position)) >= 0 and self.room >= 0:
            end = _closing(text, start + 2)
            if end is None:
                break
            if start > position and text[start - 1] == "$":
                parts += [text[position : start - 1], text[start : end + 1]]
            else:
                inner = self._variable(text[start + 2 : end], depth)
                self.room -= len(inner or "")
                parts += [text[position:start], text[start : end + 1] if inner is None else inner]
            position = end + 1
        return "".join(parts) + text[position:]

    def _variable(self, body: str, depth: int) -> str | None:
        """The text that stands for `${body}`; None where it is unknown."""
        match = _NAME.match(body)
        if match is None or depth > _NESTED:
            return None
        name, rest = match[0], body[match.end() :]
        value = self._values(name)
        if value is None or (value == "" and rest.startswith((":-", ":="))):
            default = _default(rest)
            if default is not None:
                return self.text(default, depth + 1)
            if value is None:
                self.unknown.append(name)
                return None
        made = value if _default(rest) is not None or not rest else _changed(value, rest)
        if made is not None:
            self.names.append(name)
        return made


def _closing(text: str, start: int) -> int | None:
    """The brace that ends a variable."""
    depth = 1
    for position in range(start, len(text)):
        if text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return None


def _default(rest: str) -> str | None:
    """What stands behind `:=`, `:-`, `=` or `-`."""
    for mark in (":=", ":-", "=", "-"):
        if rest.startswith(mark):
            return rest[len(mark) :]
    return None


def _changed(value: str, rest: str) -> str | None:
    """The functions on a value: cases, slices, and replacing one text; None for what is not among them."""
    plain = {"^^": value.upper(), ",,": value.lower(), "^": value[:1].upper() + value[1:]}
    plain[","] = value[:1].lower() + value[1:]
    if rest in plain:
        return plain[rest]
    if (match := _SLICE.fullmatch(rest)) is not None:
        begin = int(match[1])
        return value[begin : begin + int(match[2])] if match[2] else value[begin:]
    if rest[:1] in ("#", "%"):
        return _trimmed(value, rest)
    if "*" in rest or "?" in rest or "[" in rest:
        return None
    if rest.startswith("//"):
        old, _, new = rest[2:].partition("/")
        return value.replace(old, new)
    if rest.startswith("/"):
        where = rest[1:2] if rest[1:2] in ("#", "%") else ""
        old, _, new = rest[1 + len(where) :].partition("/")
        if where == "#":
            return new + value[len(old) :] if value.startswith(old) else value
        if where == "%":
            return value[: len(value) - len(old)] + new if value.endswith(old) else value
        return value.replace(old, new, 1)
    return None


def _trimmed(value: str, rest: str) -> str | None:
    """The value without the shortest (`#`, `%`) or longest (`##`, `%%`) match at its start or end; None: nobody can tell.

    Whether a star crosses a slash the implementations do not agree on.
    """
    mark = rest[:2] if rest[:1] * 2 == rest[:2] else rest[:1]
    pattern = rest[len(mark) :]
    if "[" in pattern or "\\" in pattern or ("*" in pattern and "/" in value) or len(value) > _TRIMMED:
        return None
    made = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    try:
        matches = compile_regex(made).fullmatch
    except InvalidPattern:
        return None
    counts = range(1, len(value) + 1) if len(mark) == 1 else range(len(value), 0, -1)
    if mark[0] == "#":
        return next((value[count:] for count in counts if matches(value[:count])), value)
    return next((value[:-count] for count in counts if matches(value[-count:])), value)
