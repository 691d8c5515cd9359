"""Whether the `templatePatch` of an ApplicationSet leaves what its Applications deploy as it is.

Most of them switch on how an Application is synced. A patch is harmless where its text, whatever its conditions decide and its
parameters fill in, can say nothing but that. Source: argo-cd's documentation (ApplicationSet, Template Patch).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auditor.manifests import yaml
from auditor.manifests.graph.template import Parameters
from auditor.manifests.nodes import Mapping, Node, Scalar

_HARMLESS: Final = frozenset({"syncPolicy", "ignoreDifferences", "info", "revisionHistoryLimit", "project"})
"""Fields of an Application's `spec` that choose nothing of what it deploys."""
_ACTION: Final = re.compile(r"\{\{-?([^{}]*?)-?\}\}")
_CONTROL: Final = re.compile(r"\s*(?:if|else|end|range|with)\b[^:={}]*")
_OUTPUT: Final = re.compile(
    r"\s*(?:\$?\.[\w.-]*|[\w.-]+)(?:\s*\|\s*(?:quote|squote|lower|upper|toString))*\s*", re.ASCII
)
_LONGEST: Final = 64 * 1024


def is_harmless(patch: Scalar, found: Iterable[Parameters]) -> bool:
    """Whether the patch changes how Applications are synced or labelled, and nothing else, with any of the parameters."""
    text = patch.text
    if len(text) > _LONGEST or any("\n" in value.text for parameters in found for value in parameters.values()):
        return False
    plain = _ACTION.sub(_without, text)
    if "{{" in plain or "}}" in plain or re.search(r"[{}&*<]", plain):
        return False
    documents = list(yaml.documents(plain.encode("utf-8", "replace"), patch.file))
    return all(not isinstance(one, yaml.Broken) and _is_harmless(yaml.full(one)) for one in documents)


def _without(match: re.Match[str]) -> str:
    """Nothing for what steers, a word for what is filled in, and for anything else what the reader refuses."""
    if _CONTROL.fullmatch(match[1]) is not None:
        return ""
    return "x" if _OUTPUT.fullmatch(match[1]) is not None else "{{"


def _is_harmless(node: Node) -> bool:
    if isinstance(node, Scalar):
        return node.null or not node.text
    if not isinstance(node, Mapping):
        return False
    return all(
        key == "metadata"
        or (key == "spec" and isinstance(value, Mapping) and all(name in _HARMLESS for name, _ in value.entries))
        for key, value in node.entries
    )
