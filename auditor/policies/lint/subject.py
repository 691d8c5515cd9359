"""One policy document before the lints: its fields, and those that every engine has under another name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from auditor.config.levels import DEFAULT_LEVELS
from auditor.manifests.objects import Object
from auditor.model.finding import Finding
from auditor.policies.cursor import Cursor

CLUSTER_POLICY: Final = frozenset({"ClusterPolicy", "Policy"})
IVPOL: Final = frozenset({"ImageValidatingPolicy", "NamespacedImageValidatingPolicy"})
CIP: Final = frozenset({"ClusterImagePolicy"})
FLUX: Final = frozenset({"OCIRepository", "HelmChart", "HelmRelease"})
CONNAISSEUR: Final = frozenset({"Connaisseur"})
_NESTED: Final = 8
"""Attestors inside attestors: the engine's own readers end there as well, and one level is real."""


@dataclass(frozen=True)
class Subject:
    """A policy document; `whole` stands at its top."""

    found: Object

    @cached_property
    def whole(self) -> Cursor:
        """The document."""
        return Cursor.at(self.found)

    @property
    def spec(self) -> Cursor:
        """Its spec."""
        return self.whole["spec"]

    def of(self, kinds: frozenset[str]) -> bool:
        """Whether it is one of these kinds."""
        return self.found.kind in kinds

    @property
    def title(self) -> str:
        """How reports name it."""
        return f"{self.found.kind}/{self.found.name}"

    def finding(self, rule: str, where: Cursor, message: str, advice: str) -> Finding:
        """One mistake at the field that holds it. The key path keeps two mistakes of one policy apart."""
        return Finding(
            rule,
            DEFAULT_LEVELS[rule],
            f"{self.title}: {message}",
            advice,
            where.place,
            owner=f"{self.title}#{where.path}",
        )

    # ── who may sign ─────────────────────────────────────────────────────────────────────────────────────────────────

    def verifications(self) -> Iterator[Cursor]:
        """The `verifyImages` entries of a Kyverno policy."""
        if self.of(CLUSTER_POLICY):
            for rule in self.spec["rules"]:
                yield from rule["verifyImages"]

    def keyless(self) -> Iterator[Cursor]:
        """Every `keyless` mapping."""
        if self.of(CLUSTER_POLICY):
            for entry in self.verifications():
                for attestor in self._attestors(entry):
                    yield attestor["keyless"]
        elif self.of(IVPOL):
            yield from (each["cosign"]["keyless"] for each in self.spec["attestors"])
        elif self.of(CIP):
            yield from (each["keyless"] for each in self.spec["authorities"])

    def _attestors(self, entry: Cursor) -> Iterator[Cursor]:
        sets = [*entry["attestors"], *(each for item in entry["attestations"] for each in item["attestors"])]
        for each in sets:
            yield from self._entries(each, 0)

    def _entries(self, attestors: Cursor, depth: int) -> Iterator[Cursor]:
        for entry in attestors["entries"]:
            yield entry
            if entry["attestor"] and depth < _NESTED:
                yield from self._entries(entry["attestor"], depth + 1)

    def identities(self) -> Iterator[Cursor]:
        """Every mapping that holds `issuer`, `subject` and their regular expressions, whatever the engine."""
        match self.found.kind:
            case "ClusterPolicy" | "Policy":
                yield from (each for each in self.keyless() if each)
                yield from (each for each in self.verifications() if each["issuer"] or each["subject"])
            case "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy" | "ClusterImagePolicy":
                yield from (identity for each in self.keyless() for identity in each["identities"])
            case _:
                yield from self.flux_identities()

    def flux_identities(self) -> Iterator[Cursor]:
        """The identities of Flux's `verify`, which are regular expressions under plain names."""
        for verify in self.flux_verifications():
            yield from verify["matchOIDCIdentity"]

    def flux_verifications(self) -> Iterator[Cursor]:
        """The `verify` mapping of a Flux object, wherever it stands."""
        if self.of(FLUX):
            yield from (each for each in (self.spec["verify"], self.spec["chart"]["spec"]["verify"]) if each)
