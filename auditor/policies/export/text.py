"""Plain values → YAML text. Every text is quoted or a block, so that nothing is read as anything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Plain: TypeAlias = "str | bool | int | Sequence[Plain] | Mapping[str, Plain]"


def document(value: Mapping[str, Plain]) -> str:
    """One document."""
    return "\n".join(_lines(value)) + "\n"


def documents(header: Iterable[str], values: Iterable[Mapping[str, Plain]]) -> str:
    """Several, under a comment."""
    comment = "".join(f"# {line}\n" for line in header)
    return comment + "---\n".join(document(value) for value in values)


def _lines(value: Plain) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{key}:", inner)
    elif isinstance(value, str | bool | int):
        yield _scalar(value)
    else:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(key: str, value: Plain) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield f"{key} |"
        yield from (f"  {line}" for line in value.rstrip("\n").split("\n"))
    elif isinstance(value, str | bool | int):
        yield f"{key} {_scalar(value)}"
    elif not value:
        yield f"{key} {{}}" if isinstance(value, Mapping) else f"{key} []"
    else:
        yield key
        yield from (f"  {line}" for line in _lines(value))


def _scalar(value: str | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
