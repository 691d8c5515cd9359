"""ClusterPolicy and Policy: rules with `verifyImages`, read once, judged per image and resource.

Order within a rule: does it speak about the resource (`match`, `exclude`, exceptions, preconditions)? Does an entry speak
about the image (`imageReferences`, `skipImageReferences`)? Is a digest demanded? Who has signed? What do statements say?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.names import InvalidPattern
from auditor.model.place import Place
from auditor.model.report import PolicyVerdict
from auditor.policies.cursor import Cursor
from auditor.policies.inspected import Inspected, Resource
from auditor.policies.kyverno.answer import Maybe, both, negated
from auditor.policies.kyverno.attestations import Attestation
from auditor.policies.kyverno.attestors import AttestorSet
from auditor.policies.kyverno.conditions import hold
from auditor.policies.kyverno.exceptions import PolicyException
from auditor.policies.kyverno.match import POD_KINDS, Autogen, Scope, pod_of
from auditor.policies.kyverno.names import name_of
from auditor.policies.kyverno.signing import Answer, Bench, all_of
from auditor.policies.kyverno.wildcard import matches
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Engine, Ruling, erred, failed, passed, skipped, unknown, warned, worst

_KIND: Final = ("named", "kind", "api_version")
_REST: Final = ("name", "namespace", "labels")

_NOTHING: Final = "it names neither attestors nor attestations, so nothing is verified"
_NOBODY: Final = "`required` wants it to be verified, and neither attestors nor attestations are named that could do so"


class Override(Struct, frozen=True):
    """One entry of `validationFailureActionOverrides`: in these namespaces another action."""

    enforce: bool
    namespaces: tuple[str, ...]

    def applies(self, namespace: str) -> Maybe:
        """Whether it speaks about the namespace; unknown for one that is not written."""
        if not self.namespaces:
            return None  # it goes by labels of the namespace
        return any(matches(each, namespace) for each in self.namespaces) if namespace else None


class Verification(Struct, frozen=True):
    """One entry of `verifyImages:`, ready to judge."""

    place: Place
    references: tuple[str, ...]
    skipped: tuple[str, ...]
    sets: tuple[AttestorSet, ...]
    attestations: tuple[Attestation, ...]
    bundle: bool
    enforce: bool | None
    mutates: bool
    demands_digest: bool
    required: bool
    unclear: str | None = None

    def repositories(self) -> Iterator[str]:
        """Where its signatures live, if elsewhere."""
        sets = [*self.sets, *(each for attestation in self.attestations for each in attestation.sets)]
        while sets:
            for entry in sets.pop().entries:
                if entry.nested is not None:
                    sets.append(entry.nested)
                elif entry.repository is not None:
                    yield entry.repository


class Rule(Struct, frozen=True):
    """One rule with its `verifyImages` entries. `hidden`: it has conditions that are not evaluated here.

    `extracted` are the kinds in which it finds images by extractors of its own.
    """

    name: str
    scope: Scope
    preconditions: Cursor | None
    hidden: bool
    extracted: frozenset[str]
    verifications: tuple[Verification, ...]
    exceptions: tuple[PolicyException, ...] = ()

    def relevant(self, *, namespaced: bool) -> Callable[[Resource], tuple[Any, ...]]:
        """What of a resource decides whether the rule speaks about it: resources of which that is equal share the answer."""
        looks_at = self.scope.looks_at.union(*(each.match.looks_at for each in self.exceptions))
        fields = [
            name
            for name in _REST
            if name in looks_at or self.preconditions is not None or (namespaced and name == "namespace")
        ]
        return attrgetter(*_KIND, *fields)


@dataclass(frozen=True)
class ClusterPolicy:
    """A ClusterPolicy, or a Policy of one namespace."""

    name: str
    place: Place
    namespace: str | None
    rules: tuple[Rule, ...]
    enforce: bool
    overrides: tuple[Override, ...]
    autogen: Autogen
    registry: str
    engine: Engine = Engine.KYVERNO
    _applied: dict[tuple[int, tuple[Any, ...]], tuple[Maybe, int]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def repositories(self) -> frozenset[str]:
        """Where signatures live, if elsewhere."""
        return frozenset(name for rule in self.rules for each in rule.verifications for name in each.repositories())

    @property
    def attested(self) -> bool:
        """Whether an entry wants attestations."""
        return any(each.attestations for rule in self.rules for each in rule.verifications)

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What Kyverno would say of the image when the resource is admitted."""
        try:
            return worst(self._rules(image, resource, proofs))
        except InvalidPattern as problem:
            return unknown(f"a pattern cannot be used here: {problem}", self.place)

    def _rules(self, image: Inspected, resource: Resource, proofs: Proofs) -> Iterator[Ruling]:
        yield self._silent
        if resource.named and resource.kind not in POD_KINDS:
            if any(resource.kind in rule.extracted for rule in self.rules):
                yield unknown("it is found by imageExtractors, which are not evaluated here", self.place)
            return
        name = name_of(image.text, self.registry)
        for number, rule in enumerate(self.rules):
            for each in rule.verifications:
                if _mentions(each.references, name):
                    applies, way = self._applies(number, resource)
                    if applies is False:
                        break
                    seen = (self._seen(resource)[way] or resource) if each.attestations else resource
                    ruling = self._verified(each, name, image, seen, proofs)
                    yield ruling if applies else _doubtful(ruling)

    @cached_property
    def _silent(self) -> Ruling:
        return skipped("no rule of the policy speaks about it", self.place)

    # ── does the rule speak about the resource? ──────────────────────────────────────────────────────────────────────

    @cached_property
    def _relevant(self) -> tuple[Callable[[Resource], tuple[Any, ...]], ...]:
        return tuple(each.relevant(namespaced=self.namespace is not None) for each in self.rules)

    def _applies(self, number: int, resource: Resource) -> tuple[Maybe, int]:
        """Whether a rule speaks about the resource, and as which of those that `_seen` tells. Asked once for all alike."""
        key = (number, self._relevant[number](resource))
        known = self._applied.get(key)
        if known is None:
            known = self._applied[key] = self._speaks(self.rules[number], resource)
        return known

    def _speaks(self, rule: Rule, resource: Resource) -> tuple[Maybe, int]:
        if not resource.named:
            applies = self._about(rule, replace(resource, kind="Pod", api_version="v1"))
            return (applies if resource.kind or applies is False else None), 0
        for way, seen in enumerate(self._seen(resource)):
            applies = self._about(rule, seen) if seen is not None else False
            if applies is not False:
                return applies, way
        return False, 0

    def _seen(self, resource: Resource) -> tuple[Resource | None, ...]:
        """As what Kyverno may see a resource: itself, the pod that the rule is repeated for, the pod that it will create."""
        return resource, self.autogen.as_pod(resource), pod_of(resource)

    def _about(self, rule: Rule, resource: Resource) -> Maybe:
        spoken = rule.scope.speaks(resource)
        if spoken is False:
            return False
        within: Maybe = True
        if self.namespace is not None:
            within = self.namespace == resource.namespace if self.namespace and resource.namespace else None
        excepted = [each.covers(rule.name, resource) for each in rule.exceptions]
        return both(
            within,
            spoken,
            *(negated(each) for each in excepted),
            hold(rule.preconditions, request(resource), COMPLETE) if rule.preconditions else True,
            None if rule.hidden else True,
        )

    # ── what does an entry say of the image? ─────────────────────────────────────────────────────────────────────────

    def _verified(self, entry: Verification, name: str, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        refuse = failed if self._enforced(entry, resource) else warned
        unpinned = image.reference.digest is None
        if entry.demands_digest and unpinned and not entry.mutates:  # skipped images and unsigned ones too
            return refuse(
                "verifyDigest demands a digest, and mutateDigest: false keeps Kyverno from adding it", entry.place
            )
        if _mentions(entry.skipped, name):
            return skipped(f"skipImageReferences names {name}", entry.place)
        if entry.unclear:
            return unknown(entry.unclear, entry.place)
        if not entry.sets and not entry.attestations:
            return refuse(_NOBODY, entry.place) if entry.required else skipped(_NOTHING, entry.place)
        if image.missing:
            enforced = self._enforced(entry, resource)
            return (
                erred(image.missing, entry.place, enforced=enforced)
                if image.absent
                else unknown(image.missing, entry.place)
            )
        answer = _answer(entry, image, resource, proofs)
        if answer.holds is None:
            return unknown(answer.why, entry.place)
        if answer.holds:
            pin = "; Kyverno pins the tag at admission" if unpinned and entry.mutates else ""
            return passed(f"{answer.why}{pin}", entry.place)
        return refuse(answer.why, entry.place)

    def _enforced(self, entry: Verification, resource: Resource) -> bool:
        """Whether a failure keeps the image out; where that depends on an unknown namespace, yes."""
        if entry.enforce is not None:
            return entry.enforce
        for override in self.overrides:
            applies = override.applies(resource.namespace)
            if applies or (applies is None and override.enforce):
                return override.enforce
            if applies is None and self.enforce:
                return True
        return self.enforce


COMPLETE: Final = frozenset({"request.object.metadata.labels"})
"""What of `request` is known in full: a label that is not written does not exist."""


def request(resource: Resource) -> Mapping[str, Any]:
    """What conditions may see of the request: what is not in it is unknown."""
    if not resource.named:
        return {"request": {}}
    metadata: dict[str, Any] = {"labels": dict(resource.labels)}
    known: dict[str, Any] = {"kind": resource.kind, "metadata": metadata}
    if resource.api_version:
        known["apiVersion"] = resource.api_version
    if resource.name:
        metadata["name"] = resource.name
    if resource.namespace:
        metadata["namespace"] = resource.namespace
    whole: dict[str, Any] = {"object": known}
    if resource.namespace:
        whole["namespace"] = resource.namespace
    return {"request": whole}


def _mentions(patterns: Iterable[str], name: str) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _answer(entry: Verification, image: Inspected, resource: Resource, proofs: Proofs) -> Answer:
    bench = Bench(image, proofs, bundle=entry.bundle)
    answers = [bench.signed(entry.sets)] if entry.sets else []
    if entry.attestations:
        known = request(resource)
        answers += [each.holds(bench, known) for each in entry.attestations]
    return all_of(answers)


def _doubtful(ruling: Ruling) -> Ruling:
    """A verdict of a rule of which is not known whether it speaks about the resource: only a pass, or a skip, is certain."""
    if ruling.verdict in {PolicyVerdict.PASS, PolicyVerdict.SKIP, PolicyVerdict.NOT_EVALUABLE}:
        return ruling
    return unknown(f"whether the rule applies cannot be told from the tree; if it does: {ruling.why}", ruling.place)
