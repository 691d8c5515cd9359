"""Parameters of pipelines, workflows and OpenShift templates: a reference that names one gets each value that it may have.

Defaults count, and so do the values that the same object hands on (`params`, `arguments.parameters`): all that are written
down, since nothing says which run takes which. What comes from outside of the object stays as it is written.
A ResourceGraphDefinition of kro gives defaults in the schema of the kind that it defines: `image: string | default="acme/web:1"`.
Sources: tekton.dev/docs/pipelines/variables, argo-workflows.readthedocs.io/en/latest/variables, the `Template` of OpenShift,
kro.run/docs (SimpleSchema).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Values
from itertools import islice
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.model.use import Via

Parameters: TypeAlias = Values[str, tuple[Scalar, ...]]
"""Every value that a name may have, in the order of the text."""

_TEKTON: Final = re.compile(
    r"""\$\((?:inputs\.|tt\.)?params(?:\.(?P<name>[\w.-]+)|\[["'](?P<quoted>[^"'\]]+)["']\])\)"""
)
_ARGO: Final = re.compile(r"\{\{\s*(?:inputs|workflow)\.parameters\.(?P<name>[\w-]+)\s*\}\}")
_OPENSHIFT: Final = re.compile(r"\$\{\{(?P<quoted>\w+)\}\}|\$\{(?P<name>\w+)\}")
_RESOURCE_SET: Final = re.compile(r"<<-?\s*inputs\.(?P<name>\w+(?:\.\w+)?)(?P<quoted>)(?:\s*\|\s*quote)?\s*-?>>")
_KRO: Final = re.compile(r"\$\{\s*schema\.spec\.(?P<name>\w+(?:\.\w+)*)(?P<quoted>)\s*\}")
_DEFAULT: Final = re.compile(
    r"""\|(?:[^|]*\s)?default=(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s|"']+))"""
)
KRO: Final = "kro.run"
BY_GROUP: Final[Values[str, re.Pattern[str]]] = {
    "tekton.dev": _TEKTON,
    "triggers.tekton.dev": _TEKTON,
    "argoproj.io": _ARGO,
    "fluxcd.controlplane.io": _RESOURCE_SET,
    KRO: _KRO,
}
_LISTS: Final = frozenset({"params", "parameters"})
MOST: Final = 32
"""Values that one reference may get: more are made by nobody but to be in the way, and the text stays as it is."""
NESTED: Final = 4
"""Values that name other parameters: two levels are real."""


def fill(
    scalar: Scalar, text: str, group: str, node: Mapping, holder: Mapping | None
) -> tuple[tuple[str, Scalar], ...]:
    """What a reference of this object may become, each with the scalar to edit; empty where no parameter has a value.

    `holder` is the OpenShift template around the object.
    """
    for pattern, top in ((BY_GROUP.get(group), node), (_OPENSHIFT if holder else None, holder)):
        if pattern is not None and top is not None and pattern.search(text):
            known = parameters(top) if top is node else index(top.items("parameters"))
            made = list(islice(filled(text, scalar, pattern, known, 0), MOST + 1))
            if len(made) <= MOST and [one for one, _ in made] != [text]:
                return tuple((one, _edited(edit, one, scalar)) for one, edit in made)
    return ()


def parameters(node: Node) -> Parameters:
    """Every parameter of an object by name."""
    found: dict[str, list[Scalar]] = {}
    if isinstance(node, Mapping) and (schema := node.mapping("spec").mapping("schema").mapping("spec")).entries:
        found |= {name: [value] for name, value in _defaults(schema)}
    for items in _lists(node):
        for name, values in index(items).items():
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
            elif key == "inputs" and isinstance(value, Sequence):
                yield [one for each in value.items if isinstance(each, Mapping) for one in _inputs(each)]
            yield from _lists(value)


def _defaults(schema: Mapping) -> Iterator[tuple[str, Scalar]]:
    for name, said in fields(schema):
        match = _DEFAULT.search(said.text)
        if match is not None:
            yield name, replace(said, text=match["double"] or match["single"] or match["bare"] or "")


def fields(node: Mapping, above: str = "") -> Iterator[tuple[str, Scalar]]:
    """Every text below by its dotted name; lists are left out."""
    for key, value in node.entries:
        if isinstance(value, Mapping):
            yield from fields(value, f"{above}{key}.")
        elif isinstance(value, Scalar) and not value.null:
            yield f"{above}{key}", value


def inputs(values: Mapping) -> Parameters:
    """The keys of a map of inputs as parameters (flux-operator)."""
    return index(_inputs(values))


def _inputs(values: Mapping) -> list[Node]:
    return [Mapping([("name", Scalar(name, "", 1, 1)), ("value", one)]) for name, one in values.entries]


def index(items: list[Node]) -> dict[str, tuple[Scalar, ...]]:
    """The values of a list of parameters, by name: of one that is a list each element, of an object each key."""
    found: dict[str, list[Scalar]] = {}
    for item in items:
        if isinstance(item, Mapping) and (name := item.text("name")):
            for key in ("default", "value", "valueFrom"):
                for path, scalar in _values(name, key, item):
                    found.setdefault(path, []).append(scalar)
    return {name: tuple(values) for name, values in found.items()}


def _values(name: str, key: str, item: Mapping) -> Iterator[tuple[str, Scalar]]:
    value = item.get(key)
    if isinstance(value, Scalar) and not value.null:
        yield name, value
    elif isinstance(value, Sequence):
        yield from ((name, one) for one in value.items if isinstance(one, Scalar))
    elif key == "valueFrom" and isinstance(value, Mapping) and value.get("supplied") is None:
        # Something computes it or keeps it elsewhere: nobody can tell, whatever the default.
        if (said := item.scalar("name")) is not None:
            yield name, replace(said, text=f"<{name}>")
    elif isinstance(value, Mapping):
        yield from ((f"{name}.{part}", one) for part, one in value.entries if isinstance(one, Scalar))


def names(text: str, group: str) -> frozenset[str]:
    """The parameters that a text of an object of this group names."""
    pattern = BY_GROUP.get(group)
    return frozenset(_name(match) for match in pattern.finditer(text)) if pattern else frozenset()


def filled(
    text: str, edit: Scalar, pattern: re.Pattern[str], known: Parameters, depth: int
) -> Iterator[tuple[str, Scalar]]:
    """The text with each value of its first parameter, and then of the others; the line to edit is the last value's."""
    for match in pattern.finditer(text):
        values = [one for one in known.get(_name(match), ()) if match[0] not in one.text]
        if values and depth < NESTED:
            for value in values:
                whole = text[: match.start()] + value.text + text[match.end() :]
                yield from filled(whole, value, pattern, known, depth + 1)
            return
    yield text, edit


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return groups.get("name") or groups.get("quoted") or ""


def _edited(edit: Scalar, text: str, scalar: Scalar) -> Scalar:
    return replace(
        edit, text=text, via=Via.SUBSTITUTE, base=scalar.place(), overrides=scalar.text, inner=(), key_path=""
    )
