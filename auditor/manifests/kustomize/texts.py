"""Where a kustomization's patches, replacements and transformers are written: in files beside it, or inline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.manifests import yaml
from auditor.manifests.contents import complete, unparsable
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import CHART_GENERATOR, Kustomization, join
from auditor.manifests.kustomize.state import State
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.skeleton import origin_of
from auditor.model.place import Place


def in_file(
    reader: Reader, kustomization: Kustomization, item: Scalar, key_path: str, state: State, *, texts: bool = True
) -> list[Node]:
    """The documents of a file that `item` names; what cannot be read is a gap. `texts`: with what their texts hold."""
    try:
        path = reader.resolve(join(kustomization.directory, item.text))
    except OutOfTree as error:
        state.missing(item.place(key_path), "symlink out of the tree", str(error))
        return []
    if path is None:
        state.missing(item.place(key_path), "missing file", f"{item.text} is not in the tree")
        return []
    return _parsed(reader.documents(path), path, state, texts=texts)


def inline(item: Scalar, state: State, *, texts: bool = True) -> list[Node]:
    """The documents written in a text of the kustomization itself, with the places of its lines."""
    read = complete(item.text.encode("utf-8", "replace"), item.file, origin_of(item))
    return _parsed(read, item.file, state, texts=texts)


def either(
    reader: Reader, kustomization: Kustomization, item: Scalar, key_path: str, state: State, *, texts: bool = True
) -> list[Node]:
    """A list that holds both paths and texts: a text has lines, or a key and a value."""
    if "\n" in item.text or ": " in item.text:
        return inline(item, state, texts=texts)
    return in_file(reader, kustomization, item, key_path, state, texts=texts)


def inflating(reader: Reader, kustomization: Kustomization) -> Iterator[Mapping]:
    """The charts that a kustomization inflates: its own entries, and generators that it names or holds."""
    yield from (entry for entry, _ in kustomization.entries("helmCharts"))
    for item, key_path in kustomization.names("generators"):
        for document in either(reader, kustomization, item, key_path, State(reader), texts=False):
            if isinstance(document, Mapping) and document.text("kind") == CHART_GENERATOR:
                yield document


def written(reader: Reader, kustomization: Kustomization, entry: Mapping, key_path: str, state: State) -> list[Node]:
    """The documents of an entry of `patches:`: from its `path`, or from its `patch`."""
    found: list[Node] = []
    if (path := entry.scalar("path")) is not None:
        found.extend(in_file(reader, kustomization, path, f"{key_path}.path", state))
    for key in ("patch", "jsonOp"):
        if (text := entry.scalar(key)) is not None:
            found.extend(inline(text, state))
    return found


def _parsed(documents: Iterable[Node | yaml.Broken], path: str, state: State, *, texts: bool) -> list[Node]:
    found: list[Node] = []
    for document in documents:
        if isinstance(document, yaml.Broken):
            state.incomplete = True
            state.gaps.append(unparsable(Place(path, document.line), f"not YAML: {document.why}"))
        else:
            found.append(state.reader.with_texts(document) if texts else document)
    return found
