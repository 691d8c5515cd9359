"""SARIF of an audit: a folder with one file per repository, to be uploaded to that repository, and a list of them.

A repository that could not be audited has no file: an upload without results would close its alerts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from auditor.model.audit import Audited, Fleet
from auditor.report.escape import json_line
from auditor.report.fleet.paths import file_stem
from auditor.report.fleet.spool import Spool, sort_key
from auditor.report.options import RenderOptions
from auditor.report.sarif import render as render_one

_DEFAULT: Final = RenderOptions().category


def render(fleet: Fleet, options: RenderOptions) -> Iterator[tuple[str, Iterator[str]]]:
    """`<repository>.sarif` for each, then `index.json`: which file is whose, at which commit, and what failed."""
    own = replace(options, category="audit") if options.category == _DEFAULT else options
    with Spool() as listed:
        for audited in fleet.repositories():
            file = f"{file_stem(audited.target.name)}.sarif" if audited.report else None
            listed.add(sort_key(audited.target.name), json_line(_entry(audited, file)).encode())
            if file and audited.report:
                yield file, iter((render_one(audited.report, own),))
        yield "index.json", _index(listed)


def _entry(audited: Audited, file: str | None) -> dict[str, Any]:
    target, failure = audited.target, audited.failure
    return {
        "repository": target.name,
        "address": target.address,
        "ref": target.ref,
        "path": target.path,
        "commit": audited.commit,
        "file": file,
        "failure": {"stage": failure.stage.value, "why": failure.why} if failure else None,
    }


def _index(listed: Spool) -> Iterator[str]:
    yield "["
    before = "\n"
    for _key, body in listed:
        yield before + body.decode()
        before = ",\n"
    yield "\n]\n"
