"""The door to ruamel.yaml for rules: bytes → cells that know their lines.

Nodes are composed, never constructed: what a value *is* is decided by the table of keys, so `1.30`, `yes` and `0123` stay
what was written. Bounded: size, nodes (aliases followed), depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from auditor.errors import Problem
from auditor.limits import DEFAULT, Limits


class Kind(StrEnum):
    """What a cell is in YAML."""

    TEXT = "text"
    NUMBER = "a number"
    FLAG = "true or false"
    DATE = "a date"
    EMPTY = "empty"
    LIST = "a list"
    MAPPING = "a mapping"
    FOREIGN = "a value with a tag"


_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_KINDS: Final = {
    "tag:yaml.org,2002:str": Kind.TEXT,
    "tag:yaml.org,2002:int": Kind.NUMBER,
    "tag:yaml.org,2002:float": Kind.NUMBER,
    "tag:yaml.org,2002:bool": Kind.FLAG,
    "tag:yaml.org,2002:timestamp": Kind.DATE,
    "tag:yaml.org,2002:null": Kind.EMPTY,
    "tag:yaml.org,2002:seq": Kind.LIST,
    "tag:yaml.org,2002:map": Kind.MAPPING,
}


class Cell(Struct, frozen=True):
    """One value: its 1-based line, what it is, its text (scalars), items (lists), or entries with the lines of their keys."""

    line: int
    kind: Kind
    text: str = ""
    items: tuple[Cell, ...] = ()
    entries: dict[str, Cell] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


class Problems(Struct):
    """Every mistake found so far, over all files of one loading."""

    found: list[Problem] = field(default_factory=list)

    def add(self, file: str, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        """Note one mistake."""
        problem = Problem(file, line, message, help)
        if problem not in self.found:
            self.found.append(problem)

    def sorted(self) -> tuple[Problem, ...]:
        """In the order of files as they were first met, then of lines."""
        order = {file: index for index, file in reversed(list(enumerate(problem.file for problem in self.found)))}
        return tuple(sorted(self.found, key=lambda problem: (order[problem.file], problem.line)))


class _Stop(Exception):  # noqa: N818 - carries one problem out of a deep recursion
    def __init__(self, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        super().__init__(message)
        self.line, self.message, self.help = line, message, help


def read_document(content: bytes, file: str, problems: Problems, limits: Limits = DEFAULT) -> Cell | None:
    """The one document of a rules file. None where there is nothing to go on: the problems then say why."""
    try:
        node = _compose(content, limits)
        return _Reading(file, problems, limits).cell(node, 0)
    except _Stop as stop:
        problems.add(file, stop.line, stop.message, stop.help)
        return None


def _compose(content: bytes, limits: Limits) -> Any:
    if len(content) > limits.rules_bytes:
        raise _Stop(
            0, f"larger than {limits.rules_bytes} bytes", "Split it with `extends:`, or remove what is generated."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Stop(line, "not UTF-8", "Save the file as UTF-8.") from error
    try:
        node = YAML(typ="rt").compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(f"{error.context or ''} {error.problem or 'malformed'}".split())
        raise _Stop(mark.line + 1 if mark else 0, f"not YAML: {reason}", "Correct the syntax.") from error
    except RecursionError as error:
        raise _Stop(0, "nested too deeply", f"Stay below {limits.yaml_depth} levels.") from error
    except (YAMLError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError, AssertionError) as error:
        # ruamel.yaml answers some malformed input with the accident that it met, not with an error of its own
        raise _Stop(0, f"not YAML: {' '.join(str(error).split())[:200]}", "Correct the syntax.") from error
    if node is None:
        raise _Stop(0, "empty", "Start with `version: 1`.")
    return node


def _check_scalar(node: ScalarNode, line: int) -> None:
    """An escape can write half of a surrogate pair, which is no character and cannot be printed."""
    if _SURROGATE.search(node.value):
        raise _Stop(line, "holds half of a surrogate pair", "Write the character itself.")


class _Reading(Struct):
    file: str
    problems: Problems
    limits: Limits
    nodes: int = 0

    def cell(self, node: Any, depth: int) -> Cell:
        line = node.start_mark.line + 1
        self.nodes += 1
        if depth > self.limits.yaml_depth:
            raise _Stop(line, "nested too deeply, or an alias that holds itself", "Write the value out.")
        if self.nodes > self.limits.rules_nodes:
            raise _Stop(line, f"more than {self.limits.rules_nodes} values", "Use fewer aliases, or fewer entries.")
        kind = _KINDS.get(str(node.tag), Kind.FOREIGN)
        if isinstance(node, ScalarNode) and kind not in (Kind.LIST, Kind.MAPPING):
            _check_scalar(node, line)
            return Cell(line, kind, text=node.value)
        if isinstance(node, SequenceNode) and kind is Kind.LIST:
            return Cell(line, kind, items=tuple(self.cell(item, depth + 1) for item in node.value))
        if isinstance(node, MappingNode) and kind is Kind.MAPPING:
            return self._mapping(node, line, depth)
        return Cell(line, Kind.FOREIGN)

    def _mapping(self, node: MappingNode, line: int, depth: int) -> Cell:
        entries: dict[str, Cell] = {}
        lines: dict[str, int] = {}
        for key, key_line, value in self._keys(node):
            cell = self.cell(value, depth + 1)
            if key in entries:
                self._problem(
                    key_line, f"`{key[:100]}` is written twice (first on line {lines[key]})", "Keep one of the two."
                )
                continue
            entries[key], lines[key] = cell, key_line
        return Cell(line, Kind.MAPPING, entries=entries, lines=lines)

    def _keys(self, node: MappingNode) -> Iterator[tuple[str, int, Any]]:
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or _KINDS.get(str(key.tag)) in (None, Kind.EMPTY):
                merge = isinstance(key, ScalarNode) and key.value == "<<"
                self._problem(
                    line, "merge keys are not read" if merge else "a key that is no text", "Write the keys out."
                )
                continue
            _check_scalar(key, line)
            yield key.value, line, value

    def _problem(self, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        self.problems.add(self.file, line, message, help)
