"""An audit in a format. Pure: the same fleet and options give the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from auditor.model.audit import Fleet
from auditor.report.options import RenderOptions

Text: TypeAlias = Callable[[Fleet, RenderOptions], Iterator[str]]
"""A format that is one text: its pieces in order."""
Folder: TypeAlias = Callable[[Fleet, RenderOptions], Iterator[tuple[str, Iterator[str]]]]
"""A format that is a folder: (path below it, pieces). The pieces of a file are read before the next file is asked for."""


def _text(module: str) -> Text:
    """The format that a module writes. It is imported when it is used."""

    def write(fleet: Fleet, options: RenderOptions) -> Iterator[str]:
        return cast("Text", import_module(f"auditor.report.fleet.{module}").render)(fleet, options)

    return write


def _folder(module: str) -> Folder:
    def write(fleet: Fleet, options: RenderOptions) -> Iterator[tuple[str, Iterator[str]]]:
        return cast("Folder", import_module(f"auditor.report.fleet.{module}").render)(fleet, options)

    return write


TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "table": _text("table"),
        "json": _text("json_v1"),
        "csv": _text("csv_rows"),
        "markdown": _text("markdown"),
        "metrics": _text("metrics"),
        "vsa": _text("vsa"),
    }
)
"""Formats that are one text, by name."""

FOLDERS: Final[Mapping[str, Folder]] = MappingProxyType({"sarif": _folder("sarif"), "html": _folder("site")})
"""Formats that are a folder, by name."""
