"""Strategic merge patches on nodes, as kyaml's merge2 does them.

Source: sigs.k8s.io/kustomize/kyaml/yaml/merge2 and walk. Lists of known kinds are merged by their merge key, with the
patch's elements first; lists of unknown kinds are replaced.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from auditor.manifests.kustomize.schema import Schema
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.model.place import Place
from auditor.model.use import Via

_DIRECTIVES: Final = frozenset({"$patch", "$retainKeys"})


def merge(target: Mapping, patch: Mapping, schema: Schema, *, kind: bool = False, name: bool = False) -> Mapping | None:
    """The object after the patch; None where the patch deletes it. `kind`, `name`: whether the patch may change it."""
    if patch.text("$patch") == "delete":
        return None
    entries = [(key, value) for key, value in patch.entries if key != "apiVersion" and (kind or key != "kind")]
    body = Mapping([(key, _unnamed(value, name=name) if key == "metadata" else value) for key, value in entries])
    return _mapping(target, body, schema)


def _unnamed(metadata: Node, *, name: bool) -> Node:
    """A patch's own name says what it is for; it renames nothing, unless it may."""
    if not isinstance(metadata, Mapping):
        return metadata
    fixed = ("namespace",) if name else ("name", "namespace")
    return Mapping([(key, value) for key, value in metadata.entries if key not in fixed])


def _mapping(target: Mapping, patch: Mapping, schema: Schema) -> Mapping:
    if patch.text("$patch") == "replace":
        return stamp_mapping(patch, None)
    values = dict(patch.entries)
    kept: list[tuple[str, Node]] = []
    for key, old in target.entries:
        if key not in values:
            kept.append((key, old))
            continue
        fresh = _value(old, values[key], schema.below(key))
        if fresh is not None:
            kept.append((key, fresh))
    present = {key for key, _ in target.entries}
    for key, value in values.items():
        if key not in present and key not in _DIRECTIVES and not _deletes(value):
            kept.append((key, stamp(value, None)))
    return Mapping(kept, target.file, target.line)


def _value(old: Node, new: Node, schema: Schema) -> Node | None:
    if _deletes(new):
        return None
    match old, new:
        case Mapping(), Mapping():
            return _mapping(old, new, schema)
        case Sequence(), Sequence():
            return _sequence(old, new, schema)
        case _:
            return stamp(new, old)


def _deletes(value: Node) -> bool:
    return (isinstance(value, Scalar) and value.null) or (
        isinstance(value, Mapping) and value.text("$patch") == "delete"
    )


def _sequence(old: Sequence, new: Sequence, schema: Schema) -> Sequence:
    """Merge by the field's key, the patch's elements first; without a key the patch's list replaces the other.

    An element that says `$patch: replace` beside its key replaces nothing: kustomize puts the old one back.
    """
    by = schema.key
    if by is None:  # an element that says what to do with the list is one like the others: patches count it
        return Sequence([stamp(item, None) for item in new.items])
    elements = [item for item in new.items if not (isinstance(item, Mapping) and _only_replaces(item))]
    if len(elements) < len(new.items) or not all(isinstance(item, Mapping) for item in new.items):
        return Sequence([stamp(item, None) for item in elements])
    olds = {_key(item, by): item for item in old.items if _key(item, by)}
    merged: list[Node] = []
    named = set()
    for item in elements:
        name = _key(item, by)
        named.add(name)
        if _deletes(item):
            continue
        before = olds.get(name)
        if isinstance(before, Mapping) and isinstance(item, Mapping):
            merged.append(before if item.text("$patch") == "replace" else _mapping(before, item, schema))
        else:
            merged.append(stamp(item, None))
    return Sequence([*merged, *(item for item in old.items if not _key(item, by) or _key(item, by) not in named)])


def _only_replaces(item: Mapping) -> bool:
    return item.text("$patch") == "replace" and len(item.entries) == 1


def _key(item: Node, by: str) -> str:
    return item.text(by) if isinstance(item, Mapping) else ""


def stamp(node: Node, old: Node | None, via: Via = Via.PATCH) -> Node:
    """What a patch writes, marked as such; `old` is what it takes the place of. Directives are left out."""
    match node:
        case Scalar():
            return replace(node, via=via, base=base_of(old), overrides=overridden(old))
        case Mapping():
            return stamp_mapping(node, old if isinstance(old, Mapping) else None, via)
        case Sequence():
            olds = old.items if isinstance(old, Sequence) else []
            return Sequence([stamp(item, olds[i] if i < len(olds) else None, via) for i, item in enumerate(node.items)])


def stamp_mapping(node: Mapping, old: Mapping | None, via: Via = Via.PATCH) -> Mapping:
    """`stamp` for a mapping."""
    entries = [
        (key, stamp(value, old.get(key) if old else None, via))
        for key, value in node.entries
        if key not in _DIRECTIVES and not (isinstance(value, Mapping) and value.text("$patch") == "delete")
    ]
    return Mapping(entries, node.file, node.line)


def base_of(old: Node | None) -> Place | None:
    """Where the text stood that is overridden: the first one, through all overlays."""
    if not isinstance(old, Scalar):
        return None
    return old.base or old.place()


def overridden(old: Node | None) -> str | None:
    """The text that stood there."""
    if not isinstance(old, Scalar):
        return None
    return old.overrides if old.base is not None else old.text
