"""What a history answers, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from auditor.history.reading import Difference, Stay
from auditor.history.sighting import Sighting
from auditor.model.audit import Night
from auditor.model.reference import Digest
from auditor.report.escape import terminal_text
from auditor.report.grid import Palette, grid
from auditor.report.json_v1 import instant

_WIDTH = 160


class View(Struct, frozen=True):
    """Rows for people under `headers`, and `data` for programs; `nothing` is said where there are none."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: Mapping[str, Any]
    nothing: str

    def table(self) -> str:
        """For a terminal."""
        if not self.rows:
            return f"{self.nothing}\n"
        cells = [[("", terminal_text(each)) for each in row] for row in self.rows]
        return grid(self.headers, cells, _WIDTH, Palette(on=False)) + "\n"

    def json(self) -> str:
        """One JSON object."""
        return json.dumps(self.data, indent=2) + "\n"


def runs(nights: Iterable[Night]) -> View:
    """The runs of a history."""
    nights = tuple(nights)
    rows = tuple(
        (
            str(each.id),
            instant(each.started),
            str(each.repositories),
            str(each.failed) if each.failed else "",
            str(each.images),
            _counts({str(verdict): number for verdict, number in each.verdicts.items()}),
            _counts({str(level): number for level, number in each.findings.items()}),
            "" if each.complete else "not complete",
        )
        for each in nights
    )
    data = [
        {
            "run": each.id,
            "started": instant(each.started),
            "repositories": each.repositories,
            "failed": each.failed,
            "images": each.images,
            "verdicts": {str(verdict): number for verdict, number in each.verdicts.items()},
            "findings": {str(level): number for level, number in each.findings.items()},
            "complete": each.complete,
        }
        for each in nights
    ]
    headers = ("RUN", "STARTED", "REPOSITORIES", "FAILED", "IMAGES", "VERDICTS", "FINDINGS", "")
    return View(headers, rows, {"runs": data}, "no audit has ended yet")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def stays(found: Iterable[Stay]) -> View:
    """Where an image was seen."""
    found = tuple(found)
    rows = tuple(
        (
            each.repository,
            each.what.reference,
            _short(each.what.digest),
            each.what.verdict.value,
            _signers(each.what),
            each.since.isoformat(),
            each.until.isoformat() if each.until else "",
        )
        for each in found
    )
    data = [
        {
            "repository": each.repository,
            **_sighting(each.what),
            "since": each.since.isoformat(),
            "until": each.until.isoformat() if each.until else None,
        }
        for each in found
    ]
    headers = ("REPOSITORY", "REFERENCE", "DIGEST", "VERDICT", "SIGNED BY", "SINCE", "UNTIL")
    return View(headers, rows, {"images": data}, "no audit has seen such an image")


def differences(found: Iterable[Difference]) -> View:
    """What differs between two runs."""
    found = tuple(found)
    rows = tuple((each.repository, each.reference, _state(each.before), _state(each.after)) for each in found)
    data = [
        {
            "repository": each.repository,
            "reference": each.reference,
            "rule": each.rule,
            "before": _sighting(each.before) if each.before else None,
            "after": _sighting(each.after) if each.after else None,
        }
        for each in found
    ]
    headers = ("REPOSITORY", "REFERENCE", "BEFORE", "AFTER")
    return View(headers, rows, {"differences": data}, "nothing differs in the repositories that both runs have read")


def _state(seen: Sighting | None) -> str:
    if seen is None:
        return "-"
    return " ".join(filter(None, (seen.verdict.value, _short(seen.digest), _signers(seen))))


def _short(digest: str | None) -> str:
    return Digest.parse(digest).short if digest else ""


def _signers(seen: Sighting) -> str:
    return ", ".join(each.subject for each in seen.signers)


def _sighting(seen: Sighting) -> Mapping[str, Any]:
    return {
        "reference": seen.reference,
        "rule": seen.rule,
        "digest": seen.digest,
        "verdict": seen.verdict.value,
        "signers": [{"issuer": each.issuer, "subject": each.subject} for each in seen.signers],
    }
