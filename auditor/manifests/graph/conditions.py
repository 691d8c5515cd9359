"""Conditions in the template of an ApplicationSet: which of the branches of a text counts, as Go templates decide it.

`if`, `else if` and `else` with fields, `eq`, `ne`, `not`, `and`, `or`, `hasKey`, `contains`, `hasPrefix`, `hasSuffix` and `empty`.
What has anything else (`range`, `with`, variables), or asks for what only a controller knows, stays as it is written.
Source: text/template, sprig, and argo-cd's documentation of ApplicationSets in Go templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Values
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.manifests.nodes import Scalar

UNKNOWN: Final = "?"
"""Among parameters: there are others, which only a controller knows. No field has this name."""
_IF: Final = re.compile(r"\{\{-?\s*if\s")
_WORD: Final = re.compile(r'\s*("[^"\\]*"|`[^`]*`|[()]|[^\s()"`]+)')
_FIELD: Final = re.compile(r"\.[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)
_CONTROL: Final = frozenset({"if", "range", "with", "define", "block", "else", "end"})
_MOST: Final = 64
"""Words of one condition, and conditions inside of each other."""
_LONGEST: Final = 1024
"""Characters of one condition."""
_ASKED: Final = 6
"""Conditions of a text of which every outcome is looked at."""
_Decide: TypeAlias = Callable[[str], bool]
"""Whether a condition holds."""


class _UndecidedError(Exception):
    """What a controller would make of it cannot be told here."""


_Value: TypeAlias = Scalar | str | bool | None
"""What an expression makes: a parameter, a text, a truth value; None for what is not there."""


class _Part(Struct, frozen=True):
    """A text, or an action without its braces."""

    text: str
    is_action: bool


def chosen(text: str, parameters: Values[str, Scalar]) -> str:
    """The text without its conditions: of each the branch that counts. The whole text where one cannot be decided."""
    if _IF.search(text) is None:
        return text
    try:
        return _made(list(_parts(text)), lambda condition: _is_true(_evaluated(condition, parameters)))
    except _UndecidedError:
        return text


def variants(text: str) -> frozenset[str]:
    """Every text that conditions may make of this one, whatever they ask; none where it has too many, or anything else that steers."""
    parts = list(_parts(text))
    count = sum(part.is_action and "if" in part.text.split()[:2] for part in parts)
    if count > _ASKED:
        return frozenset()
    try:
        return frozenset(_made(parts, _answers(number)) for number in range(2**count))
    except _UndecidedError:
        return frozenset()


def _answers(number: int) -> _Decide:
    """Answers to one condition after the other: the bits of a number."""
    answers = iter(range(_ASKED))
    return lambda _condition: bool(number >> next(answers) & 1)


def _made(parts: list[_Part], decide: _Decide) -> str:
    made, end = _branch(parts, 0, decide, keep=True, depth=0)
    if end < len(parts):
        raise _UndecidedError
    return made


def _parts(text: str) -> Iterator[_Part]:
    """Texts and actions in turn, without the space that `{{-` and `-}}` cut off. Other actions stay in the texts."""
    position = start = 0
    while (start := text.find("{{", start)) >= 0 and (end := text.find("}}", start)) >= 0:
        said = text[start + 2 : end]
        inner = said.removeprefix("-").removesuffix("-").strip()
        if inner and inner.split(maxsplit=1)[0] in _CONTROL:
            before = text[position:start]
            yield _Part(before.rstrip() if said.startswith("-") else before, False)
            yield _Part(inner, True)
            position = end + 2
            if said.endswith("-"):
                position += len(text[position:]) - len(text[position:].lstrip())
        start = max(end + 2, position)
    yield _Part(text[position:], False)


def _branch(parts: list[_Part], at: int, decide: _Decide, *, keep: bool, depth: int) -> tuple[str, int]:
    """The text up to the `else` or `end` that belongs to no condition in it, and where that is."""
    made: list[str] = []
    while at < len(parts):
        part = parts[at]
        if part.is_action and part.text.split()[0] in ("else", "end"):
            break
        if part.is_action:
            inner, at = _condition(parts, at, decide, keep=keep, depth=depth + 1)
            made.append(inner)
        else:
            made.append(part.text if keep else "")
            at += 1
    return "".join(made), at


def _condition(parts: list[_Part], at: int, decide: _Decide, *, keep: bool, depth: int) -> tuple[str, int]:
    """What a whole `if` makes, and where it ends."""
    said, made, done = parts[at].text, "", not keep
    while depth < _MOST:
        word, _, condition = said.partition(" ")
        is_plain_else = (word, condition) == ("else", "")
        if not (is_plain_else or (word == "if" and condition) or (word == "else" and condition.startswith("if "))):
            raise _UndecidedError
        wanted = not done and (not condition or decide(condition.removeprefix("if ")))
        inner, at = _branch(parts, at + 1, decide, keep=wanted, depth=depth)
        made, done = (inner, True) if wanted else (made, done)
        if at >= len(parts):
            break
        said = parts[at].text
        if said == "end":
            return made, at + 1
    raise _UndecidedError


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _evaluated(condition: str, parameters: Values[str, Scalar]) -> _Value:
    words: list[str] = []
    position, condition = 0, condition[: _LONGEST + 1].rstrip()
    while (match := _WORD.match(condition, position)) is not None and len(words) <= _MOST:
        words.append(match[1])
        position = match.end()
    if position < len(condition) or len(condition) > _LONGEST:
        raise _UndecidedError
    value, rest = _call(words, parameters)
    if rest:
        raise _UndecidedError
    return value


def _call(words: list[str], parameters: Values[str, Scalar]) -> tuple[_Value, list[str]]:
    """A function with its arguments, or one value; and the words after it, up to a bracket that closes."""
    values: list[_Value] = []
    name, rest = (words[0], words[1:]) if words and words[0] in _FUNCTIONS else ("", words)
    while rest and rest[0] != ")":
        if rest[0] == "(":
            value, rest = _call(rest[1:], parameters)
            if not rest:
                raise _UndecidedError
        elif name == "hasKey" and rest[0] == ".":
            value = ""
        else:
            value = _value(rest[0], parameters, name)
        values.append(value)
        rest = rest[1:]
    if not name and len(values) == 1:
        return values[0], rest
    return _applied(name, values, parameters), rest


def _value(word: str, parameters: Values[str, Scalar], name: str) -> _Value:
    if word[0] in '"`':
        return word[1:-1]
    if word in ("true", "false"):
        return word == "true"
    if _FIELD.fullmatch(word) is None:
        raise _UndecidedError
    key = word[1:]
    if name == "hasKey":
        return f"{key}."
    if (value := parameters.get(key)) is not None:
        return value
    if UNKNOWN in parameters:
        raise _UndecidedError
    return any(held.startswith((f"{key}.", f"{key}[")) for held in parameters) or None


def _applied(name: str, values: list[_Value], parameters: Values[str, Scalar]) -> bool:
    texts = [_text(value) for value in values] if name not in ("and", "or", "not", "empty") else []
    match name, len(values):
        case "eq", count if count > 1:
            return texts[0] in texts[1:]
        case "ne", 2:
            return texts[0] != texts[1]
        case (("not" | "empty"), 1):
            return not _is_true(values[0])
        case "and", count if count > 1:
            return all(map(_is_true, values))
        case "or", count if count > 1:
            return any(map(_is_true, values))
        case "hasKey", 2 if UNKNOWN not in parameters:
            whole = f"{texts[0]}{texts[1]}"
            return any(held == whole or held.startswith((f"{whole}.", f"{whole}[")) for held in parameters)
        case "contains", 2:
            return texts[0] in texts[1]
        case "hasPrefix", 2:
            return texts[1].startswith(texts[0])
        case "hasSuffix", 2:
            return texts[1].endswith(texts[0])
        case _:
            raise _UndecidedError


_FUNCTIONS: Final = frozenset({"eq", "ne", "not", "empty", "and", "or", "hasKey", "contains", "hasPrefix", "hasSuffix"})


def _text(value: _Value) -> str:
    """What `eq` compares. Go refuses to compare a truth value or nothing with a text: then no Application is made."""
    if isinstance(value, Scalar) and (value.quoted or not _is_switch(value.text)):
        return value.text
    if isinstance(value, str):
        return value
    raise _UndecidedError


def _is_true(value: _Value) -> bool:
    if isinstance(value, Scalar):
        return not value.null and value.text != "" and (value.quoted or value.text not in ("false", "0"))
    return bool(value)


def _is_switch(text: str) -> bool:
    return text in ("true", "false")
