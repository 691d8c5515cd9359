"""Kyverno's documents of a tree → policies."""

from __future__ import annotations

from typing import Final

from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found
from auditor.policies.kyverno.names import DEFAULT_REGISTRY
from auditor.policies.kyverno.read import read_policy, verifies_images
from auditor.policies.kyverno.read_cel import read_cel_policy
from auditor.policies.ruling import Policy
from auditor.policies.versions import Versions

_CLASSIC: Final = "kyverno.io"
_CEL: Final = "policies.kyverno.io"


def load_kyverno(found: Found, versions: Versions) -> tuple[tuple[Policy, ...], tuple[Mistake, ...]]:
    """Every policy about signatures, and what is wrong with them."""
    policies: list[Policy] = []
    mistakes: list[Mistake] = []
    classic = [each for each in found.of(_CLASSIC, "ClusterPolicy", "Policy") if verifies_images(each)]
    exceptions = tuple(Cursor.at(each) for each in found.of(_CLASSIC, "PolicyException"))
    registry = _default_registry(found) if classic else DEFAULT_REGISTRY
    for each in classic:
        policy, wrong = read_policy(each, found, exceptions, registry, versions.kyverno)
        policies.append(policy)
        mistakes.extend(wrong)
    exceptions = tuple(Cursor.at(each) for each in found.of(_CEL, "PolicyException"))
    for each in found.of(_CEL, "ImageValidatingPolicy", "NamespacedImageValidatingPolicy"):
        policy, wrong = read_cel_policy(each, exceptions, versions.kyverno)
        policies.append(policy)
        mistakes.extend(wrong)
    return tuple(policies), tuple(mistakes)


def _default_registry(found: Found) -> str:
    """What Kyverno adds to a name without a host, as its ConfigMap in the tree says; empty where that is switched off."""
    settings = found.config_map("kyverno", "kyverno") or {}
    if settings.get("enableDefaultRegistryMutation") == "false":
        return ""
    return settings.get("defaultRegistry") or DEFAULT_REGISTRY
