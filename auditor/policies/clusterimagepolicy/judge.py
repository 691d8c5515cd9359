"""What policy-controller would say of an image, policy by policy.

All policies that match an image must pass; within a policy one authority suffices. The name that globs see is pinned to the
digest, because the controller's own mutation has pinned it before. Which namespaces opted in (label
`policy.sigstore.dev/include`) a repository does not tell: every workload is judged as if its namespace had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from msgspec import Struct

from auditor.model.place import Place
from auditor.model.reference import Digest, InvalidReference
from auditor.policies.clusterimagepolicy import names
from auditor.policies.clusterimagepolicy.answer import Satisfied, Unclear, Unsatisfied
from auditor.policies.clusterimagepolicy.attested import evaluate
from auditor.policies.clusterimagepolicy.authorities import Footing, ask, footing_of, repository_of
from auditor.policies.clusterimagepolicy.held import Court
from auditor.policies.clusterimagepolicy.policy import ClusterImagePolicy
from auditor.policies.clusterimagepolicy.resources import matches
from auditor.policies.clusterimagepolicy.trust_root import TrustRoot
from auditor.policies.inspected import Inspected, Resource
from auditor.policies.proofs import Proofs
from auditor.policies.rego.evaluate import Json, Rego
from auditor.policies.ruling import Engine, Ruling, failed, passed, skipped, unknown, warned

_NO_DIGEST: Final = Digest("0" * 64)
"""Stands in a name whose digest is not known: the part that globs look at is before it."""
_NO_NAME: Final = "policy-controller takes it for no image name, and refuses whatever runs it"
_SHOWN: Final = 3
_NO_MATCH_NAMED: Final = skipped("it does not match the image")
_NO_MATCH: Final = skipped("it does not match")


@dataclass(frozen=True)
class CipPolicy:
    """One ClusterImagePolicy without mistakes, ready to judge."""

    policy: ClusterImagePolicy
    roots: Mapping[str, TrustRoot]
    rego: Rego

    @property
    def engine(self) -> Engine:
        """Who enforces it."""
        return Engine.POLICY_CONTROLLER

    @property
    def name(self) -> str:
        """`ClusterImagePolicy/name`."""
        return self.policy.title

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.policy.place

    @property
    def repositories(self) -> frozenset[str]:
        """Other repositories that it takes signatures from."""
        return frozenset(name for each in self.policy.authorities if (name := repository_of(each)))

    @property
    def attested(self) -> bool:
        """Whether an authority wants attestations."""
        return any(each.attestations for each in self.policy.authorities)

    def matches(self, image: Inspected, resource: Resource) -> bool | None:
        """Whether the policy speaks about the image when this resource is admitted; None where nobody can tell."""
        name = seen(image)
        if name is None or not any(glob.matches(name) for glob in self.policy.globs):
            return False
        return matches(self.policy.match, resource)

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What the controller would say when this resource is admitted."""
        if seen(image) is None:
            return failed(_NO_NAME)  # it looks at the name before it looks for policies
        speaks = self.matches(image, resource)
        if speaks is None:
            return unknown(f"whether it matches {resource} depends on what the tree does not tell")
        if not speaks:
            return _NO_MATCH_NAMED if resource.named else _NO_MATCH
        return self._judge(image, Court(self.roots, self.rego, proofs))

    @cached_property
    def _footings(self) -> tuple[Footing, ...]:
        return tuple(footing_of(each, self.roots) for each in self.policy.authorities)

    def _judge(self, image: Inspected, court: Court) -> Ruling:
        digest = image.digest
        if digest is None:
            return failed(f"{image.missing}") if image.absent else unknown(f"{image.missing}")
        asked = zip(self.policy.authorities, self._footings, strict=True)
        answers = {each.name: ask(each, footing, image, digest, court) for each, footing in asked}
        satisfied = {name: answer for name, answer in answers.items() if isinstance(answer, Satisfied)}
        if satisfied:
            return self._whole(satisfied, certain=not any(isinstance(each, Unclear) for each in answers.values()))
        unclear = [f"{name}: {each.why}" for name, each in answers.items() if isinstance(each, Unclear)]
        if unclear:
            return unknown("; ".join(unclear[:_SHOWN]))
        return self._no("; ".join(f"{name}: {each.why}" for name, each in list(answers.items())[:_SHOWN]))

    def _whole(self, satisfied: Mapping[str, Satisfied], *, certain: bool) -> Ruling:
        """The policy over all authorities has the last word, if there is one."""
        script = self.policy.script
        name, first = next(iter(satisfied.items()))
        if script is None:
            return passed(f"{name}: {first.why}")
        if self.policy.includes:
            return unknown(f"its policy looks at what is not given to it here ({', '.join(self.policy.includes)})")
        matched: dict[str, Json] = {each: answer.said() for each, answer in satisfied.items()}
        problem = evaluate(script, {"authorityMatches": matched}, self.rego)
        if problem is None and certain:
            return passed(f"{name}: {first.why}; its policy is satisfied", script.place)
        if isinstance(problem, Unsatisfied) and certain:
            return self._no(problem.why, script.place)
        why = problem.why if problem else "its policy counts authorities, and not all of them could be told"
        return unknown(why, script.place)

    def _no(self, why: str, place: Place | None = None) -> Ruling:
        return warned(why, place) if self.policy.warns else failed(why, place)


class NoMatch(Struct, frozen=True):
    """`no-match-policy` of the controller's ConfigMap: what becomes of images that no policy matches.

    Not `complete`: there are policies that nobody can read, and that may match.
    """

    action: str
    place: Place
    policies: tuple[CipPolicy, ...]
    complete: bool

    @property
    def engine(self) -> Engine:
        """Who enforces it."""
        return Engine.POLICY_CONTROLLER

    @property
    def name(self) -> str:
        """The ConfigMap that says it."""
        return "ConfigMap/config-policy-controller"

    @property
    def repositories(self) -> frozenset[str]:
        """None: it asks for no signatures."""
        return frozenset()

    @property
    def attested(self) -> bool:
        """No: it asks for nothing."""
        return False

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:  # noqa: ARG002 - the protocol's shape
        """What the controller would say."""
        if seen(image) is None:
            return failed(_NO_NAME)
        matched = [each.matches(image, resource) for each in self.policies]
        if any(matched):
            return skipped("a policy matches the image")
        if None in matched or not self.complete:
            return unknown("whether a policy matches the image cannot be told")
        match self.action:
            case "allow":
                return passed("no policy matches, and no-match-policy is allow", self.place)
            case "warn":
                return warned("no policy matches, and no-match-policy is warn", self.place)
            case _:
                return failed("no policy matches, and no-match-policy is deny", self.place)


def seen(image: Inspected) -> str | None:
    """The name that globs are matched with; None for what the controller does not take for an image name."""
    repository = _repository(image.text)
    return None if repository is None else f"{repository}@{image.digest or _NO_DIGEST}"


@lru_cache(maxsize=65536)
def _repository(text: str) -> str | None:
    """Every policy asks for the name of every image."""
    try:
        return names.repository(names.parse(text))
    except InvalidReference:
        return None
