"""`attestations:` of a `verifyImages` entry: statements of one type by the right attestors, every one meeting the conditions.

Source: `verifyAttestations` in `pkg/engine/internal/imageverifier.go`. Unlike signatures, *every* statement of the type must
be by the right identity and meet the conditions; there must be at least one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from auditor.policies.cursor import Cursor
from auditor.policies.kyverno.answer import Maybe, every
from auditor.policies.kyverno.attestors import AttestorSet, Entry
from auditor.policies.kyverno.conditions import hold
from auditor.policies.kyverno.signing import (
    UNTIMED,
    Answer,
    Bench,
    all_of,
    at_least,
    joined,
    named_by,
    unparsable,
    untimed,
)
from auditor.policies.proofs import Grounds
from auditor.registry.material import BundleBytes, LegacyAttestation
from auditor.signatures.enforcer import Accepted, Outcome, Undecided


class Attestation(Struct, frozen=True):
    """One entry of `attestations:`: the predicate type, who must have made it, what its predicate must say."""

    kind: str
    sets: tuple[AttestorSet, ...]
    conditions: Cursor

    def holds(self, bench: Bench, known: Mapping[str, Any]) -> Answer:
        """Whether the statements beside the image satisfy it. `known` is what conditions may see besides the predicate."""
        sets = self.sets or (AttestorSet(self.conditions.place, (self._anybody(),)),)
        return all_of(
            at_least(each.required, (self._entry(entry, bench, known) for entry in each.entries)) for each in sets
        )

    def _anybody(self) -> Entry:
        return Entry(self.conditions.place, Grounds(unsafe_without_sct=True))

    def _entry(self, entry: Entry, bench: Bench, known: Mapping[str, Any]) -> Answer:
        if entry.nested is not None:
            return Answer(None, "attestors inside attestors are not evaluated here for attestations")
        if entry.unclear:
            return Answer(None, entry.unclear)
        if bench.bundle and entry.who is None:
            return Answer(False, "for bundles Kyverno needs an identity, and this attestor names none")
        found = bench.outcomes(entry, BundleBytes if bench.bundle else LegacyAttestation)
        if isinstance(found, Answer):
            return found
        if bench.bundle and (spoiled := unparsable(found)):
            return Answer(None, spoiled)
        return self._judged(entry, found, bench, known)

    def _judged(self, entry: Entry, outcomes: Sequence[Outcome], bench: Bench, known: Mapping[str, Any]) -> Answer:
        of_type = [each for each in outcomes if isinstance(each, Accepted) and each.predicate == self.kind]
        if of_type and entry.who is not None and not bench.bundle and untimed(entry.grounds):
            return Answer(None, UNTIMED)
        named, why_not = named_by(of_type, entry, classic=not bench.bundle)
        if not bench.bundle and len(named) < len(of_type):
            return Answer(False, why_not)
        unclear = [each.why for each in outcomes if isinstance(each, Undecided) and each.predicate in {self.kind, None}]
        if unclear:
            return Answer(None, joined(unclear))
        if not named:
            return Answer(False, why_not or f"attestations not found for predicate type {self.kind}")
        if entry.annotations:
            return Answer(None, "annotations of attestations are not evaluated here")
        return self._conditions(named, known)

    def _conditions(self, statements: Sequence[Accepted], known: Mapping[str, Any]) -> Answer:
        met = every(self._met(each, known) for each in statements) if self.conditions else True
        if met is None:
            return Answer(None, f"the conditions on {self.kind} cannot be evaluated here")
        return Answer(met, f"{self.kind} holds" if met else f"attestation checks failed for predicate {self.kind}")

    def _met(self, accepted: Accepted, known: Mapping[str, Any]) -> Maybe:
        predicate = json.loads(accepted.statement or b"{}").get("predicate")
        if not isinstance(predicate, dict):
            return False
        return hold(self.conditions, {**known, **predicate}, frozenset({"*"}))
