"""One JSON object, read with the types that its reader expects. Every mistake is named with its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct

T = TypeVar("T")
_MISSING: Final = object()
_LARGEST: Final = 2**53
"""Whole numbers beyond this are not the same in every JSON reader (RFC 8259, section 6)."""


class InvalidReport(ValueError):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """A document that is no report of version 1; the message says which field, and what is wrong with it."""


class Fields(Struct, frozen=True):
    """The members of one JSON object, read with their types. `where` is its path, for messages."""

    members: Mapping[str, Any]
    where: str

    def _get(self, name: str, default: Any = _MISSING) -> Any:
        value = self.members.get(name, default)
        if value is _MISSING:
            raise InvalidReport(f"{self.where}: {name} is missing")
        return value

    def _wrong(self, name: str, wanted: str) -> InvalidReport:
        return InvalidReport(f"{self.where}.{name}: expected {wanted}")

    def text(self, name: str, default: Any = _MISSING) -> str:
        """A string."""
        value = self.members.get(name)
        if isinstance(value, str):  # nearly always, a hundred times for each image of a report
            return value
        value = self._get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A string or null; a missing member is null."""
        return None if self.members.get(name) is None else self.text(name)

    def truth(self, name: str, default: Any = _MISSING) -> bool:
        """A boolean."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def number(self, name: str) -> int | None:
        """A whole number or null; a missing member is null."""
        value = self.members.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST):
            raise self._wrong(name, "a whole number or null")
        return value

    def parsed(self, name: str, parse: Callable[[str], T], default: Any = _MISSING) -> T:
        """A string that `parse` understands (it raises ValueError for others)."""
        text = self.text(name, default)
        try:
            return parse(text)
        except ValueError:
            raise self._wrong(name, f"a value other than {text[:60]!r}") from None

    def parsed_or_none(self, name: str, parse: Callable[[str], T]) -> T | None:
        """A string that `parse` understands, or null."""
        return None if self.members.get(name) is None else self.parsed(name, parse)

    def fields(self, name: str) -> Fields:
        """An object."""
        value = self._get(name)
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return Fields(value, f"{self.where}.{name}")

    def fields_or_none(self, name: str) -> Fields | None:
        """An object or null."""
        return None if self.members.get(name) is None else self.fields(name)

    def each(self, name: str, default: Any = _MISSING) -> tuple[Fields, ...]:
        """An array of objects."""
        return tuple(
            Fields(item, f"{self.where}.{name}[{index}]")
            if isinstance(item, dict)
            else self._not_an_object(name, index)
            for index, item in enumerate(self._array(name, default))
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """An array of strings; a missing member is empty."""
        values = self._array(name, [])
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(name, "an array of strings")
        return tuple(values)

    def _array(self, name: str, default: Any) -> list[Any]:
        value = self._get(name, default)
        if not isinstance(value, list):
            raise self._wrong(name, "an array")
        return value

    def _not_an_object(self, name: str, index: int) -> Fields:
        raise InvalidReport(f"{self.where}.{name}[{index}]: expected an object")
