"""CSV (RFC 4180): one row per use, for spreadsheets and `join`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from auditor.model.report import JudgedUse, Report
from auditor.report.escape import csv_cell
from auditor.report.options import RenderOptions
from auditor.report.view import Entry, view

COLUMNS: Final = (
    "reference",
    "name",
    "tag",
    "digest",
    "pinned",
    "change",
    "verdict",
    "reason",
    "rule",
    "findings",
    "file",
    "line",
    "column",
    "key_path",
    "workload",
    "container",
    "root",
    "via",
    "base_file",
    "base_line",
    "deployed",
    "confidence",
    "repository",
)


def render(report: Report, _options: RenderOptions) -> str:
    """A header, then the uses, worst first. Lines end with a line feed; cells never hold one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(report_rows(report))
    return text.getvalue()


def report_rows(report: Report) -> Iterator[list[str]]:
    """One row per use, worst first; each cell is safe for a spreadsheet."""
    for entry in view(report).entries:
        for use in entry.image.uses or (None,):
            cells = (*_image_cells(entry, use), *_use_cells(use), entry.image.repository or "")
            yield [csv_cell(cell) for cell in cells]


def _image_cells(entry: Entry, use: JudgedUse | None) -> tuple[str, ...]:
    image = entry.image
    change = use.change if use else image.change
    return (
        image.reference,
        image.name or "",
        image.tag or "",
        str(image.digest or ""),
        _truth(image.pinned),
        change.value if change else "",
        image.verdict.value if image.verdict else "",
        image.reason,
        image.rule or "",
        " ".join(dict.fromkeys(finding.rule for finding in entry.findings if finding.counts)),
    )


def _use_cells(judged: JudgedUse | None) -> tuple[str, ...]:
    if judged is None:
        return ("",) * 12
    use = judged.use
    return (
        use.place.file,
        str(use.place.line or ""),
        str(use.place.column or ""),
        use.place.key_path,
        str(use.workload or ""),
        use.container or "",
        "" if use.root is None else use.root,
        use.via.value,
        use.base.file if use.base else "",
        str(use.base.line or "") if use.base else "",
        _truth(use.deployed),
        use.confidence.value,
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"
