"""What a kustomization does to all that it has loaded: patches, names, images, replacements, transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

from msgspec.structs import replace

from auditor.manifests.files import Reader
from auditor.manifests.fingerprint import fingerprinted
from auditor.manifests.kustomize import images
from auditor.manifests.kustomize.gaps import unrendered, without_effect
from auditor.manifests.kustomize.generate import generated
from auditor.manifests.kustomize.kustomization import Kustomization
from auditor.manifests.kustomize.patches import patches
from auditor.manifests.kustomize.replacements import may_touch_image, replaced
from auditor.manifests.kustomize.spelling import spelled
from auditor.manifests.kustomize.state import State
from auditor.manifests.kustomize.texts import either, in_file, inline, written
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object, objects
from auditor.model.place import Place

_HARMLESS: Final = frozenset(
    (
        "AnnotationsTransformer",
        "HashTransformer",
        "IAMPolicyGenerator",
        "LabelTransformer",
        "NamespaceTransformer",
        "PrefixSuffixTransformer",
        "PrefixTransformer",
        "ReplicaCountTransformer",
        "SortOrderTransformer",
        "SuffixTransformer",
    )
)
"""Built-in transformers that cannot change an image, unless their `fieldSpecs` say so."""
_MARKS: Final = ("labels", "annotations", "matchLabels", "selector")
"""Where a path that labels are written to ends."""
_MARKING: Final = frozenset(
    {"labels", "commonLabels", "commonAnnotations", "AnnotationsTransformer", "LabelTransformer"}
)


def transform(reader: Reader, kustomization: Kustomization, state: State) -> None:
    """Steps 2 to 6, in kustomize's order."""
    for item, key_path in kustomization.names("patchesStrategicMerge", "patches"):
        _patch(either(reader, kustomization, item, key_path, state), None, kustomization, state)
    for entry, key_path in kustomization.entries("patches"):
        _entry(reader, kustomization, entry, key_path, state)
    _names(kustomization, state)
    for entry, key_path in kustomization.entries("patchesJson6902"):
        _entry(reader, kustomization, entry, key_path, state)
    for entry, key_path in kustomization.entries("images", "imageTags"):
        _images(kustomization, images.entry(entry, key_path), entry, state)
    for entry, key_path in kustomization.entries("replacements"):
        for replacement in _replacements(reader, kustomization, entry, key_path, state):
            _replace(reader, kustomization, replacement, state)


def _names(kustomization: Kustomization, state: State) -> None:
    """Namespace, name prefix and suffix, then labels and annotations."""
    node = kustomization.node
    state.rename(node.text("namespace"), node.text("namePrefix"), node.text("nameSuffix"))
    state.mark("labels", node.mapping("commonLabels"))
    for entry, _ in kustomization.entries("labels"):
        state.mark("labels", entry.mapping("pairs"))
    state.mark("annotations", node.mapping("commonAnnotations"))


def _entry(reader: Reader, kustomization: Kustomization, entry: Mapping, key_path: str, state: State) -> None:
    target = entry.get("target")
    documents = written(reader, kustomization, entry, key_path, state)
    _patch(documents, target if isinstance(target, Mapping) else None, kustomization, state, entry.mapping("options"))


def _patch(
    documents: Iterable[Node],
    target: Mapping | None,
    kustomization: Kustomization,
    state: State,
    options: Mapping | None = None,
) -> None:
    for patch in patches(documents, target, options, state.schemas):
        if not state.patch(patch) and not kustomization.is_component:
            alone = patch.alone()
            why = "it has images, and nothing that the kustomization loads is its target"
            place = Place(alone.file, alone.line)
            state.gaps.append(without_effect(place, kustomization.directory, "patch for nothing", why))


def _images(kustomization: Kustomization, change: images.Entry, entry: Mapping, state: State) -> None:
    """Apply an images entry. A component's may be meant for another kustomization that uses it."""
    if state.rewrite(change) or kustomization.is_component:
        return
    name = entry.scalar("name")
    place = name.place(f"{change.key_path}.name") if name else Place(kustomization.path, entry.line)
    why = f"no container of what the kustomization loads has an image {change.name!r}, written exactly so"
    state.gaps.append(without_effect(place, kustomization.directory, "images entry for nothing", why))


def _replacements(
    reader: Reader, kustomization: Kustomization, entry: Mapping, key_path: str, state: State
) -> Iterator[Mapping]:
    path = entry.scalar("path")
    if path is None:
        yield entry
        return
    for document in in_file(reader, kustomization, path, f"{key_path}.path", state):
        for item in document.items if isinstance(document, Sequence) else [document]:
            if isinstance(item, Mapping):
                yield spelled(item)


def _replace(reader: Reader, kustomization: Kustomization, replacement: Mapping, state: State) -> None:
    """Copy a value. One that should end up in an image and cannot be found leaves the image unknown."""
    state.unskip()
    after = replaced(state.objects, replacement, partial(again, reader))
    if after is not None:
        state.objects = after
    elif may_touch_image(replacement):
        place = Place(kustomization.path, replacement.line, 1, "replacements")
        why = "what it copies was not found: the images of its targets are unknown"
        state.gaps.append(unrendered(place, "replacement", why))


def again(reader: Reader, item: Object) -> Node | None:
    """The object as its file has it, nothing pruned."""
    if item.file not in reader.files:
        return None
    for document in reader.documents(item.file):
        for found in objects(document, item.file) if isinstance(document, Mapping | Sequence) else ():
            if (found.line, found.prefix) == (item.line, item.prefix):
                return found.node
    return None


def configure(reader: Reader, kustomization: Kustomization, state: State) -> None:
    """`configurations:` name more fields that hold images: for what is loaded here, and for what components do to it."""
    for item, key_path in kustomization.names("configurations"):
        for document in in_file(reader, kustomization, item, key_path, state):
            if isinstance(document, Mapping):
                known = spelled(document)
                images.add_fields(state.fields, images.field_specs(known.items("images")))
                images.add_fields(state.referring, images.field_specs(known.items("varReference")))
                for key, value in known.entries:
                    if key not in ("images", "varReference"):
                        _watch_paths(key, value, item.place(key_path), state)
    for entry, key_path in kustomization.entries("labels"):
        fields = entry.get("fields")
        if fields is not None:
            _watch_paths("labels", fields, Place(kustomization.path, entry.line, 1, key_path), state)


def _watch_paths(key: str, value: Node, place: Place, state: State) -> None:
    """What is configured to write names, labels and the like into an image leaves it unknown."""
    if isinstance(value, Sequence):
        for item in value.items:
            _watch_paths(key, item, place, state)
    elif isinstance(value, Mapping):
        path = value.text("path")
        if path and _reaches_images(key, path):
            why = f"{key} is written to {path}: the images there are unknown"
            state.missing(place, "kustomize configuration", why)
        for _, inner in value.entries:
            if not isinstance(inner, Scalar):
                _watch_paths(key, inner, place, state)


def _reaches_images(key: str, path: str) -> bool:
    """Whether a field path leads to an image; labels bring a key of their own, so theirs must end where labels stand."""
    says_so = any(word in path.lower() for word in ("image", "container"))
    return says_so or (key in _MARKING and not path.endswith(_MARKS))


# ── 7. transformers and generators as objects ────────────────────────────────────────────────────────────────────────────


def plugin(reader: Reader, kustomization: Kustomization, document: Mapping, place: Place, state: State) -> None:
    """One entry of `transformers:` or `generators:`: a built-in one is carried out, a program is not run."""
    kind = document.text("kind")
    document = spelled(document)
    act = _PLUGINS.get(kind)
    if act is not None:
        act(reader, kustomization, document, state)
    elif kind in _HARMLESS and document.text("apiVersion") == "builtin":
        _name(document, state)
        _watch_paths(kind, document.get("fieldSpecs") or Sequence(), place, state)
    else:
        state.incomplete = True
        why = f"{kind or 'a plugin'} is not carried out: what it writes is unknown"
        state.gaps.append(fingerprinted(unrendered(place, "kustomize plugin", why), [document], reader))


def _name(document: Mapping, state: State) -> None:
    """What a transformer does to names, labels and annotations: patches may select by them."""
    namespace = document.mapping("metadata").text("namespace") if document.text("kind").startswith("Namespace") else ""
    state.rename(namespace, document.text("prefix"), document.text("suffix"))
    for key in ("labels", "annotations"):
        state.mark(key, document.mapping(key))


def _image_tag(_reader: Reader, _kustomization: Kustomization, document: Mapping, state: State) -> None:
    fields = tuple(images.field_specs(document.items("fieldSpecs")))
    state.rewrite(images.entry(document.mapping("imageTag"), "imageTag"), images.Fields(fields, own=False))


def _patch_object(reader: Reader, kustomization: Kustomization, document: Mapping, state: State) -> None:
    _entry(reader, kustomization, document, "", state)


def _strategic(reader: Reader, kustomization: Kustomization, document: Mapping, state: State) -> None:
    for index, item in enumerate(document.items("paths")):
        if isinstance(item, Scalar):
            found = in_file(reader, kustomization, item, f"paths[{index}]", state)
            _patch(found, None, kustomization, state)
    if (text := document.scalar("patches")) is not None:
        _patch(inline(text, state), None, kustomization, state)


def _replacement(reader: Reader, kustomization: Kustomization, document: Mapping, state: State) -> None:
    for item in document.items("replacements"):
        if isinstance(item, Mapping):
            _replace(reader, kustomization, item, state)


def _generator(reader: Reader, kustomization: Kustomization, document: Mapping, state: State) -> None:
    key = "configMapGenerator" if document.text("kind") == "ConfigMapGenerator" else "secretGenerator"
    named = document.mapping("metadata")
    entry = Mapping([*named.entries, *document.entries], document.file, document.line)
    wrapped = replace(kustomization, node=Mapping([(key, Sequence([entry]))]))
    state.objects = generated(reader, wrapped, state.objects)


_Act: TypeAlias = Callable[[Reader, Kustomization, Mapping, State], None]
_PLUGINS: Final[dict[str, _Act]] = {
    "ImageTagTransformer": _image_tag,
    "PatchTransformer": _patch_object,
    "PatchJson6902Transformer": _patch_object,
    "PatchStrategicMergeTransformer": _strategic,
    "ReplacementTransformer": _replacement,
    "ConfigMapGenerator": _generator,
    "SecretGenerator": _generator,
}
