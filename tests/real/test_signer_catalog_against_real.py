"""A confirmed publisher is one whose real signatures match; nobody else's does."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.config.catalog import shipped_publishers
from auditor.config.match import matches
from auditor.config.rules import KeylessSigner
from auditor.model.identity import Identity, SubjectType
from auditor.model.reference import InvalidReference, Reference

pytestmark = pytest.mark.real

SHARED = Path(os.environ.get("AUDITOR_SHARED") or Path(__file__).resolve().parents[3] / "shared")
LOGGED = datetime(2026, 3, 1, tzinfo=UTC)


def signed() -> list[tuple[str, Identity]]:
    """(image name, identity) of every real image signature that verifies."""
    index = SHARED / "realdata" / "index.json"
    if not index.is_file():
        pytest.skip(f"no third-party data beside the project: {index} is absent (or set AUDITOR_SHARED)")
    cases: list[dict[str, Any]] = json.loads(index.read_bytes())
    found = []
    for case in cases:
        if case["form"] not in ("legacy-sig", "bundle-sign") or case["expected"]["outcome"] != "verified":
            continue
        try:
            name = Reference.parse(case["subject_ref"] or "").name
        except InvalidReference:
            continue
        for entry in case["expected"]["identities"]:
            subject_type = SubjectType.EMAIL if "@" in entry["san"] and "://" not in entry["san"] else SubjectType.URI
            found.append((name, Identity(entry["issuer"], entry["san"], subject_type)))
    return found


def allowed(pattern: object, identity: Identity) -> bool:
    return isinstance(pattern, KeylessSigner) and bool(matches(pattern, identity, LOGGED))


@pytest.mark.parametrize("publisher", [p for p in shipped_publishers() if p.confirmed], ids=lambda p: p.name)
def test_a_confirmed_publisher_has_a_real_signature(publisher: Any) -> None:
    own = [identity for name, identity in signed() if any(pattern.matches(name) for pattern in publisher.images)]
    assert own
    assert all(any(allowed(pattern, identity) for pattern in publisher.signer.patterns) for identity in own)


@pytest.mark.parametrize("publisher", shipped_publishers(), ids=lambda p: p.name)
def test_no_publisher_allows_anothers_signature(publisher: Any) -> None:
    for name, identity in signed():
        if not any(pattern.matches(name) for pattern in publisher.images):
            own = [pattern for pattern in publisher.signer.patterns if allowed(pattern, identity)]
            assert not own, f"{publisher.name} would allow {identity} of {name}"
