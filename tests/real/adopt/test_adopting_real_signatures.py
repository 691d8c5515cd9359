"""The signers that are proposed for real signatures: each matches its own, loads, and no other publisher's."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.adopt.choose import propose
from auditor.adopt.rules_text import rules_text
from auditor.adopt.seen import Lack, Sighting
from auditor.config.catalog import shipped_publishers
from auditor.config.load import load_rules
from auditor.config.match import matches
from auditor.config.rules import KeylessSigner
from auditor.model.evidence import Evidence, Form, Resolved, Signed
from auditor.model.identity import Identity, SubjectType
from auditor.model.reference import Digest, InvalidReference, Reference

pytestmark = pytest.mark.real

SHARED = Path(os.environ.get("AUDITOR_SHARED") or Path(__file__).resolve().parents[4] / "shared")
AT = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def sightings() -> list[Sighting]:
    """Every image with a real signature that verifies, with who signed it."""
    index = SHARED / "realdata" / "index.json"
    if not index.is_file():
        pytest.skip(f"no third-party data beside the project: {index} is absent (or set AUDITOR_SHARED)")
    cases: list[dict[str, Any]] = json.loads(index.read_bytes())
    found: dict[str, dict[str, Evidence | None]] = {}
    for case in cases:
        if case["form"] not in ("legacy-sig", "bundle-sign") or case["expected"]["outcome"] != "verified":
            continue
        try:
            name = Reference.parse(case["subject_ref"] or "").name
        except InvalidReference:
            continue
        signed = tuple(Signed(Form.SIG, _identity(each), AT, ("r",)) for each in case["expected"]["identities"])
        found.setdefault(name, {})[case["id"]] = Evidence(Resolved(Digest.of(case["id"].encode())), signed)
    return [Sighting(name, today) for name, today in sorted(found.items())]


def _identity(entry: dict[str, Any]) -> Identity:
    mail = "@" in entry["san"] and "://" not in entry["san"]
    return Identity(entry["issuer"], entry["san"], SubjectType.EMAIL if mail else SubjectType.URI)


def test_real_images_get_the_catalogue_their_owner_or_a_question() -> None:
    seen = sightings()
    proposal = propose(seen, shipped_publishers(), frozenset(), TODAY)
    assert len(proposal.catalog) >= 25
    assert {each.name for each in proposal.signers} == {"salrashid123-go-bazel-github-workflow"}
    assert {each.name: each.lack for each in proposal.left} == {
        "docker.io/securesystemsengineering/testimage": Lack.DOUBT
    } | {each.name: each.lack for each in proposal.left if each.name.startswith("localhost")}
    load_rules({"auditor.yaml": rules_text(proposal, ()).encode()}.get, None, today=TODAY)


def test_without_a_catalogue_every_proposed_signer_is_its_own_images_alone() -> None:
    seen = sightings()
    proposal = propose(seen, (), frozenset(), TODAY)
    rules = load_rules({"auditor.yaml": rules_text(proposal, ()).encode()}.get, None, today=TODAY)
    assert len(proposal.signers) >= 25
    for signer in proposal.signers:
        patterns = [each for each in rules.signers[signer.name].patterns if isinstance(each, KeylessSigner)]
        for sighting in seen:
            for evidence in sighting.today.values():
                assert evidence is not None
                signed = [each for each in evidence.signatures if isinstance(each, Signed)]
                matched = any(matches(p, each.identity, AT) for p in patterns for each in signed)
                assert matched == (sighting.name in signer.images), (signer.name, sighting.name)
