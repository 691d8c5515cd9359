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
from auditor.manifests.graph.conditions import UNKNOWN, variants
from auditor.manifests.graph.template import Parameters, filled
from auditor.manifests.helm.needs import HOLE, opened
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
_DOT: Final = "{{ . }}"
_RANGE: Final = re.compile(
    r"\{\{(?P<before>-?)\s*range\s+\.(?P<name>[\w.]+)\s*(?P<after>-?)\}\}(?P<body>(?:(?!\{\{).|\{\{ \. \}\})*)"
    r"\{\{(?P<end>-?)\s*end\s*(?P<last>-?)\}\}",
    re.ASCII | re.DOTALL,
)
"""What is said for each element of a list, with nothing else that steers inside."""
_ITEM: Final = re.compile(r"[\w./:+@=-]*", re.ASCII)
_WORD: Final = re.compile(r"[^\s'\",\[\]]+")
_YAML: Final = re.compile(r"\.(?:ya?ml|json)\Z")
_LONGEST: Final = 64 * 1024
_MOST: Final = 4096
"""Texts that are read for one patch."""


class _OpenError(Exception):
    """What stands there cannot be told, or might be more than a word."""


def is_harmless(patch: Scalar, found: Iterable[Parameters]) -> bool:
    """Whether the patch changes how Applications are synced or labelled, and nothing else, with any of the parameters."""
    made: set[str] = set()
    read = 0
    for parameters in found:
        text = _ranged(patch.text, parameters) if len(patch.text) <= _LONGEST else ""
        texts = variants(text) if 0 < len(text) <= _LONGEST else frozenset()
        read += len(texts)
        if not texts or read > _MOST:
            return False
        try:
            made.update(_filled(text, parameters) for text in texts)
        except _OpenError:
            return False
    return all(_says_nothing_else(text, patch.file) for text in made)


def _ranged(text: str, parameters: Parameters) -> str:
    """The text with what it says for each element of a list: of words alone, and of lists that are known."""
    made, at = "", 0
    for match in _RANGE.finditer(text):
        before, words = text[at : match.start()], _words(match["name"], parameters)
        if words is None:
            return text
        body = match["body"].lstrip() if match["after"] else match["body"]
        body = body.rstrip() if match["end"] else body
        made += before.rstrip() if match["before"] else before
        made += "".join(body.replace(_DOT, word) for word in words)
        at = match.end()
        if match["last"]:
            at = len(text) - len(text[at:].lstrip())
    return made + text[at:]


def _words(name: str, parameters: Parameters) -> list[str] | None:
    """The elements of a list; None where it may have others, or where they are no words."""
    below = [
        (key, value) for key, value in parameters.items() if key == name or key.startswith((f"{name}[", f"{name}."))
    ]
    words = [value.text for _, value in below]
    is_list = [key for key, _ in below] == [f"{name}[{index}]" for index in range(len(below))]
    is_known = bool(below) or UNKNOWN not in parameters
    return words if is_list and is_known and all(map(_ITEM.fullmatch, words)) else None


def files_of(patch: Scalar, found: Iterable[Parameters]) -> tuple[str, ...]:
    """Files of values that a patch may name, by itself or by parameters, with holes for what a generator fills in."""
    words = [
        word for word in _WORD.findall(opened(patch.text[:_LONGEST])) if word.startswith("$") or _YAML.search(word)
    ]
    named = {
        value.text for parameters in found for value in parameters.values() if value.file and _YAML.search(value.text)
    }
    paths = (word.partition("/")[2] if word.startswith("$") else word for word in (*words, *sorted(named)))
    return tuple(dict.fromkeys(each for path in paths if path for each in (path, f"{HOLE}/{path}")))


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
