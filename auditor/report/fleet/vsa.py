"""Verification summaries of an audit: one JSON line per repository and digest."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.audit import Fleet
from auditor.report.escape import json_line
from auditor.report.options import RenderOptions
from auditor.report.vsa import statements


def render(fleet: Fleet, _options: RenderOptions) -> Iterator[str]:
    """The lines of each repository, in the order of their names."""
    for audited in fleet.repositories():
        if audited.report is not None:
            target = audited.target
            address = f"{target.address}#{target.path}" if target.path else target.address
            for statement in statements(audited.report, address, audited.commit):
                yield f"{json_line(statement)}\n"
