"""What objects hand to others: a run names a task of the tree and gives it another image than its default.

A definition gets each value that any object of the tree gives it by name. What hands on what it got itself is followed.
Sources: tekton.dev/docs/pipelines (`taskRef`, `pipelineRef`, `ref` of a step, each beside `params`), Argo Workflows
(`workflowTemplateRef`, `templateRef`, each beside `arguments.parameters`), flux-operator (`defaultValues` of what a ResourceSet
names in `inputsFrom`, by name or by labels), kro (objects of the kind that a ResourceGraphDefinition defines).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.extract.parameters import (
    BY_GROUP,
    KRO,
    MOST,
    NESTED,
    Parameters,
    fields,
    filled,
    index,
    inputs,
    names,
    parameters,
)
from auditor.manifests.files import MANIFESTS, OutOfTree, Reader
from auditor.manifests.kustomize.transform import again
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence, texts
from auditor.manifests.objects import Object
from auditor.model.use import Use, Via
from auditor.source.tree import EntryKind

_REFERENCES: Final = ("taskRef", "pipelineRef", "ref", "workflowTemplateRef", "templateRef")
_PROVIDER: Final = "ResourceSetInputProvider"
_DEFINITION: Final = "ResourceGraphDefinition"


def calls(item: Object) -> bool:
    """Whether the object hands parameters to another one."""
    if item.group == KRO:
        return item.kind != _DEFINITION
    return item.group in BY_GROUP and (item.kind == _PROVIDER or next(_calls(item.node), None) is not None)


def handed(reader: Reader, uses: Iterable[Use]) -> Iterator[Use]:
    """The uses that values from other objects of the tree make. Most trees have no parameters: then nothing is read."""
    asking = [use for use in uses if _group(use) in BY_GROUP and names(_written(use), _group(use))]
    if asking:
        yield from Callers.of(reader).made(asking)


def _written(use: Use) -> str:
    """The reference as the object writes it, with the parameters that it names."""
    return use.overrides if use.via is Via.SUBSTITUTE and use.overrides else use.reference


def _group(use: Use) -> str:
    return use.workload.api_version.rpartition("/")[0] if use.workload else ""


class Callers(Struct):
    """Every value that objects of a tree hand to others, by the name of what takes it."""

    given: dict[str, list[tuple[Object, Parameters]]] = field(default_factory=dict)
    _sets: list[Object] = field(default_factory=list)
    _providers: list[Object] = field(default_factory=list)
    _definitions: dict[str, list[Object]] = field(default_factory=dict)
    """Of kro, by the kind that they define."""
    _instances: list[Object] = field(default_factory=list)

    @classmethod
    def of(cls, reader: Reader) -> Callers:
        """What the manifests of a tree hand on. What cannot be read is told where it is read for its images."""
        found = cls()
        for path, entry in reader.files.items():
            if entry.kind is EntryKind.SUBMODULE or not path.lower().endswith(MANIFESTS):
                continue
            try:
                target = reader.resolve(path)
            except OutOfTree:
                continue
            for item in reader.contents(target).objects if target is not None else ():
                found._add(item)
        for item in found._sets:
            found._provide(item)
        for item in found._instances:
            whole = again(reader, item)
            values = {
                name: (value,)
                for name, value in fields((whole if isinstance(whole, Mapping) else item.node).mapping("spec"))
            }
            for definition in found._definitions.get(item.kind, ()):
                found.given.setdefault(definition.name, []).append((item, values))
        return found

    def _add(self, item: Object) -> None:
        if item.kind == "ResourceSet":
            self._sets.append(item)
        elif item.kind == _PROVIDER:
            self._providers.append(item)
        elif item.kind == _DEFINITION:
            self._definitions.setdefault(item.node.mapping("spec").mapping("schema").text("kind"), []).append(item)
        elif item.group == KRO:
            self._instances.append(item)
        for name, values in _calls(item.node) if item.group in BY_GROUP else ():
            self.given.setdefault(name, []).append((item, values))

    def _provide(self, item: Object) -> None:
        """What a ResourceSet gets of the providers that it names."""
        for source in item.node.mapping("spec").items("inputsFrom"):
            for provider in self._providers if isinstance(source, Mapping) else ():
                if isinstance(source, Mapping) and _is_meant(source, provider):
                    values = inputs(provider.node.mapping("spec").mapping("defaultValues"))
                    self.given.setdefault(item.name, []).append((provider, values))

    def made(self, asking: Iterable[Use]) -> Iterator[Use]:
        """The uses that the values make of references with parameters. They stand where the value does."""
        done: set[tuple[str | None, str, object, object]] = set()
        for use in asking:
            workload, text = use.workload, _written(use)
            if workload is None or (key := (use.root, text, use.base or use.place, workload)) in done:
                continue
            done.add(key)
            known = self._known(workload.name, _group(use), text, 0, renamed=use.root is not None)
            yield from _made(use, text, _group(use), known)

    def _known(self, name: str, group: str, text: str, depth: int, *, renamed: bool) -> Parameters:
        """The values of each parameter that a text of the object `name` names. `renamed`: a root may have lengthened it."""
        found: dict[str, list[Scalar]] = {}
        callers = (
            pair
            for called, pairs in self.given.items()
            if called == name or (renamed and called in name)
            for pair in pairs
        )
        wanted = names(text, group) if depth < NESTED else frozenset()
        for item, values in callers if wanted else ():
            for parameter in wanted & values.keys():
                for value in values[parameter]:
                    found.setdefault(parameter, []).extend(self._resolved(value, item, depth, renamed=renamed))
        return {parameter: tuple(values) for parameter, values in found.items()}

    def _resolved(self, value: Scalar, item: Object, depth: int, *, renamed: bool) -> Iterator[Scalar]:
        """A value with what the object that hands it on may have got itself."""
        own = parameters(item.node)
        handed = self._known(item.name, item.group, value.text, depth + 1, renamed=renamed)
        known = {name: (*own.get(name, ()), *handed.get(name, ())) for name in {*own, *handed}}
        for text, edit in islice(filled(value.text, value, BY_GROUP[item.group], known, 0), MOST):
            yield value if text == value.text else replace(edit, text=text)


def _is_meant(source: Mapping, provider: Object) -> bool:
    """Whether an entry of `inputsFrom` names the provider, or may select it (expressions are taken to)."""
    if name := source.text("name"):
        return name == provider.name
    wanted = texts(source.mapping("selector").mapping("matchLabels"))
    return source.get("selector") is not None and wanted.items() <= provider.labels.items()


def _made(use: Use, text: str, group: str, known: Parameters) -> Iterator[Use]:
    pattern = BY_GROUP.get(group)
    if pattern is None or not known:
        return
    start = Scalar(text, use.place.file, use.place.line, use.place.column)
    for made, edit in islice(filled(text, start, pattern, known, 0), MOST):
        if made != text:
            place = replace(use.place, file=edit.file, line=edit.line, column=edit.column)
            base = use.base or use.place
            yield dataclasses.replace(use, reference=made, place=place, via=Via.SUBSTITUTE, base=base, overrides=text)


def _calls(node: Node) -> Iterator[tuple[str, Parameters]]:
    """The names of what is called, each with the values that stand beside it."""
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _calls(item)
    elif isinstance(node, Mapping):
        for key in _REFERENCES:
            name = node.mapping(key).text("name")
            values = index([*node.items("params"), *node.mapping("matrix").items("params")])
            values |= index(node.mapping("arguments").items("parameters"))
            if name and values:
                yield name, values
        for _, value in node.entries:
            yield from _calls(value)
