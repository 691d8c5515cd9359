"""A report in a format. Pure: the same report and options give the same text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from auditor.model.report import Report
from auditor.report.options import RenderOptions

__all__ = ["FORMATS", "RenderOptions", "render"]

Render: TypeAlias = Callable[[Report, RenderOptions], str]


def _by(module: str) -> Render:
    """The format that a module writes. It is imported when it is used: a run writes one or two of them."""

    def write(report: Report, options: RenderOptions) -> str:
        return cast("Render", import_module(f"auditor.report.{module}").render)(report, options)

    return write


FORMATS: Final[Mapping[str, Render]] = MappingProxyType(
    {
        "table": _by("table"),
        "json": _by("json_v1"),
        "sarif": _by("sarif"),
        "github": _by("github"),
        "markdown": _by("markdown"),
        "csv": _by("csv_rows"),
        "junit": _by("junit"),
        "codequality": _by("codequality"),
        "html": _by("html"),
        "vsa": _by("vsa"),
    }
)
"""Every format by name, in the order in which `--help` lists them."""


def render(report: Report, format: str, options: RenderOptions | None = None) -> str:  # noqa: A002 - the field's word
    """The report as text, with a final newline. Raises KeyError for a format that is not in `FORMATS`."""
    return FORMATS[format](report, options or RenderOptions())
