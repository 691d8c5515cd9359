"""Cells against shapes: every mistake is reported, and what is left is returned, so that one run tells all of them."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from typing import Any, Final, assert_never

from msgspec import Struct

from auditor.config.document import Cell, Kind, Problems
from auditor.config.shape import Choice, Day, Either, Fields, Flag, Many, Record, Shape, Table, Text, Whole, Word
from auditor.limits import DEFAULT


class _Invalid:
    """Something that has not its shape; the problem has been noted."""


_INVALID: Final = _Invalid()
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Checker(Struct, frozen=True):
    """Checks the cells of one file."""

    file: str
    problems: Problems

    def record(self, cell: Cell, shape: Record) -> Fields:
        """The record that a whole file is. What is wrong has been noted; the rest is returned."""
        read = self._check(cell, shape, shape.name)
        return read if isinstance(read, Fields) else Fields(cell.line)

    def problem(self, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        """Note one mistake in this file."""
        self.problems.add(self.file, line, message, help)

    def _check(self, cell: Cell, shape: Shape, where: str) -> Any:
        match shape:
            case Text():
                return self._text(cell, shape, where)
            case Choice():
                return self._choice(cell, shape, where)
            case Flag():
                return self._flag(cell, where)
            case Whole():
                return self._whole(cell, shape, where)
            case Day():
                return self._day(cell, where)
            case Many():
                return self._many(cell, shape, where)
            case Table():
                return self._table(cell, shape, where)
            case Record():
                return self._record(cell, shape, where)
            case Either():
                chosen = shape.record if cell.kind is Kind.MAPPING else shape.text
                return self._check(cell, chosen, where)
            case _:  # pragma: no cover
                assert_never(shape)

    def _wrong(self, cell: Cell, where: str, wanted: str) -> _Invalid:
        self.problem(cell.line, f"{where} is {cell.kind}, expected is {wanted}", f"Write {wanted}.")
        return _INVALID

    def _text(self, cell: Cell, shape: Text, where: str) -> Word | _Invalid:
        loose = shape.loose and cell.kind in (Kind.NUMBER, Kind.FLAG, Kind.DATE)
        if cell.kind is not Kind.TEXT and not loose:
            scalar = cell.kind in (Kind.NUMBER, Kind.FLAG, Kind.DATE)
            return self._wrong(cell, where, "text (in quotes)" if scalar else "text")
        if not cell.text.strip():
            self.problem(cell.line, f"{where} is empty", f"Write a value{_example(shape)}, or leave the key out.")
            return _INVALID
        if len(cell.text) > DEFAULT.text:
            self.problem(cell.line, f"{where} is longer than {DEFAULT.text} characters", "Shorten it.")
            return _INVALID
        if shape.pattern and not re.fullmatch(shape.pattern, cell.text, re.ASCII):
            self.problem(cell.line, f"{where} cannot be {_shown(cell.text)}", f"Write a value{_example(shape)}.")
            return _INVALID
        return Word(cell.text, cell.line)

    def _choice(self, cell: Cell, shape: Choice, where: str) -> Word | _Invalid:
        if cell.kind in (Kind.LIST, Kind.MAPPING, Kind.FOREIGN) or cell.text not in shape.words:
            shown = _shown(cell.text) if cell.text else cell.kind
            self.problem(cell.line, f"{where} cannot be {shown}", f"Write one of: {', '.join(shape.words)}.")
            return _INVALID
        return Word(cell.text, cell.line)

    def _flag(self, cell: Cell, where: str) -> bool | _Invalid:
        if cell.kind is not Kind.FLAG or cell.text.lower() not in ("true", "false"):
            return self._wrong(cell, where, "true or false")
        return cell.text.lower() == "true"

    def _whole(self, cell: Cell, shape: Whole, where: str) -> int | _Invalid:
        digits = cell.kind is Kind.NUMBER and re.fullmatch(r"0|[1-9]\d{0,8}", cell.text, re.ASCII)
        if not digits or not shape.least <= int(cell.text) <= shape.most:
            wanted = (
                f"{shape.least}" if shape.least == shape.most else f"a whole number from {shape.least} to {shape.most}"
            )
            self.problem(
                cell.line, f"{where} cannot be {_shown(cell.text) if cell.text else cell.kind}", f"Write {wanted}."
            )
            return _INVALID
        return int(cell.text)

    def _day(self, cell: Cell, where: str) -> date | _Invalid:
        if cell.kind in (Kind.DATE, Kind.TEXT) and _DATE.fullmatch(cell.text):
            try:
                return date.fromisoformat(cell.text)
            except ValueError:
                pass
        shown = _shown(cell.text) if cell.text else cell.kind
        self.problem(cell.line, f"{where} is no date: {shown}", "Write a date as YYYY-MM-DD.")
        return _INVALID

    def _many(self, cell: Cell, shape: Many, where: str) -> tuple[Any, ...] | _Invalid:
        if cell.kind is not Kind.LIST:
            one = self._check(cell, shape.item, where)
            return _INVALID if one is _INVALID else (one,)
        if not cell.items and not shape.empty:
            self.problem(cell.line, f"{where} is an empty list", "Name at least one, or leave the key out.")
        read = (self._check(item, shape.item, f"{where}[{index}]") for index, item in enumerate(cell.items))
        return tuple(item for item in read if item is not _INVALID)

    def _table(self, cell: Cell, shape: Table, where: str) -> Fields | _Invalid:
        if cell.kind is not Kind.MAPPING:
            return self._wrong(cell, where, f"a mapping by {shape.key}")
        read = {key: self._check(value, shape.value, f"{where}.{_cut(key)}") for key, value in cell.entries.items()}
        return Fields(cell.line, {key: value for key, value in read.items() if value is not _INVALID}, cell.lines)

    def _record(self, cell: Cell, shape: Record, where: str) -> Fields | _Invalid:
        if cell.kind is not Kind.MAPPING:
            return self._wrong(cell, where, "a mapping")
        for key in cell.entries:
            if key not in shape.keys:
                self._unknown(cell.lines[key], key, shape, where)
        for key, known in shape.keys.items():
            if known.required and key not in cell.entries:
                self.problem(cell.line, f"{where} has no `{key}`", f"Add `{key}:` ({known.doc.rstrip('.')}).")
        self._forms(cell, shape, where)
        read = {
            key: self._check(cell.entries[key], known.shape, f"{where}.{key}" if where != shape.name else key)
            for key, known in shape.keys.items()
            if key in cell.entries
        }
        return Fields(cell.line, {key: value for key, value in read.items() if value is not _INVALID}, cell.lines)

    def _unknown(self, line: int, key: str, shape: Record, where: str) -> None:
        near = get_close_matches(key[:100], shape.keys, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(shape.keys))}."
        self.problem(line, f"unknown key `{_cut(key)}` in {where}", hint)

    def _forms(self, cell: Cell, shape: Record, where: str) -> None:
        if not shape.forms:
            return
        written = [form for form in shape.forms if form in cell.entries]
        if not written:
            self.problem(cell.line, f"{where} says nothing", f"Write one of: {', '.join(shape.forms)}.")
        for extra in written[1:]:
            message = f"{where} has both `{written[0]}` and `{extra}`"
            self.problem(cell.lines[extra], message, "Keep one of the two.")


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"


def _shown(text: str) -> str:
    return repr(_cut(text))


def _example(shape: Text) -> str:
    return f" like `{shape.example}`" if shape.example else ""
