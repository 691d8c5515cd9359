"""ImageValidatingPolicy and NamespacedImageValidatingPolicy: CEL over one image at a time.

Every expression is evaluated as if the pod held this image alone, in the list in which it stands: `images.*` holds only what
`matchImageReferences` take. What only the engine knows is unknown; what signatures leave open is tried both ways, and only an
agreement counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from auditor.config.names import InvalidPattern
from auditor.model.evidence import Absent
from auditor.model.place import Place
from auditor.model.reference import InvalidReference, Reference
from auditor.model.report import PolicyVerdict
from auditor.policies import gobwas
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.answer import Maybe, both, every, negated, some
from auditor.policies.kyverno.conditions import Unknown
from auditor.policies.kyverno.constraints import Constraints
from auditor.policies.kyverno.cosign_attestor import CosignAttestor
from auditor.policies.kyverno.match import POD_KINDS, pod_of
from auditor.policies.kyverno.names import name_of
from auditor.policies.kyverno.signing import joined
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Engine, Ruling, erred, failed, passed, skipped, unknown, warned, worst
from auditor.policies.versions import Kyverno
from auditor.signatures.enforcer import Accepted


@dataclass(frozen=True, slots=True)
class ImageMatch:
    """One entry of `matchImageReferences`: a glob over the reference as written, or an expression over `ref`."""

    glob: str = ""
    expression: str = ""

    def takes(self, text: str) -> Maybe:
        """Whether it takes the reference."""
        if self.glob:
            return gobwas.matches(self.glob, text)
        try:
            return cel.evaluate(self.expression, {"ref": text}, _REFERENCE_FUNCTIONS) is True
        except Unknown:
            return None


@dataclass(frozen=True, slots=True)
class Validation:
    """One of `validations:`; all must be true."""

    place: Place
    expression: str
    message: str


@dataclass(frozen=True, slots=True)
class Excepted:
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
    variables: tuple[tuple[str, str], ...]
    matches: tuple[ImageMatch, ...]
    attestors: tuple[CosignAttestor, ...]
    attestations: Mapping[str, str | None]
    validations: tuple[Validation, ...]
    enforce: bool
    mutates: bool
    demands_digest: bool
    required: bool
    exceptions: tuple[Excepted, ...] = ()
    version: Kyverno = Kyverno.V1_19
    engine: Engine = Engine.KYVERNO

    @property
    def repositories(self) -> frozenset[str]:
        """Where signatures live, if elsewhere."""
        return frozenset(each.repository for each in self.attestors if each.repository is not None)

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What Kyverno would say of the image when the resource is admitted."""
        try:
            return self._rule(image, resource, proofs)
        except InvalidPattern as problem:
            return unknown(f"a glob cannot be used: {problem}", self.place)

    def _rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        taken = some(each.takes(image.text) for each in self.matches) if self.matches else True
        if taken is False:
            return skipped("matchImageReferences do not take it", self.place)
        applies = both(taken, self._applies(resource))
        if applies is False:
            return skipped("the policy does not speak about what runs it", self.place)
        if image.missing:
            absent = image.evidence is not None and isinstance(image.evidence.resolution, Absent)
            ruling = erred(image.missing, self.place, enforced=self.enforce) if absent else unknown(image.missing)
        else:
            ruling = self._validated(image, resource, proofs)
        if applies is None and ruling.verdict not in {PolicyVerdict.PASS, PolicyVerdict.NOT_EVALUABLE}:
            return unknown(f"whether it applies cannot be told from the tree; if it does: {ruling.why}", self.place)
        return ruling

    # ── does it speak about the resource? ────────────────────────────────────────────────────────────────────────────

    def _applies(self, resource: Resource) -> Maybe:
        if resource.named and resource.kind not in POD_KINDS:
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
        conditions = every(_true(each, known) for each in self.conditions)
        excepted = some(
            None if each.unclear else every(_true(condition, known) for condition in each.conditions)
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
        evaluation = _Evaluation(self, image, resource, proofs, where, generous=False)
        strict = evaluation.ruling()
        if evaluation.doubts:
            kind = _Evaluation(self, image, resource, proofs, where, generous=True).ruling()
            if strict.verdict is not kind.verdict:
                return unknown(strict.why, strict.place)
        if strict.verdict is PolicyVerdict.PASS and not pinned and self.mutates:
            return replace(strict, why=f"{strict.why}; Kyverno pins the tag at admission")
        return strict

    def _unpinned(self, image: Inspected, *, pinned: bool) -> Ruling | None:
        """A tag that Kyverno would not pin although it demands a digest (enforced from 1.19 on)."""
        if pinned or not self.demands_digest or self.version is not Kyverno.V1_19:
            return None
        if not self.mutates:
            return self.refused("verifyDigest demands a digest, and mutateDigest: false keeps Kyverno from adding it")
        pins = some(each.takes(name_of(image.text)) for each in self.matches) if self.matches else True
        if pins is False:
            # It pins by the normalised name and verifies by the one as written.
            return self.refused(
                "verifyDigest demands a digest, and matchImageReferences do not take the name it pins by"
            )
        return None

    def refused(self, why: str, place: Place | None = None) -> Ruling:
        """A failure, as the policy's actions have it."""
        return (failed if self.enforce else warned)(why, place or self.place)


@dataclass
class _Evaluation:
    """One run of the validations. `generous`: whatever nobody can tell is taken for a yes, to see whether it matters."""

    policy: ImageValidatingPolicy
    image: Inspected
    resource: Resource
    proofs: Proofs
    where: Containers
    generous: bool
    verified: bool = False
    attempted: bool = False
    doubts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    statements: dict[str, list[Accepted]] = field(default_factory=dict)

    def ruling(self) -> Ruling:
        """The verdict of this run."""
        policy = self.policy
        if not policy.validations:
            return passed("it has no validations", policy.place)
        try:
            known = self._known()
            for each in policy.validations:
                ruling = self._one(each, known)
                if ruling is not None:
                    return ruling
        except Unknown as problem:
            return unknown(self._why(str(problem)), policy.place)
        return self._required() or passed(self._why("every validation holds"), policy.place)

    def _one(self, validation: Validation, known: Mapping[str, Any]) -> Ruling | None:
        value: Any = None
        problem = ""
        try:
            value = cel.evaluate(validation.expression, known, self._functions())
        except Unknown as reason:
            problem = str(reason)
        if self.unread:
            return unknown(joined(self.unread), validation.place)
        if self.errors:
            return erred(joined(self.errors), validation.place, enforced=self.policy.enforce)
        if problem:
            return unknown(self._why(problem), validation.place)
        if not isinstance(value, bool):
            return erred("a validation is neither true nor false", validation.place, enforced=self.policy.enforce)
        return None if value else self.policy.refused(self._why(validation.message), validation.place)

    def _why(self, message: str) -> str:
        return joined(filter(None, (message, *self.reasons, *self.doubts)))

    def _required(self) -> Ruling | None:
        """`required`: some policy must have verified the image; whether another one does is not this one's knowledge."""
        if not self.policy.required or self.verified or self.policy.version is not Kyverno.V1_19:
            return None
        if self.attempted:
            return self.policy.refused(self._why("required: the image failed verification"))
        return unknown(
            "required: nothing in this policy verifies it, and another policy would have to", self.policy.place
        )

    # ── what expressions see ─────────────────────────────────────────────────────────────────────────────────────────

    def _known(self) -> dict[str, Any]:
        known = known_of(self.resource)
        known["images"] = {each.value: [self.image.text] if each is self.where else [] for each in Containers}
        known["attestors"] = {each.name: each.name for each in self.policy.attestors}
        known["attestations"] = {name: name for name in self.policy.attestations}
        variables: dict[str, Any] = {}
        known["variables"] = variables
        for name, expression in self.policy.variables:
            try:
                variables[name] = cel.evaluate(expression, known, self._functions())
            except Unknown:
                continue  # whoever uses it finds that it is not known
        return known

    def _functions(self) -> dict[str, Callable[..., Any]]:
        return {
            **_REFERENCE_FUNCTIONS,
            "verifyImageSignatures": self._signatures,
            "verifyAttestationSignatures": self._attestations,
            "extractPayload": self._payload,
        }

    def _attestors(self, names: Sequence[Any]) -> Iterator[CosignAttestor]:
        known = {each.name: each for each in self.policy.attestors}
        for name in names:
            if name in known:
                yield known[name]
            else:
                self.errors.append(f"attestor not found in policy: {str(name)[:60]}")

    def _counts(self, holds: Maybe, why: str) -> bool:
        if holds is None:
            self.doubts.append(why)
            return self.generous
        if not holds:
            self.reasons.append(why)
        return holds

    def _signatures(self, _image: Any, names: Any) -> int:
        count = 0
        for attestor in self._attestors(names):
            answer = attestor.signed(self.image, self.proofs)
            count += self._counts(answer.holds, answer.why)
        self._record(count)
        return count

    def _attestations(self, _image: Any, attestation: Any, names: Any) -> int:
        kind = self.policy.attestations.get(str(attestation))
        if kind is None:
            self.doubts.append("an attestation of a kind that is not evaluated here")
            return len(names) if self.generous else 0
        count = 0
        for attestor in self._attestors(names):
            answer, found = attestor.attested(self.image, self.proofs, kind)
            count += self._counts(answer.holds, answer.why)
            self.statements.setdefault(str(attestation), []).extend(found)
        self._record(count)
        return count

    def _record(self, count: int) -> None:
        self.attempted = True
        self.verified = self.verified or count > 0

    def _payload(self, _image: Any, attestation: Any) -> Any:
        found = {each.statement for each in self.statements.get(str(attestation), [])}
        if not found and not self.doubts:
            self.errors.append("an attestation's payload is read before the attestation is verified")
            return None
        if len(found) != 1:
            self.unread.append("of more than one statement, or none that is certain, which one is read is not known")
            return None
        return json.loads(found.pop() or b"null").get("predicate")


def known_of(resource: Resource) -> dict[str, Any]:
    """`object` and `request`, as far as the tree says."""
    if not resource.named:
        return {"object": {}, "request": {}}
    metadata: dict[str, Any] = {"labels": dict(resource.labels)}
    known: dict[str, Any] = {"kind": resource.kind, "metadata": metadata}
    request: dict[str, Any] = {}
    if resource.name:
        metadata["name"] = resource.name
    if resource.namespace:
        metadata["namespace"] = request["namespace"] = resource.namespace
    if resource.api_version:
        known["apiVersion"] = resource.api_version
    return {"object": known, "request": request}


def _true(expression: str, known: Mapping[str, Any]) -> Maybe:
    try:
        value = cel.evaluate(expression, known, _REFERENCE_FUNCTIONS)
    except Unknown:
        return None
    return value if isinstance(value, bool) else None


def _image(text: Any) -> dict[str, Any]:
    """`image("…")` of Kubernetes' CEL library: names as go-containerregistry reads them."""
    try:
        reference = Reference.parse(str(text))
    except InvalidReference:
        return {}
    host = "index.docker.io" if reference.host == "docker.io" else reference.host
    digest = str(reference.digest) if reference.digest else ""
    tag = reference.tag or ("" if digest else "latest")
    return {"registry": host, "repository": reference.path, "tag": tag, "digest": digest, "identifier": digest or tag}


def _part(name: str) -> Callable[[Any], Any]:
    return lambda image: image.get(name) if isinstance(image, dict) else None


_REFERENCE_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "image": _image,
    "isImage": lambda text: bool(_image(text)),
    "containsDigest": lambda image: bool(image.get("digest")) if isinstance(image, dict) else None,
    **{name: _part(name) for name in ("registry", "repository", "tag", "digest", "identifier")},
}
