"""One run of an ImageValidatingPolicy's validations over one image: what its expressions see, and what they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from auditor.model.reference import InvalidReference, Reference
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.answer import Maybe
from auditor.policies.kyverno.conditions import Unknown
from auditor.policies.kyverno.cosign_attestor import CosignAttestor
from auditor.policies.kyverno.signing import joined
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Ruling, erred, passed, unknown
from auditor.policies.versions import Kyverno
from auditor.signatures.enforcer import Accepted

if TYPE_CHECKING:
    from auditor.policies.kyverno.imagevalidatingpolicy import ImageValidatingPolicy, Validation


_LIST: Final = r"images\.(?:containers|initContainers|ephemeralContainers)"
_VERIFIED: Final = r"verifyImageSignatures\(\s*\w+\s*,\s*\[\s*attestors\.\w+\s*(?:,\s*attestors\.\w+\s*)*\]\s*\)"
_COUNT: Final = r"(?:>=|<=|==|!=|>|<)\s*\d{1,4}"
_EACH: Final = (
    rf"{_LIST}\s*\.map\(\s*\w+\s*,\s*{_VERIFIED}\s*\)\s*\.all\(\s*\w+\s*,\s*\w+\s*{_COUNT}\s*\)"
    rf"|{_LIST}\s*\.all\(\s*\w+\s*,\s*{_VERIFIED}\s*{_COUNT}\s*\)"
)
_USUAL: Final = re.compile(rf"\s*(?:{_EACH})\s*(?:&&\s*(?:{_EACH})\s*)*")


_UNTOLD: Final = "a validation does not hold, and has no message"


@dataclass
class Evaluation:
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
            return self._required() or passed("it has no validations", policy.place)
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
            value = cel.evaluate(validation.expression, known, self.functions())
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
        if value:
            return None
        message = self._message(validation, known)
        return self.policy.refused(self._why(message) or _UNTOLD, validation.place)

    def _message(self, validation: Validation, known: Mapping[str, Any]) -> str:
        """What Kyverno would say of a validation that does not hold. It decides nothing, and so has no doubts of its own."""
        if not validation.message_expression:
            return validation.message
        silent = replace(self, doubts=[], errors=[], unread=[], reasons=[], statements=dict(self.statements))
        try:
            message = cel.evaluate(validation.message_expression, known, silent.functions())
        except Unknown as problem:
            return f"its message could not be evaluated here ({problem})"
        return message if isinstance(message, str) else "its message is no text"

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
                variables[name] = cel.evaluate(expression, known, self.functions())
            except Unknown:
                continue  # whoever uses it finds that it is not known
        return known

    def functions(self) -> dict[str, Callable[..., Any]]:
        """What expressions may call; what is learnt by the way is noted in this evaluation."""
        return {
            **REFERENCE_FUNCTIONS,
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
        statement = json.loads(found.pop() or b"{}")
        return {field: statement.get(field) for field in ("_type", "predicateType", "subject", "predicate")}


def asks_signers_alone(expression: str) -> bool:
    """Whether an expression is of the usual shape: in each list every image is signed by so many of the attestors.

    Its value then depends on the attestors' answers and on where the image stands, on nothing else.
    """
    return _USUAL.fullmatch(expression) is not None


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


def true(expression: str, known: Mapping[str, Any]) -> Maybe:
    """Whether a condition is true; unknown where it cannot be evaluated here."""
    try:
        value = cel.evaluate(expression, known, REFERENCE_FUNCTIONS)
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


REFERENCE_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "image": _image,
    "isImage": lambda text: bool(_image(text)),
    "containsDigest": lambda image: bool(image.get("digest")) if isinstance(image, dict) else None,
    **{name: _part(name) for name in ("registry", "repository", "tag", "digest", "identifier")},
}
