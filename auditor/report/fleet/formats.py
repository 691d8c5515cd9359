"""The formats of an audit's report by name: texts in pieces, and folders of files in pieces. What is needed is imported then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from auditor.model.audit import Fleet
from auditor.report.options import RenderOptions

Text: TypeAlias = Callable[[Fleet, RenderOptions], Iterator[str]]
Folder: TypeAlias = Callable[[Fleet, RenderOptions], Iterator[tuple[str, Iterator[str]]]]


def _text(module: str) -> Text:
    def write(fleet: Fleet, options: RenderOptions) -> Iterator[str]:
        return cast("Text", import_module(f"auditor.report.fleet.{module}").render)(fleet, options)

    return write


TEXTS: Final[Mapping[str, Text]] = MappingProxyType({"json": _text("json_v1")})
"""Formats that are one text."""

FOLDERS: Final[Mapping[str, Folder]] = MappingProxyType({})
"""Formats that are many files."""
