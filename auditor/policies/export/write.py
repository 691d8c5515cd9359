"""The languages by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from auditor.config.rules import Rules
from auditor.errors import UsageError
from auditor.policies.export import clusterimagepolicy, cosign, imagevalidatingpolicy, kyverno, rego
from auditor.policies.export.statements import Language, Said, statements

TARGETS: Final[Mapping[str, tuple[Language, Callable[[Said], str]]]] = {
    "kyverno": (kyverno.LANGUAGE, kyverno.write),
    "imagevalidatingpolicy": (imagevalidatingpolicy.LANGUAGE, imagevalidatingpolicy.write),
    "clusterimagepolicy": (clusterimagepolicy.LANGUAGE, clusterimagepolicy.write),
    "rego": (rego.LANGUAGE, rego.write),
    "cosign": (cosign.LANGUAGE, cosign.write),
}


def export(rules: Rules, target: str, *, identity_only: bool = False) -> str:
    """The rules in another language. Raises Unsayable with every reason, UsageError for an unknown language."""
    if target not in TARGETS:
        raise UsageError(f"unknown language {target!r}", help=f"one of {', '.join(TARGETS)}")
    language, write = TARGETS[target]
    return write(statements(rules, language, identity_only=identity_only))
