"""`configMapGenerator` and `secretGenerator`: the objects that they make, with the place of every value.

Values matter where they are references themselves, where a replacement copies them into a container, and where a file
with manifests is carried inside a ConfigMap.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.objects import Object, identify
from auditor.source.tree import Unreadable

_KINDS: Final = (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret"))
_KEPT: Final = ("apiVersion", "kind", "metadata")
"""What a generated object keeps of the one that it is merged with, besides its data."""
_VALUES: Final = 64 * 1024
"""Characters of one value that a replacement may copy: longer ones are files, not settings."""


def generated(reader: Reader, kustomization: Kustomization, objects: list[Object]) -> list[Object]:
    """The objects after every generator: new ones appended, `behavior: merge` and `replace` carried out."""
    for key, kind in _KINDS:
        for index, item in enumerate(kustomization.node.items(key)):
            if isinstance(item, Mapping):
                data = list(_data(reader, kustomization, item, f"{key}[{index}]"))
                objects = _placed(objects, _object(kustomization, item, kind, data), item.text("behavior"))
    return objects


def _object(kustomization: Kustomization, item: Mapping, kind: str, data: list[tuple[str, Node]]) -> Object:
    def word(text: str) -> Scalar:
        return Scalar(text, kustomization.path, item.line, 1)

    metadata = Mapping([(key, word(item.text(key))) for key in ("name", "namespace") if item.text(key)])
    entries: list[tuple[str, Node]] = [("apiVersion", word("v1")), ("kind", word(kind)), ("metadata", metadata)]
    return identify(
        Mapping([*entries, ("data", Mapping(data))], kustomization.path, item.line), kustomization.path, item.line
    )


def _placed(objects: list[Object], made: Object, behavior: str) -> list[Object]:
    same = [
        (index, item)
        for index, item in enumerate(objects)
        if item.kind == made.kind and made.name in (item.name, *(name for name, _ in item.earlier))
    ]
    if behavior not in ("merge", "replace") or not same:
        return [*objects, made]
    index, old = same[-1]
    fresh = made.node.mapping("data").entries
    kept = (
        [] if behavior == "replace" else [(k, v) for k, v in old.node.mapping("data").entries if k not in dict(fresh)]
    )
    body = [(key, value) for key, value in old.node.entries if key in _KEPT]
    node = Mapping([*body, ("data", Mapping([*kept, *fresh]))], old.node.file, old.node.line)
    return [*objects[:index], dataclasses.replace(old, node=node), *objects[index + 1 :]]


def _data(reader: Reader, kustomization: Kustomization, item: Mapping, path: str) -> Iterator[tuple[str, Node]]:
    for index, literal in enumerate(item.items("literals")):
        if isinstance(literal, Scalar):
            key, _, value = literal.text.partition("=")
            where = f"{path}.literals[{index}]"
            made = replace(literal, text=value.strip("\"'"), literal=False, key_path=where)
            yield key, reader.with_texts(made, key)
    for named in (*item.items("envs"), *((item.scalar("env"),) if item.scalar("env") else ())):
        if isinstance(named, Scalar):
            yield from _settings(reader, kustomization, named.text)
    for named in item.items("files"):
        if isinstance(named, Scalar):
            yield from _file(reader, kustomization, named.text)


def _settings(reader: Reader, kustomization: Kustomization, name: str) -> Iterator[tuple[str, Node]]:
    """`KEY=value` lines of an env file."""
    path, content = _content(reader, kustomization, name)
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            yield key, Scalar(value, path, number, line.find("=") + 2, key_path=key)


def _file(reader: Reader, kustomization: Kustomization, text: str) -> Iterator[tuple[str, Node]]:
    """A whole file as one value; objects that are written in it are found as in any text inside a ConfigMap."""
    key, equals, name = text.partition("=")
    path, content = _content(reader, kustomization, name if equals else text)
    if not path:
        return
    inner = tuple(item.node for item in reader.contents(path).objects)
    key = key if equals else posixpath.basename(text)
    whole = _whole(path, content, inner)
    yield key, whole if inner else reader.with_texts(whole, key)


def _whole(path: str, content: bytes, inner: tuple[Node, ...]) -> Scalar:
    """A file as a value; of one with several lines each stands where it stands in the file."""
    value = content.decode("utf-8", "replace") if len(content) <= _VALUES else ""
    if "\n" not in value.strip():
        return Scalar(value.strip(), path, 1, 1, inner=inner)
    first = len(value) - len(value.lstrip("\n")) + 1
    return Scalar(value, path, first, 1, literal=True, inner=inner)


def _content(reader: Reader, kustomization: Kustomization, name: str) -> tuple[str, bytes]:
    """A file that a generator reads; nothing where it cannot be read (then kustomize fails, and deploys nothing of it)."""
    try:
        path = reader.resolve(join(kustomization.directory, name))
        return (path, reader.bytes_of(path)) if path else ("", b"")
    except (OutOfTree, Unreadable):
        return "", b""
