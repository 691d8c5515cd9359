"""Whether the `templatePatch` of an ApplicationSet leaves what its Applications deploy as it is.

Most of them switch on how an Application is synced. A patch is harmless where every text that its conditions may make of it, with
the parameters filled in, says nothing but that. Conditions may cut through quotes, comments and indentation, so each outcome is
read by itself. Source: argo-cd's documentation (ApplicationSet, Template Patch).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from auditor.manifests import yaml
from auditor.manifests.graph.conditions import variants
from auditor.manifests.graph.template import Parameters, filled
from auditor.manifests.nodes import Mapping, Node, Scalar

_HARMLESS: Final = frozenset({"syncPolicy", "ignoreDifferences", "info", "revisionHistoryLimit", "project"})
"""Fields of an Application's `spec` that choose nothing of what it deploys."""
_ACTION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_TOLD_BY_CLUSTERS: Final = re.compile(
    r"\{\{-?\s*\.?(?:name|nameNormalized|metadata\.labels\.[\w.-]+)\s*(?:\|\s*quote\s*)?-?\}\}", re.ASCII
)
"""What only a controller knows, and what Kubernetes lets be nothing but a plain word."""
_PLAIN: Final = re.compile(r"[\w./:+@-]*", re.ASCII)
"""Values that say the same with quotes around them and without."""
_LONGEST: Final = 64 * 1024
_MOST: Final = 4096
"""Texts that are read for one patch."""


class _OpenError(Exception):
    """What stands there cannot be told, or might be more than a word."""


def is_harmless(patch: Scalar, found: Iterable[Parameters]) -> bool:
    """Whether the patch changes how Applications are synced or labelled, and nothing else, with any of the parameters."""
    texts = variants(patch.text) if len(patch.text) <= _LONGEST else frozenset()
    if not texts:
        return False
    made: set[str] = set()
    read = 0
    for parameters in found:
        read += len(texts)
        try:
            made.update(_filled(text, parameters) for text in texts)
        except _OpenError:
            return False
        if read > _MOST:
            return False
    return all(_says_nothing_else(text, patch.file) for text in made)


def _filled(text: str, parameters: Parameters) -> str:
    def value(match: re.Match[str]) -> str:
        made = filled(Scalar(match[0], "", 0, 0), parameters)
        if isinstance(made, Scalar) and made.text != match[0] and _PLAIN.fullmatch(made.text):
            return made.text
        if _TOLD_BY_CLUSTERS.fullmatch(match[0]):
            return "x"
        raise _OpenError

    return _ACTION.sub(value, text)


def _says_nothing_else(text: str, file: str) -> bool:
    documents = list(islice(yaml.documents(text.encode("utf-8", "replace"), file), 2))
    return all(not isinstance(one, yaml.Broken) and _is_harmless(yaml.full(one)) for one in documents)


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
