"""CSV of an audit (RFC 4180): the rows of each repository, in the order of their names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from msgspec.structs import replace

from auditor.model.audit import Audited, Fleet
from auditor.report.csv_rows import COLUMNS, report_rows
from auditor.report.escape import csv_cell
from auditor.report.options import RenderOptions


def render(fleet: Fleet, _options: RenderOptions) -> Iterator[str]:
    """A header, then one row per use; one for a repository that could not be audited, with the reason."""
    yield _lines([list(COLUMNS)])
    for audited in fleet.repositories():
        yield _lines(_rows(audited))


def _rows(audited: Audited) -> list[list[str]]:
    name = audited.target.name
    if audited.report is None:
        return [_failed(audited)]
    images = tuple(replace(image, repository=name) for image in audited.report.images)
    return list(report_rows(replace(audited.report, images=images)))


def _failed(audited: Audited) -> list[str]:
    failure = audited.failure
    cells = dict.fromkeys(COLUMNS, "")
    cells["reason"] = f"not audited: {failure.stage.value}: {failure.why}" if failure else "not audited"
    cells["repository"] = audited.target.name
    return [csv_cell(cells[column]) for column in COLUMNS]


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
