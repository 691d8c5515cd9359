"""A report in a format. Pure: the same report and options give the same text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from auditor.model.report import Report
from auditor.report import codequality, csv_rows, github, json_v1, junit, markdown, sarif, table
from auditor.report.options import RenderOptions

__all__ = ["FORMATS", "RenderOptions", "render"]

FORMATS: Final[Mapping[str, Callable[[Report, RenderOptions], str]]] = MappingProxyType(
    {
        "table": table.render,
        "json": json_v1.render,
        "sarif": sarif.render,
        "github": github.render,
        "markdown": markdown.render,
        "csv": csv_rows.render,
        "junit": junit.render,
        "codequality": codequality.render,
    }
)
"""Every format by name, in the order in which `--help` lists them."""


def render(report: Report, format: str, options: RenderOptions | None = None) -> str:  # noqa: A002 - the field's word
    """The report as text, with a final newline. Raises KeyError for a format that is not in `FORMATS`."""
    return FORMATS[format](report, options or RenderOptions())
