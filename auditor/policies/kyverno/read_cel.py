"""ImageValidatingPolicy documents → `ImageValidatingPolicy`. What Kyverno would refuse makes it unreadable."""

from __future__ import annotations

from typing import Final

from auditor.config.names import InvalidPattern
from auditor.manifests.objects import Object
from auditor.policies import gobwas
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.constraints import Constraints
from auditor.policies.kyverno.cosign_attestor import read_attestor
from auditor.policies.kyverno.evaluation import Demands, Validation
from auditor.policies.kyverno.imagevalidatingpolicy import Excepted, ImageMatch, ImageValidatingPolicy
from auditor.policies.kyverno.refusal import refused
from auditor.policies.predicates import predicate_type
from auditor.policies.ruling import Engine, NotReadable, Policy
from auditor.policies.versions import Kyverno

VERSIONS: Final = frozenset({"v1alpha1", "v1beta1", "v1"})
_ACTIONS: Final = frozenset({"Deny", "Audit", "Warn"})


def read_cel_policy(
    found: Object, exceptions: tuple[Cursor, ...], version: Kyverno
) -> tuple[Policy, tuple[Mistake, ...]]:
    """One policy and what is wrong with it; with any mistake it is not evaluable."""
    policy = Cursor.at(found)
    name = f"{found.kind}/{found.name}"
    reading = _Reading(policy)
    read = reading.policy(name, exceptions, version)
    if (refusal := refused(found, VERSIONS, reading.mistakes)) is not None:
        return refusal
    if (reason := _not_here(policy, version)) is not None:
        return NotReadable(Engine.KYVERNO, name, policy.place, reason), ()
    return read, ()


def _not_here(policy: Cursor, version: Kyverno) -> str | None:
    """Why a policy that is well written is not evaluated all the same."""
    if version is Kyverno.V1_13:
        return "Kyverno 1.13 has no policies of this kind"
    if not cel.installed():
        return "its expressions need the extra `kyverno` (pip install 'gitops-auditor[kyverno]')"
    if policy["spec"]["evaluation"]["mode"].text == "JSON":
        return "it is for JSON payloads, not for what a cluster admits"
    if policy["spec"]["images"]:
        return "image extractors of its own (`images`) are not evaluated here"
    return None


class _Reading:
    """One policy on its way from nodes to values."""

    def __init__(self, policy: Cursor) -> None:
        self._policy = policy
        self.mistakes: list[Mistake] = []

    def policy(self, name: str, exceptions: tuple[Cursor, ...], version: Kyverno) -> ImageValidatingPolicy:
        policy, spec = self._policy, self._policy["spec"]
        namespaced = policy["kind"].text.startswith("Namespaced")
        settings = spec["validationConfigurations"]
        return ImageValidatingPolicy(
            name=name,
            place=policy.place,
            namespace=policy["metadata"]["namespace"].text if namespaced else None,
            constraints=Constraints.of(spec["matchConstraints"]),
            conditions=tuple(self._expression(each["expression"]) for each in spec["matchConditions"]),
            matches=tuple(self._match(each) for each in spec["matchImageReferences"]),
            demands=self._demands(spec, version),
            mutates=settings["mutateDigest"].text != "false",
            demands_digest=settings["verifyDigest"].text != "false",
            exceptions=self._exceptions(policy, exceptions),
            at_admission=spec["evaluation"]["admission"]["enabled"].text != "false",
        )

    def _demands(self, spec: Cursor, version: Kyverno) -> Demands:
        return Demands(
            place=self._policy.place,
            variables=tuple((each["name"].text, self._expression(each["expression"])) for each in spec["variables"]),
            attestors=tuple(read_attestor(each, self.mistakes) for each in spec["attestors"]),
            attestations={each["name"].text: _predicate(each) for each in spec["attestations"]},
            validations=tuple(self._validation(each) for each in spec["validations"]),
            required=spec["validationConfigurations"]["required"].text != "false",
            enforce=self._enforce(spec["validationActions"]),
            version=version,
        )

    def _expression(self, field: Cursor) -> str:
        why = cel.problem_with(field.text)
        if why:
            self.mistakes.append(field.mistake(f"not CEL: {why}"))
        return field.text

    def _match(self, field: Cursor) -> ImageMatch:
        glob = field["glob"].text
        if not glob:
            return ImageMatch(expression=self._expression(field["expression"]))
        try:
            gobwas.matches(glob, "")
        except InvalidPattern as problem:
            self.mistakes.append(field["glob"].mistake(f"not a glob: {problem}"))
        return ImageMatch(glob=glob)

    def _validation(self, field: Cursor) -> Validation:
        shown = field["messageExpression"]
        if shown and self._expression(shown) and cel.is_constant(shown.text, but=str):
            self.mistakes.append(shown.mistake("output is expected to be of type string"))
        expression = field["expression"]
        return Validation(expression.place, self._expression(expression), field["message"].text, shown.text)

    def _enforce(self, field: Cursor) -> bool:
        actions = {each.text for each in field}
        for each in field:
            if each.text not in _ACTIONS:
                self.mistakes.append(each.mistake(f"not an action: {each.text[:60]!r} (Deny, Audit or Warn)"))
        if {"Deny", "Warn"} <= actions:
            self.mistakes.append(next(iter(field)).mistake("Deny and Warn may not be used together"))
        return not actions or "Deny" in actions

    def _exceptions(self, policy: Cursor, exceptions: tuple[Cursor, ...]) -> tuple[Excepted, ...]:
        name, kind = policy["metadata"]["name"].text, policy["kind"].text
        return tuple(
            Excepted(
                each["metadata"]["name"].text,
                tuple(condition["expression"].text for condition in each["spec"]["matchConditions"]),
                bool(each["spec"]["images"] or each["spec"]["allowedValues"]),
            )
            for each in exceptions
            if any(ref["name"].text == name and ref["kind"].text == kind for ref in each["spec"]["policyRefs"])
        )


def _predicate(field: Cursor) -> str | None:
    """The predicate type of an in-toto attestation; None for a referrer, which is not evaluated here."""
    kind = field["intoto"]["type"].text
    return predicate_type(kind) or None
