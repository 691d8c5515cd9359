"""The page of an image: every reference to its name, in every repository that uses it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby, islice
from types import TracebackType
from typing import Any, Final, Self

from auditor.model.audit import Audited, Fleet
from auditor.model.finding import Finding
from auditor.model.report import Image
from auditor.model.verdict import Verdict
from auditor.report.fleet.census import DRIFT
from auditor.report.fleet.site.frame import chip, days, foreign, frame, image_path, link, look, repository_path
from auditor.report.fleet.spool import Spool, sort_key
from auditor.report.html.data import NAME
from auditor.report.words import count, current_signer, short_reference, signer_words

_PLACES: Final = 3
_ROWS: Final = 1_000
"""Rows of one page: an image in more repositories than that is told in full by the CSV."""


class ImageUses:
    """Who uses which image, by image. Filled while an audit is gone through."""

    def __init__(self) -> None:
        self._spool = Spool()

    def add(self, audited: Audited) -> None:
        """What one repository uses."""
        if audited.report is None:
            return
        since = _days(audited.report.findings)
        for image in audited.report.images:
            severity = len(Verdict) if image.verdict is None else image.verdict.severity
            name = image.name or image.reference
            key = sort_key(name, severity, image.reference, audited.target.name)
            record = _record(name, audited.target.name, image, since.get(image.reference))
            self._spool.add(key, json.dumps(record).encode())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """By name of the image, worst first."""
        return (json.loads(body) for _key, body in self._spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spool.close()


def _days(findings: tuple[Finding, ...]) -> dict[str, str]:
    told = sorted((f.since, f.image) for f in findings if f.since and f.image and f.rule not in DRIFT)
    return {image: day.isoformat() for day, image in reversed(told)}


def _record(name: str, repository: str, image: Image, since: str | None) -> dict[str, Any]:
    places = dict.fromkeys(str(use.use.place) for use in image.uses)
    signer = current_signer(image)
    return {
        "name": name,
        "repository": repository,
        "reference": image.reference,
        "digest": image.digest.short if image.digest else "",
        "verdict": image.verdict.value if image.verdict else None,
        "reason": image.reason,
        "signer": signer_words(signer) if signer else "",
        "places": [place[:1000] for place in islice(places, _PLACES)],
        "more": max(len(places) - _PLACES, 0),
        "uses": len(image.uses),
        "since": since,
    }


def image_pages(fleet: Fleet, uses: ImageUses) -> Iterator[tuple[str, Iterator[str]]]:
    """One page per name."""
    for name, records in groupby(uses, key=lambda record: record["name"]):
        yield image_path(name), frame(fleet, name, _body(fleet, name, records), depth=1)


def _body(fleet: Fleet, name: str, records: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The rows are read before the head is known: as many as the page shows are held."""
    verdicts, rows, total = Counter[Verdict](), list[str](), 0
    repositories = set[str]()
    for record in records:
        total += 1
        repositories.add(record["repository"])
        if record["verdict"]:
            verdicts[Verdict(record["verdict"])] += 1
        if len(rows) < _ROWS:
            rows.append(_row(fleet, record))
    worst = min(verdicts, key=lambda v: v.severity, default=None)
    told = ", ".join(f"{n} {v.value}" for v, n in sorted(verdicts.items(), key=lambda item: item[0].severity))
    yield (
        f'<header class="verdict {look(worst) if worst else "unasked"}"><span class="mark" aria-hidden="true">▣</span><div>'
        f'<h1><code>{foreign(name, NAME)}</code></h1><p class="outcome">{told or "not judged"}</p>'
        f"<p>in {count(len(repositories), 'repository', 'repositories')}</p></div></header>\n"
    )
    heads = "".join(f"<th>{head}</th>" for head in ("Verdict", "Image", "Repository", "Where", "Why", "For"))
    yield f'<div class="scroll"><table class="sheet uses"><thead><tr>{heads}</tr></thead><tbody>\n'
    yield from rows
    yield "</tbody></table></div>"
    if total > _ROWS:
        yield f'<p class="dim">and {total - _ROWS} more, which are less bad: the CSV lists them all</p>'


def _row(fleet: Fleet, record: dict[str, Any]) -> str:
    verdict = Verdict(record["verdict"]) if record["verdict"] else None
    where = "<br>".join(f'<span class="mono">{foreign(place, NAME)}</span>' for place in record["places"])
    more = f'<br><span class="dim">and {record["more"]} more</span>' if record["more"] else ""
    why = foreign(record["reason"], 400) if verdict is not Verdict.VERIFIED else foreign(record["signer"], 400)
    since = date.fromisoformat(record["since"]) if record["since"] else None
    return (
        f"<tr><td>{chip(look(verdict), verdict.value) if verdict else 'not judged'}</td>"
        f"<td><code>{foreign(short_reference(record['reference']), NAME)}</code>"
        f'<span class="was flush">{record["digest"]}</span></td>'
        f"<td>{link('../' + repository_path(record['repository']), record['repository'])}</td>"
        f"<td>{where}{more}</td><td>{why}</td>{days(fleet, since)}</tr>\n"
    )
