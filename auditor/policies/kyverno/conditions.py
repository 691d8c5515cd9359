"""Conditions: `key`, `operator`, `value`, with `{{ JMESPath }}` in either, over what is known of the request.

An expression that touches anything that is not known, a function that only Kyverno has, or a result of null is unknown: never
taken for an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from auditor.config.names import InvalidPattern
from auditor.limits import DEFAULT
from auditor.manifests.nodes import Mapping as MappingNode
from auditor.manifests.nodes import Node, Scalar
from auditor.policies.cursor import Cursor
from auditor.policies.kyverno.answer import Maybe, every, some
from auditor.policies.kyverno.wildcard import matches

Value: TypeAlias = Any
"""What JSON can say."""

_VARIABLE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NUMBER_LIKE: Final = re.compile(r"[+-]?\d")
_WHOLE: Final = re.compile(r"[+-]?\d{1,15}")
_FRACTION: Final = re.compile(r"[+-]?\d{1,15}\.\d{1,15}")
_LONGEST: Final = DEFAULT.expression_characters


class Unknown(Exception):  # noqa: N818 - an answer of one condition, not an error of the program
    """It depends on something that nobody knows here."""


def hold(block: Cursor, known: Mapping[str, Value], complete: frozenset[str]) -> Maybe:
    """Whether `{any: […], all: […]}`, or a list of conditions, holds.

    `known` is the data; `complete` names the top keys whose every part is known (`*`: all), so that what is absent there
    is absent for the engine too.
    """
    if block["any"] or block["all"]:
        whole = [every(_holds(each, known, complete) for each in block["all"])]
        if block["any"]:
            whole.append(some(_holds(each, known, complete) for each in block["any"]))
        return every(whole)
    return every(
        hold(each, known, complete) if each["any"] or each["all"] else _holds(each, known, complete) for each in block
    )


def _holds(condition: Cursor, known: Mapping[str, Value], complete: frozenset[str]) -> Maybe:
    try:
        key = _value(condition["key"], known, complete)
        value = _value(condition["value"], known, complete)
        return _OPERATORS[condition["operator"].text.lower()](key, value)
    except (Unknown, KeyError, InvalidPattern):
        return None


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _value(field: Cursor, known: Mapping[str, Value], complete: frozenset[str]) -> Value:
    return _filled(plain(field.node), known, complete)


def plain(node: Node | None) -> Value:
    """A node as JSON, as YAML 1.1 readers in Go take it: unquoted numbers and booleans are such."""
    match node:
        case None:
            return None
        case Scalar():
            return _scalar(node)
        case MappingNode():
            return {key: plain(value) for key, value in node.entries}
        case _:
            return [plain(item) for item in node.items]


def _scalar(node: Scalar) -> Value:
    text = node.text
    if node.null:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def _filled(value: Value, known: Mapping[str, Value], complete: frozenset[str]) -> Value:
    match value:
        case str():
            return _substituted(value, known, complete)
        case list():
            return [_filled(item, known, complete) for item in value]
        case dict():
            return {key: _filled(item, known, complete) for key, item in value.items()}
        case _:
            return value


def _substituted(text: str, known: Mapping[str, Value], complete: frozenset[str]) -> Value:
    whole = _VARIABLE.fullmatch(text.strip())
    if whole:
        return evaluate(whole[1], known, complete)
    if "$(" in text or "{{" in _VARIABLE.sub("", text):
        raise Unknown(text)
    return _VARIABLE.sub(lambda found: _as_text(evaluate(found[1], known, complete)), text)


def _as_text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise Unknown(value)


def evaluate(expression: str, known: Mapping[str, Value], complete: frozenset[str]) -> Value:
    """The value of a JMESPath expression. Raises Unknown."""
    try:
        import jmespath  # noqa: PLC0415 - of the extra `kyverno`, and only conditions need it
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415
    except ImportError:
        raise Unknown("the extra `kyverno` is not installed") from None
    if len(expression) > _LONGEST:
        raise Unknown("the expression is too long")
    try:
        compiled = jmespath.compile(expression.strip())
        _check_known(compiled.parsed, known, complete)
        value = compiled.search(known)
    except (JMESPathError, RecursionError, ValueError, TypeError, ArithmeticError) as error:
        raise Unknown(str(error)) from None
    if value is None:
        raise Unknown(f"{expression.strip()} is null")
    return value


def problem_with(expression: str) -> str | None:
    """Why the text is no JMESPath; None where it is, or where the extra that reads it is missing."""
    try:
        import jmespath  # noqa: PLC0415 - as above
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        jmespath.compile(expression.strip())
    except (JMESPathError, RecursionError, ValueError) as error:
        return str(error).partition("\n")[0]
    return None


def expressions(text: str) -> list[str]:
    """The JMESPath expressions inside a text."""
    return [found[1] for found in _VARIABLE.finditer(text)]


def _check_known(tree: Value, known: Value, complete: frozenset[str]) -> None:
    """Raises Unknown where an expression looks at data that only the engine has."""
    if "*" in complete:
        return
    kind, children = tree["type"], tree.get("children", [])
    trail = _trail(tree)
    if trail is not None:
        _check_trail(trail, known, complete)
    elif kind in {"literal", "identity"}:
        return
    elif kind in {"function_expression", "or_expression", "and_expression", "not_expression", "comparator"}:
        for child in children:
            _check_known(child, known, complete)
    else:
        raise Unknown(f"an expression with {kind}")


def _trail(tree: Value) -> list[str] | None:
    """`a.b.c` as its names; None for anything else."""
    if tree["type"] == "field":
        return [tree["value"]]
    if tree["type"] == "subexpression":
        parts = [_trail(child) for child in tree["children"]]
        return None if any(part is None for part in parts) else [name for part in parts if part for name in part]
    return None


def _check_trail(trail: list[str], known: Value, complete: frozenset[str]) -> None:
    here = known
    for depth, name in enumerate(trail):
        if ".".join(trail[:depth]) in complete:
            return
        if not isinstance(here, Mapping) or name not in here:
            raise Unknown(".".join(trail))
        here = here[name]
    if isinstance(here, Mapping) and ".".join(trail) not in complete:
        raise Unknown(".".join(trail))


# ── operators ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _equal(key: Value, value: Value) -> bool:
    """Kyverno's `Equals`: numbers as numbers, texts by wildcard. Quantities and durations in two spellings are unknown."""
    if isinstance(key, bool) or isinstance(value, bool):
        return key is value
    if isinstance(key, int | float) and isinstance(value, int | float):
        return key == value
    if isinstance(key, str) and isinstance(value, str):
        if key != value and _NUMBER_LIKE.match(key) and _NUMBER_LIKE.match(value):
            raise Unknown("quantities")
        return matches(value, key)
    if isinstance(key, list | dict) and isinstance(value, list | dict):
        return bool(key == value)
    raise Unknown("values of two kinds")


def _texts(value: Value) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool | list | dict) or item is None for item in items):
        raise Unknown("not a list of texts")
    return [str(item) for item in items]


def _members(value: Value) -> list[str]:
    if not isinstance(value, list):
        raise Unknown("not a list")  # a text may be a range, or JSON
    return _texts(value)


def _within(item: str, patterns: list[str]) -> bool:
    return any(matches(pattern, item) or matches(item, pattern) for pattern in patterns)


def _any_in(key: Value, value: Value) -> bool:
    return any(_within(item, _members(value)) for item in _texts(key))


def _all_in(key: Value, value: Value) -> bool:
    return all(_within(item, _members(value)) for item in _texts(key))


def _compared(answer: Callable[[float, float], bool]) -> Callable[[Value, Value], Maybe]:
    def compare(key: Value, value: Value) -> Maybe:
        numbers = [each for each in (key, value) if isinstance(each, int | float) and not isinstance(each, bool)]
        if len(numbers) != 2:
            raise Unknown("not numbers")
        return answer(*numbers)

    return compare


_OPERATORS: Final[Mapping[str, Callable[[Value, Value], Maybe]]] = MappingProxyType(
    {
        "equal": _equal,
        "equals": _equal,
        "notequal": lambda key, value: not _equal(key, value),
        "notequals": lambda key, value: not _equal(key, value),
        "in": _all_in,
        "anyin": _any_in,
        "allin": _all_in,
        "notin": lambda key, value: not _any_in(key, value),
        "anynotin": lambda key, value: not _all_in(key, value),
        "allnotin": lambda key, value: not _any_in(key, value),
        "greaterthan": _compared(lambda key, value: key > value),
        "greaterthanorequals": _compared(lambda key, value: key >= value),
        "lessthan": _compared(lambda key, value: key < value),
        "lessthanorequals": _compared(lambda key, value: key <= value),
    }
)
