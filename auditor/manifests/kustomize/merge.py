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
        return _fresh_mapping(patch, schema)
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
    added = Mapping([(key, value) for key, value in values.items() if key not in present])
    return Mapping([*kept, *_fresh_mapping(added, schema).entries], target.file, target.line)


def _value(old: Node, new: Node, schema: Schema) -> Node | None:
    if _deletes(new):
        return None
    match old, new:
        case Mapping(), Mapping():
            return _mapping(old, new, schema)
        case Sequence(), Sequence():
            return _sequence(old, new, schema)
        case _:
            return _fresh(new, schema, old)


def _deletes(value: Node) -> bool:
    return (isinstance(value, Scalar) and value.null) or (
        isinstance(value, Mapping) and value.text("$patch") == "delete"
    )


def _sequence(old: Sequence, new: Sequence, schema: Schema) -> Sequence | None:
    """Merge by the field's key, the patch's elements first; without a key the patch's list replaces the other.

    An element that says `$patch: replace` beside its key replaces nothing: kustomize puts the old one back.
    """
    by, directive = schema.key, _directive(new)
    if by is None or directive in ("replace", "delete"):
        return _fresh_sequence(new, schema)
    elements = [item for item in new.items if not _only_directs(item)]
    if not all(isinstance(item, Mapping) for item in elements):
        return _fresh_sequence(new, schema)
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
        elif (fresh := _fresh(item, schema)) is not None:
            merged.append(fresh)
    return Sequence([*merged, *(item for item in old.items if not _key(item, by) or _key(item, by) not in named)])


def _fresh(node: Node, schema: Schema, old: Node | None = None) -> Node | None:
    """What a patch puts where nothing was, or in the place of all that was; None where it takes it away.

    kustomize merges it with itself: directives count in it as well, but not below lists that it does not merge.
    """
    match node:
        case Scalar():
            return None if node.null else stamp(node, old)
        case Mapping():
            return None if _deletes(node) else _fresh_mapping(node, schema)
        case Sequence():
            return _fresh_sequence(node, schema)


def _fresh_mapping(node: Mapping, schema: Schema) -> Mapping:
    values = [(key, _fresh(value, schema.below(key))) for key, value in node.entries if key not in _DIRECTIVES]
    return Mapping([(key, value) for key, value in values if value is not None], node.file, node.line)


def _fresh_sequence(node: Sequence, schema: Schema) -> Sequence | None:
    if schema.key is None:  # an element that says what to do with the list is one like the others: patches count it
        return Sequence([stamp(item, None) for item in node.items])
    if _directive(node) == "delete":
        return None
    items = [_fresh(item, schema) for item in node.items if not _only_directs(item)]
    return Sequence([item for item in items if item is not None])


def _directive(node: Sequence) -> str:
    """What an element without anything else says is to be done with the list."""
    said = next((item for item in node.items if isinstance(item, Mapping) and item.get("$patch")), Mapping())
    return said.text("$patch") if _only_directs(said) else ""


def _only_directs(item: Node) -> bool:
    return isinstance(item, Mapping) and [key for key, _ in item.entries] == ["$patch"]


def _key(item: Node, by: str) -> str:
    return item.text(by) if isinstance(item, Mapping) else ""


def written_alone(patch: Mapping) -> Mapping:
    """What a patch writes, where the object that it is for is not known."""
    return _fresh_mapping(patch, Schema())


def stamp(node: Node, old: Node | None, via: Via = Via.PATCH) -> Node:
    """What a patch or a replacement writes, marked as such; `old` is what it takes the place of."""
    match node:
        case Scalar():
            return replace(node, via=via, base=base_of(old), overrides=overridden(old))
        case Mapping():
            before = old if isinstance(old, Mapping) else Mapping()
            entries = [(key, stamp(value, before.get(key), via)) for key, value in node.entries]
            return Mapping(entries, node.file, node.line)
        case Sequence():
            olds = old.items if isinstance(old, Sequence) else []
            return Sequence([stamp(item, olds[i] if i < len(olds) else None, via) for i, item in enumerate(node.items)])


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
