"""One run of an ImageValidatingPolicy's validations over one image: what its expressions see, and what they answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from msgspec import Struct

from auditor.model.place import Place
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.answer import Maybe
from auditor.policies.kyverno.conditions import Unknown
from auditor.policies.kyverno.cosign_attestor import CosignAttestor
from auditor.policies.kyverno.expressions import REFERENCE_FUNCTIONS, known_of
from auditor.policies.kyverno.signing import joined
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Ruling, erred, failed, passed, unknown, warned
from auditor.policies.versions import Kyverno
from auditor.signatures.enforcer import Accepted

_LIST: Final = r"images\.(?:containers|initContainers|ephemeralContainers)"
_VERIFIED: Final = r"verifyImageSignatures\(\s*\w+\s*,\s*\[\s*attestors\.\w+\s*(?:,\s*attestors\.\w+\s*)*\]\s*\)"
_COUNT: Final = r"(?:>=|<=|==|!=|>|<)\s*\d{1,4}"
_EACH: Final = (
    rf"{_LIST}\s*\.map\(\s*\w+\s*,\s*{_VERIFIED}\s*\)\s*\.all\(\s*\w+\s*,\s*\w+\s*{_COUNT}\s*\)"
    rf"|{_LIST}\s*\.all\(\s*\w+\s*,\s*{_VERIFIED}\s*{_COUNT}\s*\)"
)
_USUAL: Final = re.compile(rf"\s*(?:{_EACH})\s*(?:&&\s*(?:{_EACH})\s*)*")
_UNTOLD: Final = "a validation does not hold, and has no message"


class Validation(Struct, frozen=True):
    """One of `validations:`; all must be true. What `message_expression` makes is shown instead of `message`."""

    place: Place
    expression: str
    message: str
    message_expression: str = ""


class Demands(Struct, frozen=True):
    """What a policy asks of an image that it speaks about.

    `attestations` are predicate types by name, None for those that are not evaluated here. `required`: some policy must have
    verified the image. `enforce`: what does not hold is refused, and not only warned of.
    """

    place: Place
    variables: tuple[tuple[str, str], ...]
    attestors: tuple[CosignAttestor, ...]
    attestations: Mapping[str, str | None]
    validations: tuple[Validation, ...]
    required: bool
    enforce: bool
    version: Kyverno

    @property
    def ask_signers_alone(self) -> bool:
        """Whether the validations depend on nothing but the answers of the attestors, and the list that holds the image."""
        return not self.variables and all(
            asks_signers_alone(each.expression) and not each.message_expression for each in self.validations
        )

    def refused(self, why: str, place: Place | None = None) -> Ruling:
        """A failure, as the policy's actions have it."""
        return (failed if self.enforce else warned)(why, place or self.place)


def asks_signers_alone(expression: str) -> bool:
    """Whether an expression is of the usual shape: in each list every image is signed by so many of the attestors.

    Its value then depends on the attestors' answers and on where the image stands, on nothing else.
    """
    return _USUAL.fullmatch(expression) is not None


@dataclass
class Evaluation:
    """One run of the validations. `generous`: whatever nobody can tell is taken for a yes, to see whether it matters."""

    demands: Demands
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
        demands = self.demands
        if not demands.validations:
            return self._required() or passed("it has no validations", demands.place)
        try:
            known = self._known()
            for each in demands.validations:
                ruling = self._one(each, known)
                if ruling is not None:
                    return ruling
        except Unknown as problem:
            return unknown(self._why(str(problem)), demands.place)
        return self._required() or passed(self._why("every validation holds"), demands.place)

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
            return erred(joined(self.errors), validation.place, enforced=self.demands.enforce)
        if problem:
            return unknown(self._why(problem), validation.place)
        if not isinstance(value, bool):
            return erred("a validation is neither true nor false", validation.place, enforced=self.demands.enforce)
        if value:
            return None
        message = self._message(validation, known)
        return self.demands.refused(self._why(message) or _UNTOLD, validation.place)

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
        if not self.demands.required or self.verified or self.demands.version is not Kyverno.V1_19:
            return None
        if self.attempted:
            return self.demands.refused(self._why("required: the image failed verification"))
        return unknown(
            "required: nothing in this policy verifies it, and another policy would have to", self.demands.place
        )

    # ── what expressions see ─────────────────────────────────────────────────────────────────────────────────────────

    def _known(self) -> dict[str, Any]:
        known = known_of(self.resource)
        known["images"] = {each.value: [self.image.text] if each is self.where else [] for each in Containers}
        known["attestors"] = {each.name: each.name for each in self.demands.attestors}
        known["attestations"] = {name: name for name in self.demands.attestations}
        variables: dict[str, Any] = {}
        known["variables"] = variables
        for name, expression in self.demands.variables:
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
        known = {each.name: each for each in self.demands.attestors}
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
        kind = self.demands.attestations.get(str(attestation))
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
