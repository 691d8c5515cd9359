"""Raw documents → objects pruned to what matters for images: a tenth of the memory, and one pass for all who ask.

Kept are: every key that says image, split maps (repository, tag …), texts that look like a reference, what the kinds table
names, the names that patches merge by, and what deletes (`$patch`, null). Lists keep their length, so that JSON patches
still count right. Left out are CRD schemas and `status`, by the parsed node, never by a match in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

from msgspec import Struct, field

from auditor.limits import DEFAULT, Limits
from auditor.manifests import unnamed, yaml
from auditor.manifests.extract.kinds import Kinds
from auditor.manifests.extract.lines import Line, listing, values
from auditor.manifests.extract.said import is_image_name
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.text import FLAGGED, PROSE, arguments, is_image_flag, is_output, is_template
from auditor.manifests.whole import WHOLE
from auditor.manifests.yaml import RawMapping, RawNode, RawScalar, RawSequence

IDENTITY: Final = frozenset({"name", "generateName", "kind", "apiVersion", "namespace", "metadata"})
"""Keys that are kept where anything beside them is: they name what the image belongs to."""
PARTS: Final = frozenset(
    {
        *("repository", "repo", "registry", "tag", "digest", "sha", "version", "versionTag", "hub", "reference"),
        "base",
        "config.linkerd.io/proxy-version",
    }
)
"""Keys of split maps: kept where anything beside them is, and `repository` in its own right."""
_GIVEN: Final = frozenset({"value", "default"})
"""Where a variable or parameter has its value: kept where its name says image."""
_OPERATION: Final = frozenset({"op", "path"})
"""Of a JSON patch: kept where it writes an image."""
MERGING: Final = frozenset({"$patch", "$retainKeys"})
_ANNOTATION_LENGTH: Final = 512
"""Characters: the longest reference has 455."""
_CRD_GROUP: Final = "apiextensions.k8s.io/"


class Pruner(Struct):
    """Prunes the documents of one file. `want` is the prefilter, for texts inside of texts."""

    kinds: Kinds
    want: Callable[[bytes], bool]
    limits: Limits = DEFAULT
    depth: int = 0
    whole: bool = False
    """Nothing is left out but CRDs."""
    _words: frozenset[str] = frozenset()
    _wide: frozenset[str] = frozenset()
    """Keys below which the kinds table wants everything."""
    _descent: yaml.Descent = field(default_factory=yaml.Descent)
    _complete: yaml.Descent = field(default_factory=yaml.Descent)

    @property
    def doubts(self) -> list[int]:
        """The lines of the last document's mappings that two readers take for different things."""
        return self._descent.doubts

    def document(self, raw: RawNode) -> Node | None:
        """The pruned document; None where nothing is left. Raises Tangled."""
        self._descent = yaml.Descent(self.limits)
        self._complete = self._descent.fresh()
        before = self._words, self._wide, self.whole
        try:
            if isinstance(raw, RawMapping):
                return self._object(raw)
            if isinstance(raw, RawScalar):
                return None
            if not self.depth and all(isinstance(item, RawMapping) for item in raw.value):
                return Sequence([self._item(item) for item in raw.value])
            node, kept = self._prune(raw)
            return node if kept else None
        finally:
            self._words, self._wide, self.whole = before

    def _object(self, raw: RawMapping) -> Mapping | None:
        """An object with its metadata, whatever is in it; None for a CRD."""
        pairs = self._descent.pairs(raw)
        named = {yaml.text_of(key): value for key, value in pairs}
        kind, version = (yaml.text_of(named[key]) if key in named else "" for key in ("kind", "apiVersion"))
        known = None if version or self.depth else unnamed.identity(named)
        version, kind = known or (version, kind)
        listed = _lists(named.get("items"))
        if _describes(kind, version) and not listed and len(named) == len(pairs):
            return None
        before = self._words, self._wide, self.whole, self._descent
        self._words, self._wide = self._words_of(kind, version), self._wide_of(kind, version)
        kinds = (kind, *(yaml.text_of(value) for key, value in pairs if yaml.text_of(key) == "kind"))
        self.whole = self.whole or not WHOLE.isdisjoint(kinds)
        # What is kept depends on the kind, so that an anchor shared by two objects is pruned for each.
        self._descent = self._descent.fresh()
        self._descent.enter(raw)
        entries: list[tuple[str, Node]] = []
        says_image = _named_image(named.get("metadata"))
        for key, value in pairs:
            name = yaml.text_of(key)
            node = self._top("image" if says_image and name in _GIVEN else name, value, kind, listed=listed)
            if node is not None:
                entries.append((name, node))
        mapping = yaml.mapping_at(raw, entries)
        if known:
            said = (("apiVersion", version), ("kind", kind))
            mapping.entries[:0] = [(key, Scalar(text, mapping.file, mapping.line, 1)) for key, text in said]
        self._descent.leave(raw, mapping)
        self._words, self._wide, self.whole, self._descent = before
        return mapping

    def _top(self, name: str, value: RawNode, kind: str, *, listed: bool) -> Node | None:
        if name == "metadata" and not self.whole and isinstance(value, RawMapping):
            return self._metadata(value)
        if name == "status" and kind:
            return None
        if name == "parameters" and kind == "Template":
            return yaml.full(value, self._complete)
        holds = (name == "items" and (listed or kind.endswith("List"))) or (name == "objects" and kind == "Template")
        if holds and isinstance(value, RawSequence):
            return Sequence([self._item(item) for item in value.value])
        node, kept = self._entry(name, value)
        return node if kept or name in IDENTITY or name in PARTS else None

    def _item(self, raw: RawNode) -> Node:
        if isinstance(raw, RawMapping):
            return self._object(raw) or Mapping()
        return Mapping()

    def _metadata(self, raw: RawMapping) -> Mapping:
        entries: list[tuple[str, Node]] = []
        for key, value in self._descent.pairs(raw):
            name = yaml.text_of(key)
            if isinstance(value, RawScalar):
                entries.append((name, yaml.scalar(value)))
            elif name in ("labels", "annotations") and isinstance(value, RawMapping):
                short = [
                    (yaml.text_of(inner), yaml.scalar(text))
                    for inner, text in self._descent.pairs(value)
                    if isinstance(text, RawScalar) and len(text.value) <= _ANNOTATION_LENGTH
                ]
                entries.append((name, yaml.mapping_at(value, cast("list[tuple[str, Node]]", short))))
        return yaml.mapping_at(raw, entries)

    def _words_of(self, kind: str, version: str) -> frozenset[str]:
        """The last keys of the table's paths for this kind: kept whatever their text."""
        found: set[str] = set()
        for entry in self.kinds.find(kind, version):
            for path, _ in entry.paths:
                found.update(step for step in path[-3:] if step not in ("[]", "*"))
            found.update(step for path in entry.fields for step in path.split("."))
        return frozenset(found) or self._words

    def _wide_of(self, kind: str, version: str) -> frozenset[str]:
        """The keys before a `*` at the end of a path of the table."""
        paths = (path for entry in self.kinds.find(kind, version) for path, _ in entry.paths)
        return frozenset(path[-2] for path in paths if len(path) > 1 and path[-1] == "*") or self._wide

    # ── below the top ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _prune(self, raw: RawNode) -> tuple[Node, bool]:
        """The node, and whether it holds anything of interest."""
        if self._descent.known(raw):
            node = self._descent.recall(raw)
            return (node, True) if node is not None else (Mapping(), False)
        self._descent.enter(raw)
        if isinstance(raw, RawMapping):
            node, kept = self._mapping(raw)
        else:
            pairs = [self._entry(name, item) for name, item in _behind_flags(raw.value)]
            kept = self.whole or any(interesting for _, interesting in pairs)
            node = Sequence([item for item, _ in pairs] if kept else [])
        self._descent.leave(raw, node if kept else None)
        return node, kept

    def _mapping(self, raw: RawMapping) -> tuple[Mapping, bool]:
        entries: list[tuple[str, Node]] = []
        kept = self.whole
        pairs = self._descent.pairs(raw)
        says_image = any(_is_of_image(yaml.text_of(key), yaml.text_of(value)) for key, value in pairs)
        for key, value in pairs:
            name = yaml.text_of(key)
            node, interesting = self._entry("image" if says_image and name in _GIVEN else name, value)
            if interesting:
                kept = True
                entries.append((name, node))
            elif isinstance(node, Scalar) and (name in IDENTITY or name in PARTS or node.null):
                entries.append((name, node))
            elif says_image and name in _OPERATION and isinstance(value, RawScalar):
                entries.append((name, yaml.scalar(value)))
        return yaml.mapping_at(raw, entries), kept

    def _entry(self, name: str, value: RawNode) -> tuple[Node, bool]:
        """A value under a key (empty for list elements), and whether it is of interest."""
        if not isinstance(value, RawScalar):
            template = yaml.template_text(value)
            if template is None:
                # A map or list under a key that says image is kept complete: any of its parts may make a reference.
                wanted = "image" in name.lower() or name in self._wide
                if wanted:
                    return yaml.full(value, self._complete), True
                node, kept = self._prune(value)
                # Whether a part is there at all may decide what an operator deploys (`kes: {replicas: 2}`).
                return node, kept or name in self._words
            return yaml.scalar(value), "image" in name.lower()
        inner = self._inside(name, value)
        if inner is not None:
            return inner, True
        if self.whole or self._keeps(name, value):
            return yaml.scalar(value), True
        return _light(name, value), yaml.is_null(value) and name != ""

    def _keeps(self, name: str, value: RawScalar) -> bool:
        if name in MERGING or name == "repository" or name in self._words:
            return True
        if "image" in name.lower():
            return True
        text = yaml.text_of(value)
        return bool(arguments(text)) or is_image_flag(text) or is_output(text) or (name in PARTS and is_template(text))

    def _inside(self, name: str, value: RawScalar) -> Scalar | None:
        """A text that holds objects or settings of its own (in a ConfigMap, a script), with the places of its lines."""
        text = yaml.text_of(value)
        if not may_hold(name, text, block=value.style in ("|", ">")) or self.depth >= self.limits.embedded_depth:
            return None
        dockerfile = "dockerfile" in name.lower()
        if "image" in name.lower() and (lines := tuple(listing(text))):
            scalar = yaml.scalar(value)
            scalar.inner, scalar.text = _nodes(scalar, lines), ""
            return scalar
        if not (dockerfile or self.want(text.encode("utf-8", "replace"))):
            return None
        scalar = yaml.scalar(value)
        if dockerfile or name.lower() in PROSE:
            inner = settings(scalar, text, dockerfile=True) if dockerfile else ()
        else:
            inner = embedded(scalar, Pruner(self.kinds, self.want, self.limits, self.depth + 1))
        if not inner:
            return None
        scalar.inner = inner
        # `"{{ .Values.image }}"` reads as a mapping in braces, and is a template that hides the image all the same.
        if not self.whole and ("\n" in text or not is_template(text)):
            scalar.text = ""
        return scalar


def _is_of_image(key: str, text: str) -> bool:
    """Whether a key and its text say that the `value` beside them is an image: its name, or where a JSON patch writes it."""
    return (key == "name" and is_image_name(text)) or (key == "path" and text.endswith("/image"))


def _named_image(metadata: RawNode | None) -> bool:
    """Whether an object's own name says image: what its `value` is, then, as in settings of Longhorn."""
    pairs = metadata.value if isinstance(metadata, RawMapping) else ()
    return any(yaml.text_of(key) == "name" and "image" in yaml.text_of(value).lower() for key, value in pairs)


def may_hold(name: str, text: str, *, block: bool) -> bool:
    """Whether a text may be written in a format of its own: lines, JSON, or one key in a block, which is no folded image."""
    one = block and ": " in text and "image" not in name.lower()
    return "\n" in text or text.startswith(("{", "[")) or one


def _behind_flags(items: Iterable[RawNode]) -> Iterator[tuple[str, RawNode]]:
    """The elements of a list; one behind `--image` as if it stood under that key."""
    name = ""
    for item in items:
        yield name, item
        name = "image" if isinstance(item, RawScalar) and is_image_flag(yaml.text_of(item)) else ""


def _describes(kind: str, version: str) -> bool:
    """Whether the object is a CRD: its schema talks about images, and holds none."""
    return kind == "CustomResourceDefinition" and version.startswith(_CRD_GROUP)


def _lists(items: RawNode | None) -> bool:
    """Whether `items` holds objects: then kubectl, Flux and Argo CD apply each of them, whatever the kind of their holder."""
    return isinstance(items, RawSequence) and any(
        isinstance(item, RawMapping)
        and ({"kind", "apiVersion"} <= {yaml.text_of(key) for key, _ in item.value} or _merges(item))
        for item in items.value
    )


def _merges(raw: RawMapping) -> bool:
    return any(yaml.is_merge(key) for key, _ in raw.value)


_EMPTY: Final = Mapping()


def _light(name: str, value: RawScalar) -> Node:
    """A scalar that only matters beside others; the rest is not worth an object."""
    if name in IDENTITY or name in PARTS or yaml.is_null(value):
        return yaml.scalar(value)
    return _EMPTY


def origin_of(scalar: Scalar) -> yaml.Origin:
    """Where the lines of a scalar's text stand in its file: exact for a `|` block, else all at its start."""
    if not scalar.literal:
        return yaml.Origin(scalar.file, scalar.line - 1, scalar.column - 1, flat=True)
    blank = len(scalar.text) - len(scalar.text.lstrip("\n"))
    return yaml.Origin(scalar.file, scalar.line - 1 - blank, scalar.column - 1)


def embedded(scalar: Scalar, pruner: Pruner) -> tuple[Node, ...]:
    """What is of interest inside of a scalar's text: its documents, and the lines of what is no YAML."""
    content = scalar.text.encode("utf-8", "replace")
    found: list[Node] = []
    for raw in yaml.documents(content, scalar.file, origin=origin_of(scalar), want=pruner.want, limits=pruner.limits):
        if isinstance(raw, RawScalar):
            return settings(scalar, scalar.text)
        if isinstance(raw, yaml.Broken):
            text = raw.content.decode("utf-8", "replace")
            found += settings(scalar, text, raw.first_line)
            continue
        node = pruner.document(raw)
        if node is not None:
            found.append(node)
    return tuple(found)


def settings(scalar: Scalar, text: str, first: int | None = None, *, dockerfile: bool = False) -> tuple[Node, ...]:
    """The lines of a scalar's text that may hold references, each under its key.

    `first`: the line of the file where the text begins, if it is not the whole of the scalar's.
    """
    return _nodes(scalar, values(text, dockerfile=dockerfile), first)


def _nodes(scalar: Scalar, lines: Iterable[Line], first: int | None = None) -> tuple[Node, ...]:
    origin = origin_of(scalar)
    start = origin.line + 1 if first is None else first
    found: list[Node] = []
    for line in lines:
        at, column = (start, 0) if origin.flat else (start + line.line, line.column)
        node = Scalar(line.text, scalar.file, at, origin.column + column + 1)
        found.append(Mapping([(line.key or FLAGGED, node)], scalar.file, at))
    return tuple(found)
