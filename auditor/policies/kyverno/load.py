"""Kyverno's documents of a tree → policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from auditor.manifests.objects import Object
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found
from auditor.policies.kyverno.names import DEFAULT_REGISTRY
from auditor.policies.kyverno.read import read_policy, verifies_images
from auditor.policies.ruling import Policy
from auditor.policies.versions import Versions

_CLASSIC: Final = "kyverno.io"
_CEL: Final = "policies.kyverno.io"


def load_kyverno(found: Found, versions: Versions) -> tuple[tuple[Policy, ...], tuple[Mistake, ...]]:
    """Every policy about signatures, and what is wrong with them."""
    policies: list[Policy] = []
    mistakes: list[Mistake] = []
    classic = [each for each in found.of(_CLASSIC, "ClusterPolicy", "Policy") if verifies_images(each)]
    exceptions = _by_policy(found.of(_CLASSIC, "PolicyException"), "exceptions", "policyName")
    registry = _default_registry(found) if classic else DEFAULT_REGISTRY
    for each in classic:
        known = f"{each.namespace}/{each.name}" if each.kind == "Policy" and each.namespace else each.name
        policy, wrong = read_policy(each, found, exceptions.get(known, ()), registry, versions.kyverno)
        policies.append(policy)
        mistakes.extend(wrong)
    validating = tuple(found.of(_CEL, "ImageValidatingPolicy", "NamespacedImageValidatingPolicy"))
    if not validating:
        return tuple(policies), tuple(mistakes)
    from auditor.policies.kyverno.read_cel import read_cel_policy  # noqa: PLC0415 - who has none of these needs no CEL

    exceptions = _by_policy(found.of(_CEL, "PolicyException"), "policyRefs", "name")
    for each in validating:
        policy, wrong = read_cel_policy(each, exceptions.get(each.name, ()), versions.kyverno)
        policies.append(policy)
        mistakes.extend(wrong)
    return tuple(policies), tuple(mistakes)


def _by_policy(exceptions: Iterable[Object], entries: str, name: str) -> Mapping[str, tuple[Cursor, ...]]:
    """Exceptions by the name of each policy that they speak of."""
    found: dict[str, dict[int, Cursor]] = {}
    for number, each in enumerate(exceptions):
        cursor = Cursor.at(each)
        for entry in cursor["spec"][entries]:
            found.setdefault(entry[name].text, {})[number] = cursor
    return {policy: tuple(each.values()) for policy, each in found.items()}


def _default_registry(found: Found) -> str:
    """What Kyverno adds to a name without a host, as its ConfigMap in the tree says; empty where that is switched off."""
    settings = found.config_map("kyverno", "kyverno") or {}
    if settings.get("enableDefaultRegistryMutation") == "false":
        return ""
    return settings.get("defaultRegistry") or DEFAULT_REGISTRY
