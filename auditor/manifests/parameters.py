"""Parameters of pipelines, workflows and OpenShift templates: a reference that names one gets each value that it may have.

Defaults count, and so do the values that the same object hands on (`params`, `arguments.parameters`): all that are written
down, since nothing says which run takes which. What comes from outside of the object stays as it is written.
Sources: tekton.dev/docs/pipelines/variables, argo-workflows.readthedocs.io/en/latest/variables, the `Template` of OpenShift.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Values
from dataclasses import replace
from itertools import islice
from typing import Final, TypeAlias

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.model.use import Via

Parameters: TypeAlias = Values[str, tuple[Scalar, ...]]
"""Every value that a name may have, in the order of the text."""

_TEKTON: Final = re.compile(
    r"""\$\((?:inputs\.|tt\.)?params(?:\.(?P<name>[\w.-]+)|\[["'](?P<quoted>[^"'\]]+)["']\])\)"""
)
_ARGO: Final = re.compile(r"\{\{\s*(?:inputs|workflow)\.parameters\.(?P<name>[\w-]+)\s*\}\}")
_OPENSHIFT: Final = re.compile(r"\$\{\{(?P<quoted>\w+)\}\}|\$\{(?P<name>\w+)\}")
_BY_GROUP: Final[Values[str, re.Pattern[str]]] = {
    "tekton.dev": _TEKTON,
    "triggers.tekton.dev": _TEKTON,
    "argoproj.io": _ARGO,
}
_LISTS: Final = frozenset({"params", "parameters"})
_MOST: Final = 32
"""Values that one reference may get: more are made by nobody but to be in the way, and the text stays as it is."""
_NESTED: Final = 4
"""Values that name other parameters: two levels are real."""


def fill(
    scalar: Scalar, text: str, group: str, node: Mapping, holder: Mapping | None
) -> tuple[tuple[str, Scalar], ...]:
    """What a reference of this object may become, each with the scalar to edit; empty where no parameter has a value.

    `holder` is the OpenShift template around the object.
    """
    for pattern, top in ((_BY_GROUP.get(group), node), (_OPENSHIFT if holder else None, holder)):
        if pattern is not None and top is not None and pattern.search(text):
            known = parameters(top) if top is node else _index(top.items("parameters"))
            made = list(islice(_filled(text, scalar, pattern, known, 0), _MOST + 1))
            if len(made) <= _MOST and [one for one, _ in made] != [text]:
                return tuple((one, _edited(edit, one, scalar)) for one, edit in made)
    return ()


def parameters(node: Node) -> Parameters:
    """Every parameter of an object by name."""
    found: dict[str, list[Scalar]] = {}
    for items in _lists(node):
        for name, values in _index(items).items():
            found.setdefault(name, []).extend(values)
    return {name: tuple(values) for name, values in found.items()}


def _lists(node: Node) -> Iterator[list[Node]]:
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _lists(item)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            if key in _LISTS and isinstance(value, Sequence):
                yield value.items
            yield from _lists(value)


def _index(items: list[Node]) -> Parameters:
    found: dict[str, list[Scalar]] = {}
    for item in items:
        if isinstance(item, Mapping) and (name := item.text("name")):
            held = (item.scalar(key) for key in ("default", "value"))
            found.setdefault(name, []).extend(scalar for scalar in held if scalar is not None)
    return {name: tuple(values) for name, values in found.items()}


def _filled(
    text: str, edit: Scalar, pattern: re.Pattern[str], known: Parameters, depth: int
) -> Iterator[tuple[str, Scalar]]:
    """The text with each value of its first parameter, and then of the others; the line to edit is the last value's."""
    for match in pattern.finditer(text):
        values = [one for one in known.get(_name(match), ()) if match[0] not in one.text]
        if values and depth < _NESTED:
            for value in values:
                whole = text[: match.start()] + value.text + text[match.end() :]
                yield from _filled(whole, value, pattern, known, depth + 1)
            return
    yield text, edit


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return groups.get("name") or groups.get("quoted") or ""


def _edited(edit: Scalar, text: str, scalar: Scalar) -> Scalar:
    return replace(
        edit, text=text, via=Via.SUBSTITUTE, base=scalar.place(), overrides=scalar.text, inner=(), key_path=""
    )
