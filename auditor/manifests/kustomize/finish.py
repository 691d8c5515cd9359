"""What kustomize does once all is put together: it leaves out what is meant for itself alone, and fills in `vars`.

Source: sigs.k8s.io/kustomize/api/internal/target (makeCustomizedResMap) and api/filters/refvar.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from collections.abc import Mapping as Values
from functools import partial
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.kustomize.images import FieldSpec
from auditor.manifests.kustomize.merge import base_of, overridden
from auditor.manifests.kustomize.state import State
from auditor.manifests.kustomize.transform import again
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, scalars
from auditor.manifests.objects import Object
from auditor.model.use import Via

_LOCAL: Final = "config.kubernetes.io/local-config"
_VARIABLE: Final = re.compile(r"\$\$|\$\(([^()\s]+)\)")
_STEP: Final = re.compile(r"(?:\\.|[^.\[\\])+|\[[^\]]*\]")
_CONTAINERS: Final = ("containers", "initContainers")


def finish(state: State) -> None:
    """Variables of all levels are filled in at the end; an object for kustomize alone may still be their source."""
    if state.variables:
        values = _Values(state, {entry.text("name"): entry for entry in state.variables})
        asking = [index for index, item in enumerate(state.objects) if _names_variables(item)]
        for index in asking:
            state.objects[index] = _filled(state.objects[index], values, state.referring)
    state.objects = [item for item in state.objects if not _is_local(item)]


class _Values(Struct):
    """The texts that variables stand for, found when they are first asked for: most are named where no image is."""

    state: State
    entries: Values[str, Mapping]
    _known: dict[str, Scalar | None] = field(default_factory=dict)

    def get(self, name: str) -> Scalar | None:
        """The text; None where it cannot be found."""
        if name not in self._known:
            entry = self.entries.get(name)
            self._known[name] = None if entry is None else _value(entry, self.state)
        return self._known[name]


def _names_variables(item: Object) -> bool:
    return any("$(" in scalar.text for scalar in scalars(item.node))


def _is_local(item: Object) -> bool:
    return item.annotations.get(_LOCAL, "false") != "false"


def _value(entry: Mapping, state: State) -> Scalar | None:
    """The text that a variable stands for; None where it cannot be found: what names it stays as it is written."""
    target, path = entry.mapping("objref"), entry.mapping("fieldref").text("fieldPath") or "metadata.name"
    item = next((one for one in state.objects if _is_meant(one, target)), None)
    if item is None:
        state.unskip()
        item = next((one for one in state.objects if _is_meant(one, target)), None)
    if item is None:
        return None
    steps = [step.strip("[]").replace("\\.", ".") for step in _STEP.findall(path)]
    found = _at(item.node, steps) or _at(again(state.reader, item), steps)
    if found is not None and path == "metadata.name":
        return replace(found, text=item.name)
    return found


def _is_meant(item: Object, target: Mapping) -> bool:
    version = target.text("apiVersion") or f"{target.text('group')}/{target.text('version')}".strip("/")
    names = ((item.name, item.namespace), *item.earlier)
    space = target.text("namespace")
    return (
        item.kind == target.text("kind")
        and version in ("", item.api_version)
        and any(name == target.text("name") and space in ("", own) for name, own in names)
    )


def _at(node: Node | None, steps: list[str]) -> Scalar | None:
    for step in steps:
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, Sequence) and step.isdigit() and int(step) < len(node.items):
            node = node.items[int(step)]
        else:
            return None
    return node if isinstance(node, Scalar) and not node.null else None


def _filled(item: Object, values: _Values, referring: list[FieldSpec]) -> Object:
    fill = partial(_scalar, values=values)
    node = _in_containers(item.node, fill)
    for spec in referring:
        if spec.covers(item):
            node = _below(node, spec.path, fill)
    return item if node is item.node or not isinstance(node, Mapping) else dataclasses.replace(item, node=node)


def _in_containers(node: Node, fill: Callable[[Scalar], Scalar]) -> Node:
    """The fields of containers that kustomize fills in without being told to."""
    if isinstance(node, Sequence):
        return Sequence([_in_containers(item, fill) for item in node.items])
    if not isinstance(node, Mapping):
        return node
    entries = []
    for key, value in node.entries:
        fresh = _in_containers(value, fill)
        if key in _CONTAINERS:
            for path in (("args",), ("command",), ("env", "value")):
                fresh = _below(fresh, path, fill)
        entries.append((key, fresh))
    return Mapping(entries, node.file, node.line)


def _below(node: Node, path: tuple[str, ...], fill: Callable[[Scalar], Scalar]) -> Node:
    """The node with the texts at a path filled in; each element of a list on the way is meant."""
    match node:
        case Sequence():
            return Sequence([_below(item, path, fill) for item in node.items])
        case Scalar():
            return node if path else fill(node)
        case Mapping():
            entries = [
                (key, _below(value, path[1:], fill) if not path or key == path[0] else value)
                for key, value in node.entries
            ]
            return Mapping(entries, node.file, node.line)


def _scalar(scalar: Scalar, values: _Values) -> Scalar:
    """`$(NAME)` filled in, `$$` as one dollar; the line to edit is that of the last value."""
    used: list[Scalar] = []

    def one(match: re.Match[str]) -> str:
        value = values.get(match[1] or "")
        if match[0] == "$$":
            return "$"
        if value is None:
            return match[0]
        used.append(value)
        return value.text

    text = _VARIABLE.sub(one, scalar.text)
    if not used:
        return scalar
    return replace(used[-1], text=text, via=Via.REPLACEMENT, base=base_of(scalar), overrides=overridden(scalar))


__all__ = ["finish"]
