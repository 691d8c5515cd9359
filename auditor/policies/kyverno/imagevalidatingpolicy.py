"""ImageValidatingPolicy and NamespacedImageValidatingPolicy: CEL over one image at a time.

Every expression is evaluated as if the pod held this image alone, in the list in which it stands: `images.*` holds only what
`matchImageReferences` take. What only the engine knows is unknown; what signatures leave open is tried both ways, and only an
agreement counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.names import InvalidPattern
from auditor.model.place import Place
from auditor.model.report import PolicyVerdict
from auditor.policies import gobwas
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.answer import Maybe, both, every, negated, some
from auditor.policies.kyverno.conditions import Unknown
from auditor.policies.kyverno.constraints import Constraints
from auditor.policies.kyverno.evaluation import Demands, Evaluation
from auditor.policies.kyverno.expressions import REFERENCE_FUNCTIONS, known_of, true
from auditor.policies.kyverno.match import POD_KINDS, pod_of
from auditor.policies.kyverno.names import name_of
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Engine, Ruling, erred, skipped, unknown, worst
from auditor.policies.versions import Kyverno


class ImageMatch(Struct, frozen=True):
    """One entry of `matchImageReferences`: a glob over the reference as written, or an expression over `ref`."""

    glob: str = ""
    expression: str = ""

    def takes(self, text: str) -> Maybe:
        """Whether it takes the reference."""
        if self.glob:
            return gobwas.matches(self.glob, text)
        try:
            return cel.evaluate(self.expression, {"ref": text}, REFERENCE_FUNCTIONS) is True
        except Unknown:
            return None


class Excepted(Struct, frozen=True):
    """A PolicyException that names the policy: it is left out where all its conditions hold."""

    name: str
    conditions: tuple[str, ...]
    unclear: bool = False


@dataclass(frozen=True)
class ImageValidatingPolicy:
    """One policy, read and ready. `namespace` is None for the one of the whole cluster."""

    name: str
    place: Place
    namespace: str | None
    constraints: Constraints
    conditions: tuple[str, ...]
    matches: tuple[ImageMatch, ...]
    demands: Demands
    mutates: bool
    demands_digest: bool
    exceptions: tuple[Excepted, ...] = ()
    at_admission: bool = True
    engine: Engine = Engine.KYVERNO
    _applied: dict[tuple[Any, ...], Maybe] = field(default_factory=dict, init=False, compare=False, repr=False)
    _validated_as: dict[tuple[Any, ...], Ruling] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def repositories(self) -> frozenset[str]:
        """Where signatures live, if elsewhere."""
        return frozenset(each.repository for each in self.demands.attestors if each.repository is not None)

    @property
    def attested(self) -> bool:
        """Whether it declares attestations: its expressions can ask for no others."""
        return bool(self.demands.attestations)

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What Kyverno would say of the image when the resource is admitted."""
        try:
            return self._rule(image, resource, proofs)
        except InvalidPattern as problem:
            return unknown(f"a glob cannot be used: {problem}", self.place)

    def _rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        taken = some(each.takes(image.text) for each in self.matches) if self.matches else True
        if taken is False:
            return self._not_taken
        applies = both(taken, self._applies(resource))
        if applies is False:
            return self._silent
        if image.missing:
            ruling = (
                erred(image.missing, self.place, enforced=self.demands.enforce)
                if image.absent
                else unknown(image.missing)
            )
        else:
            ruling = self._validated(image, resource, proofs)
        if applies is None and ruling.verdict not in {PolicyVerdict.PASS, PolicyVerdict.NOT_EVALUABLE}:
            return unknown(f"whether it applies cannot be told from the tree; if it does: {ruling.why}", self.place)
        return ruling

    @cached_property
    def _not_taken(self) -> Ruling:
        return skipped("matchImageReferences do not take it", self.place)

    @cached_property
    def _silent(self) -> Ruling:
        return skipped("the policy does not speak about what runs it", self.place)

    # ── does it speak about the resource? ────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _relevant(self) -> Callable[[Resource], tuple[Any, ...]]:
        """What of a resource decides whether the policy speaks about it; expressions may look at all of it."""
        expressions = self.conditions or self.exceptions
        fields = [
            name
            for name in ("name", "namespace", "labels")
            if expressions or name in self.constraints.looks_at or (name == "namespace" and self.namespace is not None)
        ]
        return attrgetter("named", "kind", "api_version", *fields)

    def _applies(self, resource: Resource) -> Maybe:
        """Asked once for all resources alike."""
        key = self._relevant(resource)
        if key not in self._applied:
            self._applied[key] = self._speaks(resource)
        return self._applied[key]

    def _speaks(self, resource: Resource) -> Maybe:
        if not self.at_admission or (resource.named and resource.kind not in POD_KINDS):
            return False
        within: Maybe = True
        if self.namespace is not None:
            within = self.namespace == resource.namespace if self.namespace and resource.namespace else None
        seen = [resource, pod_of(resource)] if resource.named else [replace(resource, kind="Pod", api_version="v1")]
        return both(within, some(self._about(each) for each in seen if each is not None))

    def _about(self, resource: Resource) -> Maybe:
        taken = self.constraints.take(resource)
        if taken is False:
            return False
        known = known_of(resource)
        conditions = every(true(each, known) for each in self.conditions)
        excepted = some(
            None if each.unclear else every(true(condition, known) for condition in each.conditions)
            for each in self.exceptions
        )
        return both(taken, conditions, negated(excepted))

    # ── what do the validations say? ─────────────────────────────────────────────────────────────────────────────────

    def _validated(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        lists = resource.lists or frozenset({Containers.NORMAL})
        return worst(self._in_list(image, resource, proofs, each) for each in sorted(lists))

    def _in_list(self, image: Inspected, resource: Resource, proofs: Proofs, where: Containers) -> Ruling:
        pinned = image.reference.digest is not None
        if (unpinned := self._unpinned(image, pinned=pinned)) is not None:
            return unpinned
        ruling = self._remembered(image, resource, proofs, where)
        if ruling.verdict is PolicyVerdict.PASS and not pinned and self.mutates:
            return replace(ruling, why=f"{ruling.why}; Kyverno pins the tag at admission")
        return ruling

    @cached_property
    def _asks_signers_alone(self) -> bool:
        return self.demands.ask_signers_alone

    def _remembered(self, image: Inspected, resource: Resource, proofs: Proofs, where: Containers) -> Ruling:
        """What the validations say; evaluated once for all images of which the attestors answer the same."""
        if not self._asks_signers_alone:
            return self._evaluated(image, resource, proofs, where)
        key = (where, *(each.signed(image, proofs) for each in self.demands.attestors))
        known = self._validated_as.get(key)
        if known is None:
            known = self._validated_as[key] = self._evaluated(image, resource, proofs, where)
        return known

    def _evaluated(self, image: Inspected, resource: Resource, proofs: Proofs, where: Containers) -> Ruling:
        evaluation = Evaluation(self.demands, image, resource, proofs, where, generous=False)
        strict = evaluation.ruling()
        if evaluation.doubts:
            kind = Evaluation(self.demands, image, resource, proofs, where, generous=True).ruling()
            if strict.verdict is not kind.verdict:
                return unknown(strict.why, strict.place)
        return strict

    def _unpinned(self, image: Inspected, *, pinned: bool) -> Ruling | None:
        """A tag that Kyverno would not pin although it demands a digest (enforced from 1.19 on)."""
        if pinned or not self.demands_digest or self.demands.version is not Kyverno.V1_19:
            return None
        if not self.mutates:
            return self.demands.refused(
                "verifyDigest demands a digest, and mutateDigest: false keeps Kyverno from adding it"
            )
        pins = some(each.takes(name_of(image.text)) for each in self.matches) if self.matches else True
        if pins is False:
            # It pins by the normalised name and verifies by the one as written.
            return self.demands.refused(
                "verifyDigest demands a digest, and matchImageReferences do not take the name it pins by"
            )
        return None
