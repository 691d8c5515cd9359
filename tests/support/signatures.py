"""What the tests of the signatures share: verifiers for made and for real roots, and the cases of the real data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.root import Root, parse_root
from auditor.signatures.trust import Trust
from auditor.signatures.verify import Verifier
from fixtures.sigstore import Sigstore

PROJECT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("AUDITOR_SHARED") or PROJECT.parent / "shared")
REAL = SHARED / "realdata"

needs_real_data = pytest.mark.skipif(
    not (REAL / "index.json").is_file(),
    reason=f"no third-party signatures at {REAL}: put them beside the project, or name their folder in AUDITOR_SHARED",
)


def made_root(stack: Sigstore, name: str = "made", **parts: bool) -> Root:
    """The trusted root of a made deployment."""
    return parse_root(json.dumps(stack.trusted_root(**parts)), name)


def verifier_of(*roots: Root, keys: dict[str, bytes] | None = None, second_opinion: bool = False) -> Verifier:
    """A verifier that trusts these roots."""
    return Verifier(Trust(roots, ()), keys or {}, second_opinion=second_opinion)


@cache
def real_root(file: str) -> Root:
    """A trusted root of the real data."""
    return parse_root((REAL / "roots" / file).read_bytes(), file)


@cache
def real_verifier(file: str) -> Verifier:
    """A verifier that trusts one root of the real data."""
    return verifier_of(real_root(file))


class RealCase(Struct, frozen=True):
    """One case of the real data's `index.json`."""

    fields: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.fields["id"])

    @property
    def outcome(self) -> str:
        return str(self.fields["expected"]["outcome"])

    @property
    def root(self) -> str:
        return str(self.fields["trusted_root"])

    @property
    def digest(self) -> Digest:
        return Digest.parse(self.fields["subject_digest"] or self.fields["artifact_digest"])

    @property
    def artifact(self) -> bytes | None:
        name = self.fields.get("artifact_file")
        return (REAL / name).read_bytes() if name else None

    def materials(self) -> Iterator[Material]:
        """What a registry client would hand over: one material per layer, or the bundle."""
        if bundle := self.fields.get("bundle_file"):
            content = (REAL / bundle).read_bytes()
            yield BundleBytes(content, Digest.of(content))
            return
        kind = SimpleSigning if self.fields["form"] == "legacy-sig" else LegacyAttestation
        for layer in self.fields["layers"]:
            yield kind((REAL / layer["payload_file"]).read_bytes(), Digest.parse(layer["digest"]), layer["annotations"])


def real_cases() -> list[RealCase]:
    """Every case; none where the data is absent."""
    index = REAL / "index.json"
    return [RealCase(fields) for fields in json.loads(index.read_text())] if index.is_file() else []
