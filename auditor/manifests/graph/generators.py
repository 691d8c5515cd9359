"""An ApplicationSet → the Applications that its generators make of what is in the tree.

Lists, directories and files of this repository, and matrices and merges of these. Clusters, pull requests and other things
that only a controller sees give no parameters: one Application is made whose holes stay.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.manifests.contents import complete
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.fingerprint import fingerprinted
from auditor.manifests.graph.conditions import UNKNOWN
from auditor.manifests.graph.template import Parameters, filled, flattened
from auditor.manifests.graph.template_patch import files_of, is_harmless
from auditor.manifests.helm.argo import sources
from auditor.manifests.helm.values import merged
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, scalars
from auditor.manifests.objects import Object, identify
from auditor.manifests.result import MadeOrigin
from auditor.manifests.skeleton import origin_of
from auditor.model.gap import Gap
from auditor.model.place import Place

_NORMAL: Final = re.compile(r"[^a-z0-9.-]+")
_COMPUTED: Final = re.compile(r"\{\{(?!-?\s*\.?[\w.\[\]-]+\s*-?\}\})")
"""An action that is more than a field: what it makes may depend on any of the parameters."""
_WRITTEN: Final = re.compile(r"""\{\{-?\s*(?:"[^"\\]*"|`[^`]*`)\s*-?\}\}""")
"""An action that is nothing but a text."""
_NESTED: Final = 4
"""Generators inside of generators: Argo CD allows two levels."""


class Made(Struct, frozen=True):
    """The Applications of a set, and what could not be made."""

    applications: tuple[Object, ...]
    gaps: tuple[Gap, ...]


def is_set(item: Object) -> bool:
    """Whether the object is an ApplicationSet."""
    return item.kind == "ApplicationSet" and item.group == "argoproj.io"


def applications(item: Object, reader: Reader) -> Made:
    """Fill in the template for every set of parameters."""
    spec = item.node.mapping("spec")
    run = _Generators(reader, is_go=spec.text("goTemplate") == "true")
    most = reader.limits.applications
    found = list(islice(_filling(run, spec), most + 1))
    gaps: list[Gap] = []
    place = Place(item.file, item.line)
    if len(found) > most:
        why = f"ApplicationSet {item.name} makes more than {most} Applications: the others are not looked at"
        gaps.append(unrendered(place, "too many Applications", why))
    patch = spec.scalar("templatePatch")
    if patch is not None and not is_harmless(patch, (parameters for _, parameters in found)):
        why = f"ApplicationSet {item.name} patches its Applications by a template, which is not carried out"
        gap = replace(unrendered(place, "template patch", why), given=files_of(patch, (each for _, each in found)))
        gaps.append(
            fingerprinted(gap, [patch, *(value for _, each in found for _, value in sorted(each.items()))], reader)
        )
    if not found:
        why = f"ApplicationSet {item.name} makes no Application of what is in this tree"
        given = tuple(path for source in sources(item) for path in source.given)
        gaps.append(replace(unrendered(place, "generator without a result", why), given=given))
    made = tuple(_application(item, template, parameters) for template, parameters in found[:most])
    if run.is_go:  # else braces around anything but a parameter stay as they are
        gaps += (hole for one, (_, known) in zip(made, found, strict=False) for hole in _left(item, one, known, reader))
    return Made(made, tuple(gaps))


def _left(item: Object, made: Object, parameters: Parameters, reader: Reader) -> Iterator[Gap]:
    """A gap where a template decides what an Application deploys in a way that is not carried out: the parameters may matter."""
    spec = made.node.mapping("spec")
    texts = (scalar for key in ("source", "sources") if (node := spec.get(key)) for scalar in scalars(node))
    left = next((text for text in texts if _COMPUTED.search(_WRITTEN.sub("", text.text))), None)
    if left is not None:
        why = f"ApplicationSet {item.name} makes Application {made.name} by a template that is not carried out"
        known = (f"{name}={value.text}" for name, value in sorted(parameters.items()))
        yield fingerprinted(unrendered(left.place(), "template of Applications", why), (), reader, *known)


def origins(item: Object, made: Iterable[Object]) -> Iterator[MadeOrigin]:
    """Where the Applications of a set take what they deploy, if parameters say so."""
    written = ["{{" in f"{one.node.text('repoURL')}{one.node.text('targetRevision')}" for one in sources(item)]
    for one in made if any(written) else ():
        for number, source in enumerate(sources(one)):
            revision = source.node.scalar("targetRevision") or source.node.scalar("repoURL")
            if revision is not None and not source.node.text("chart"):
                text = f"{source.node.text('repoURL')} at {source.node.text('targetRevision') or 'HEAD'}"
                why = f"Application {one.name} of ApplicationSet {item.name} (source {number + 1})"
                gap = unrendered(revision.place(), "deployed from elsewhere", why)
                yield MadeOrigin(gap.place, gap.what, why, gap.rule, None, gap.help, text=text)


def _filling(run: _Generators, spec: Mapping) -> Iterator[tuple[Mapping, dict[str, Scalar]]]:
    """The parameters of each generator, with the template that they fill in: what a generator's own says overrides."""
    for generator in spec.items("generators"):
        bodies = generator.entries if isinstance(generator, Mapping) else []
        kind = next((key for key, _ in bodies if key != "selector"), "")
        own = generator.mapping(kind).mapping("template") if isinstance(generator, Mapping) else Mapping()
        template = merged((spec.mapping("template"), own)) if own.entries else spec.mapping("template")
        for parameters in run.all([generator], {}, 0):
            yield template, parameters


def _application(item: Object, template: Mapping, parameters: Parameters) -> Object:
    word = Scalar("Application", item.file, item.line, 1)
    version = Scalar(item.api_version, item.file, item.line, 1)
    body = filled(template, parameters)
    entries: list[tuple[str, Node]] = [("apiVersion", version), ("kind", word)]
    entries += body.entries if isinstance(body, Mapping) else []
    made = identify(Mapping(entries, item.file, item.line), item.file, item.line, f"{item.prefix}spec.template.")
    return dataclasses.replace(made, namespace=made.namespace or item.namespace)


class _Generators(Struct):
    reader: Reader
    is_go: bool

    def all(self, generators: Iterable[Node], outer: Parameters, depth: int) -> Iterator[dict[str, Scalar]]:
        """The parameters of each generator, one after the other."""
        for generator in generators:
            if isinstance(generator, Mapping) and depth <= _NESTED:
                yield from self._one(generator, outer, depth)

    def _one(self, written: Mapping, outer: Parameters, depth: int) -> Iterator[dict[str, Scalar]]:
        # A generator of a matrix may use the parameters of the one before it.
        node = filled(written, outer) if outer else written
        if not isinstance(node, Mapping):
            return
        kind = next((key for key, _ in node.entries if key != "selector"), "")
        body = node.mapping(kind)
        match kind:
            case "list":
                found = self._list(body)
            case "git":
                found = self._git(body)
            case "matrix":
                found = self._matrix(written.mapping(kind).items("generators"), outer, depth + 1)
            case "merge":
                found = self._merge(written.mapping(kind), outer, depth + 1)
            case _:
                found = iter([{UNKNOWN: Scalar("", "", 0, 0)}])
        values = body.mapping("values")
        for parameters in found:
            yield parameters | dict(flattened(filled(values, parameters), "values"))

    def _list(self, body: Mapping) -> Iterator[dict[str, Scalar]]:
        elements = list(body.items("elements"))
        if (text := body.scalar("elementsYaml")) is not None:
            for document in complete(text.text.encode("utf-8", "replace"), text.file, origin_of(text)):
                elements += document.items if isinstance(document, Sequence) else []
        for element in elements:
            yield dict(flattened(element))

    def _matrix(self, generators: list[Node], outer: Parameters, depth: int) -> Iterator[dict[str, Scalar]]:
        if not generators:
            yield {}
            return
        for left in self.all(generators[:1], outer, depth):
            for right in self._matrix(generators[1:], {**outer, **left}, depth):
                yield left | right

    def _merge(self, body: Mapping, outer: Parameters, depth: int) -> Iterator[dict[str, Scalar]]:
        """What the first generator makes, with what the others say of the same keys; both where only a controller can tell."""
        keys = [key.text for key in body.items("mergeKeys") if isinstance(key, Scalar)]
        first, *others = body.items("generators") or [Mapping()]
        most = self.reader.limits.applications + 1
        extra: dict[tuple[str, ...], dict[str, Scalar]] = {}
        unsure: list[dict[str, Scalar]] = []
        for parameters in islice(self.all(others, outer, depth), most):
            if _is_open(parameters, keys):
                unsure.append(parameters)
            else:
                name = _named(parameters, keys)
                extra[name] = extra.get(name, {}) | parameters
        for parameters in self.all([first], outer, depth):
            is_open = _is_open(parameters, keys)
            made = parameters if is_open else parameters | extra.get(_named(parameters, keys), {})
            maybe = [*unsure, *extra.values()] if is_open else unsure
            yield made
            yield from (made | other for other in maybe if _agree(made, other, keys))

    # ── git ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _git(self, body: Mapping) -> Iterator[dict[str, Scalar]]:
        self.reader.below(".")  # what comes of it depends on every path: nothing of it is shared by other trees
        prefix = body.text("pathParamPrefix")
        directories = [item for item in body.items("directories") if isinstance(item, Mapping)]
        wanted = [_pattern(item.text("path")) for item in directories if item.text("exclude") != "true"]
        refused = [_pattern(item.text("path")) for item in directories if item.text("exclude") == "true"]
        for directory in self._directories() if wanted else ():
            if _matches(wanted, directory) and not _matches(refused, directory):
                yield dict(self._path(directory, "", prefix))
        listed = [item for item in body.items("files") if isinstance(item, Mapping)]
        files = [_pattern(item.text("path")) for item in listed if item.text("exclude") != "true"]
        refused = [_pattern(item.text("path")) for item in listed if item.text("exclude") == "true"]
        for path in self.reader.files if files else ():
            if _matches(files, path) and not _matches(refused, path):
                yield from self._file(path, prefix)

    def _directories(self) -> list[str]:
        found: set[str] = set()
        for path in self.reader.files:
            while (path := posixpath.dirname(path)) and path not in found:
                found.add(path)
        return sorted(path for path in found if not any(part.startswith(".") for part in path.split("/")))

    def _file(self, path: str, prefix: str) -> Iterator[dict[str, Scalar]]:
        try:
            target = self.reader.resolve(path)
        except OutOfTree:
            return
        self.reader.note({path: self.reader.identity(path)})
        where = dict(self._path(posixpath.dirname(path) or ".", posixpath.basename(path), prefix))
        for document in self.reader.documents(target) if target else ():
            for element in document.items if isinstance(document, Sequence) else [document]:
                if isinstance(element, Mapping):
                    yield dict(flattened(element)) | where

    def _path(self, directory: str, filename: str, prefix: str) -> Iterator[tuple[str, Scalar]]:
        parts = [] if directory == "." else directory.split("/")
        base = parts[-1] if parts else ""
        head = f"{prefix}.path" if prefix else "path"
        named = {"basename": base, "basenameNormalized": _NORMAL.sub("-", base.lower()).strip("-.")}
        if filename:
            named |= {"filename": filename, "filenameNormalized": _NORMAL.sub("-", filename.lower()).strip("-.")}
        yield (f"{head}.path" if self.is_go else head), Scalar(directory, "", 0, 0)
        for key, text in named.items():
            yield f"{head}.{key}", Scalar(text, "", 0, 0)
        for index, part in enumerate(parts):
            yield f"{head}.segments[{index}]" if self.is_go else f"{head}[{index}]", Scalar(part, "", 0, 0)


def _named(parameters: Parameters, keys: list[str]) -> tuple[str, ...]:
    return tuple(parameters[key].text if key in parameters else "" for key in keys)


def _is_open(parameters: Parameters, keys: list[str]) -> bool:
    """Whether only a controller knows some of these keys."""
    return UNKNOWN in parameters and not all(key in parameters for key in keys)


def _agree(one: Parameters, other: Parameters, keys: list[str]) -> bool:
    return all(one[key].text == other[key].text for key in keys if key in one and key in other)


def _pattern(written: str) -> list[str]:
    return [part for part in written.strip("/").split("/") if part]


def _matches(patterns: list[list[str]], path: str) -> bool:
    parts = path.split("/")
    return any(_covers(pattern, parts) for pattern in patterns)


def _covers(pattern: list[str], parts: list[str]) -> bool:
    """Segment by segment; `**` is any number of segments. Remembers which beginnings match: no backtracking."""
    ends = {0}
    for step in pattern:
        if step == "**":
            ends = set(range(min(ends), len(parts) + 1)) if ends else ends
        else:
            ends = {end + 1 for end in ends if end < len(parts) and _segment(step, parts[end])}
    return len(parts) in ends


def _segment(pattern: str, text: str) -> bool:
    """`*` and `?` inside one segment: greedy with one way back, which is enough for stars."""
    at = position = 0
    star, again = -1, 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, again, at = at, position, at + 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            at, again = star + 1, again + 1
            position = again
        else:
            return False
    return set(pattern[at:]) <= {"*"}
