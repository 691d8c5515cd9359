"""The members of a JSON document of any size, one entry of its long lists at a time. The only door to ijson."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, BinaryIO, Final, TypeAlias

import ijson

from auditor.report.fields import InvalidReport

Event: TypeAlias = tuple[str, Any]

_DEPTH: Final = 32
"""Nesting of one entry: ours have six."""


class _Metered:
    """A file that refuses to go on where a single entry has become too large."""

    def __init__(self, file: BinaryIO, entry_bytes: int) -> None:
        self._file = file
        self._limit = entry_bytes
        self._since = 0

    def read(self, size: int = -1) -> bytes:
        if self._since > self._limit:
            raise InvalidReport(f"one entry is larger than {self._limit >> 20} MiB")
        content = self._file.read(size)
        self._since += len(content)
        return content

    def entry_ends(self) -> None:
        """What is read from now on belongs to the next entry."""
        self._since = 0


def members(
    file: BinaryIO, lists: Collection[str], values: Collection[str], entry_bytes: int
) -> Iterator[tuple[str, Any]]:
    """(name, entry) for each entry of the lists that are named, (name, value) for each member that is named.

    Everything else is passed over. The order is the document's. Raises InvalidReport; OSError where the file cannot be read.
    """
    metered = _Metered(file, entry_bytes)
    events: Iterator[Event] = iter(ijson.basic_parse(metered, use_float=True))
    try:
        if next(events)[0] != "start_map":
            raise InvalidReport("not a JSON object")
        for event, name in events:
            if event == "end_map":
                break
            if name in lists:
                yield from ((name, entry) for entry in _entries(name, events, metered))
            elif name in values:
                yield name, _built(*next(events), events)
            else:
                _pass_over(events, metered)
            metered.entry_ends()
        for _event in events:
            raise InvalidReport("something follows the document")
    except (ijson.JSONError, UnicodeDecodeError, StopIteration, OverflowError) as error:
        raise InvalidReport(f"not JSON: {str(error).splitlines()[0] if str(error) else 'it ends early'}") from None


def _entries(name: str, events: Iterator[Event], metered: _Metered) -> Iterator[Any]:
    if next(events, ("", None))[0] != "start_array":
        raise InvalidReport(f"report.{name}: expected an array")
    for event, value in events:
        if event == "end_array":
            return
        yield _built(event, value, events)
        metered.entry_ends()


def _built(event: str, value: Any, events: Iterator[Event]) -> Any:
    """The value that begins with this event, as `json.loads` would build it."""
    if event not in {"start_map", "start_array"}:
        return value
    top: dict[str, Any] | list[Any] = {} if event == "start_map" else []
    open_, keys = [top], [""]
    for inner, part in events:
        if inner == "map_key":
            keys[-1] = part
        elif inner in {"end_map", "end_array"}:
            open_.pop()
            keys.pop()
            if not open_:
                break
        else:
            item = part if inner not in {"start_map", "start_array"} else {} if inner == "start_map" else []
            holder = open_[-1]
            if isinstance(holder, dict):
                holder[keys[-1]] = item
            else:
                holder.append(item)
            if inner in {"start_map", "start_array"}:
                open_.append(item)
                keys.append("")
            if len(open_) > _DEPTH:
                raise InvalidReport(f"nested deeper than {_DEPTH}")
    return top


def _pass_over(events: Iterator[Event], metered: _Metered) -> None:
    """Leave out one value. Nothing of it is kept."""
    depth = 0
    for event, _value in events:
        metered.entry_ends()
        depth += {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}.get(event, 0)
        if depth == 0:
            return
