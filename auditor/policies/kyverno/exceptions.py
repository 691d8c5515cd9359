"""PolicyException: a rule that does not speak about some resources. It has no end; Kyverno honours it where that is enabled."""

from __future__ import annotations

from msgspec import Struct

from auditor.policies.cursor import Cursor
from auditor.policies.inspected import Resource
from auditor.policies.kyverno.answer import Maybe, both
from auditor.policies.kyverno.match import Match
from auditor.policies.kyverno.wildcard import matches


class PolicyException(Struct, frozen=True):
    """One exception that names a policy. Conditions are not evaluated: whether they hold is unknown."""

    name: str
    rules: tuple[str, ...]
    match: Match
    conditional: bool

    def covers(self, rule: str, resource: Resource) -> Maybe:
        """Whether it takes the resource out of the rule."""
        if not any(matches(pattern, rule) or rule == f"autogen-{pattern}" for pattern in self.rules):
            return False
        return both(self.match.takes(resource), None if self.conditional else True)


def exceptions_to(policy: str, namespace: str, exceptions: tuple[Cursor, ...]) -> tuple[PolicyException, ...]:
    """Those that name the policy, by `name` or, for a namespaced one, `namespace/name`."""
    wanted = {f"{namespace}/{policy}"} if namespace else {policy}
    return tuple(
        PolicyException(
            each["metadata"]["name"].text,
            tuple(rule.text for rule in entry["ruleNames"]),
            Match.of(each["spec"]["match"]),
            bool(each["spec"]["conditions"]),
        )
        for each in exceptions
        for entry in each["spec"]["exceptions"]
        if entry["policyName"].text in wanted
    )
