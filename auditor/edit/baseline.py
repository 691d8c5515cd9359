"""`.auditor-baseline.json`: what was found before adoption. Findings that it names stay visible and fail nothing.

An entry is a fingerprint, which holds the rule, the reference with its tag, the root and the workload: another tag is another
finding. What else an entry says is for its readers, and for the scope of a later run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from auditor.config.surroundings import BASELINE_FILE, BASELINE_SCHEMA
from auditor.errors import UsageError
from auditor.model.finding import Finding

NEVER: Final = frozenset({"denied-image", "waiver-expired", "waiver-unused", "waiver-added", "rules-changed"})
"""Not recorded: a revocation, and what is said of the rules themselves."""
UNTOLD: Final = "unjudged-image"
"""Not recorded either: nobody knows what is there."""


class Recorded(Struct, frozen=True):
    """One entry."""

    fingerprint: str
    rule: str = ""
    image: str | None = None
    file: str | None = None
    root: str | None = None

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """The order in the file: stable however findings were met."""
        return self.rule, self.image or "", self.file or "", self.root or "", self.fingerprint


def recordable(findings: Iterable[Finding]) -> frozenset[Recorded]:
    """What of today's findings a baseline holds: nothing that is waived, since waivers end."""
    return frozenset(
        Recorded(each.fingerprint, each.rule, each.image, each.place.file if each.place else None, each.root)
        for each in findings
        if each.waived is None and each.rule not in NEVER and each.rule != UNTOLD
    )


def read(content: bytes | None) -> frozenset[Recorded]:
    """The entries of a file that the rules were loaded with: its shape has been checked."""
    if content is None:
        return frozenset()
    try:
        entries: list[dict[str, Any]] = json.loads(content)["findings"]
        return frozenset(
            Recorded(each["fingerprint"], str(each.get("rule", "")), *(each.get(k) for k in ("image", "file", "root")))
            for each in entries
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{BASELINE_FILE} is no baseline", help="restore it, or remove it") from error


def merged(
    old: frozenset[Recorded], today: frozenset[Recorded], inside: Callable[[Recorded], bool], *, prune: bool
) -> frozenset[Recorded]:
    """The baseline after a run over what is `inside`; of the rest the old entries stay. `prune`: nothing is added."""
    outside = frozenset(each for each in old if not inside(each))
    known = {each.fingerprint for each in old}
    kept = frozenset(each for each in today if each.fingerprint in known) if prune else today
    names = {each.fingerprint for each in kept}
    return kept | frozenset(each for each in outside if each.fingerprint not in names)


def written(entries: frozenset[Recorded]) -> bytes:
    """The file: one entry a line, so that a change of it reads like what it is."""
    lines = [
        json.dumps(
            {"fingerprint": e.fingerprint, "rule": e.rule, "image": e.image, "file": e.file, "root": e.root},
            ensure_ascii=True,
        )
        for e in sorted(entries, key=lambda each: each.order)
    ]
    inner = ",\n".join(f"    {line}" for line in lines)
    listed = f"[\n{inner}\n  ]" if lines else "[]"
    return f'{{\n  "schema": "{BASELINE_SCHEMA}",\n  "findings": {listed}\n}}\n'.encode()
