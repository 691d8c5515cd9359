"""ClusterImagePolicy, TrustRoot and the controller's ConfigMap of a tree → policies, ready to judge."""

from __future__ import annotations

from typing import Final

from auditor.model.place import Place
from auditor.policies.clusterimagepolicy.judge import CipPolicy, NoMatch
from auditor.policies.clusterimagepolicy.read import NAMESPACE, read_policy
from auditor.policies.clusterimagepolicy.trust_root import read_trust_root
from auditor.policies.cursor import Mistake
from auditor.policies.found import Found, templated
from auditor.policies.rego.evaluate import Rego
from auditor.policies.ruling import Engine, NotReadable, Policy
from auditor.policies.versions import Versions

GROUP: Final = "policy.sigstore.dev"
_CONFIG: Final = "config-policy-controller"
_VERSIONS: Final = frozenset({"v1alpha1", "v1beta1"})


def load_clusterimagepolicies(
    found: Found,
    versions: Versions,  # noqa: ARG001 - the loaders' common shape; one version of this engine is read
) -> tuple[tuple[Policy, ...], tuple[Mistake, ...]]:
    """Every policy, those that the controller refuses among them, and what is wrong in each."""
    rego = Rego()
    trusted = [read_trust_root(each) for each in found.of(GROUP, "TrustRoot")]
    roots = {each.name: each for each in trusted}
    mistakes = [mistake for each in trusted for mistake in each.mistakes]

    def texts(kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        if kind == "Secret":
            return found.secret(name, namespace)
        held = found.config_map(name, namespace)
        return None if held is None else {key: text.encode() for key, text in held.items()}

    policies: list[CipPolicy] = []
    refused: list[NotReadable] = []
    for each in found.of(GROUP, "ClusterImagePolicy"):
        policy = read_policy(each, texts, _outside(each.version, templated(each)))
        mistakes.extend(policy.mistakes)
        if policy.mistakes:
            first = policy.mistakes[0]
            why = f"the controller refuses this policy: {first}"
            refused.append(NotReadable(Engine.POLICY_CONTROLLER, policy.title, first.place, why))
        else:
            policies.append(CipPolicy(policy, roots, rego))
    others = _no_match(found, tuple(policies), complete=not refused)
    return (*policies, *refused, *others), tuple(mistakes)


def _outside(version: str, template: Place | None) -> str | None:
    """Why a document cannot be read as it stands."""
    if template is not None:
        return "it is a template that Helm fills in: render it first"
    return None if version in _VERSIONS else f"there is no version {version} of this kind"


def _no_match(found: Found, policies: tuple[CipPolicy, ...], *, complete: bool) -> tuple[NoMatch, ...]:
    held = found.config_map(_CONFIG, NAMESPACE) if policies else None
    if held is None:
        # The default is to deny; whether the controller is set up so is not in the tree: the lint `policy-gap` tells.
        return ()
    return (NoMatch(held.get("no-match-policy", "deny"), policies[0].place, policies, complete),)
