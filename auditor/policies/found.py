"""Where the cluster's policies are in a tree, and what they refer to there (ConfigMaps, Secrets)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from msgspec import Struct

from auditor.config.names import PathPattern
from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.manifests.nodes import Mapping, Scalar, scalars
from auditor.manifests.objects import Object, objects
from auditor.model.place import Place
from auditor.policies.cursor import Cursor, Mistake
from auditor.source.tree import Entry, EntryKind, Tree, Unreadable, expect

GROUPS: Final = frozenset(
    {"kyverno.io", "policies.kyverno.io", "policy.sigstore.dev", "source.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"}
)
"""API groups whose objects are policies of an engine, or belong to one; of Flux's, those that verify what they fetch."""
_ENDINGS: Final = (".yaml", ".yml", ".json")
_REGO: Final = ".rego"
_WORDS: Final = (b"kyverno.io", b"policy.sigstore.dev")
_FLUX: Final = b"toolkit.fluxcd.io"
_CONNAISSEUR: Final = (b"validators", b"trustRoots")
_VALUES: Final = ((), ("spec", "values"), ("spec", "source", "helm", "valuesObject"))
"""Where the values of a chart stand: in a file of their own, in a HelmRelease, in an Application of Argo CD."""
_POLICY_KIND: Final = re.compile(
    rb"""^["' \t{-]*kind["']?:[ \t]*["']?(?:((?:Cluster)?Policy)|(?:Namespaced)?ImageValidatingPolicy|ClusterImagePolicy|TrustRoot)\b""",
    re.MULTILINE,
)
"""Kinds of policies; the first ones are about signatures only with `verifyImages`."""
_CONFIGURATION: Final = (b"ConfigMap", b"Secret")
_HELM: Final = re.compile(
    r"\{\{-|-\}\}|\{\{\s*(?:\.|\$|(?:include|template|if|else|end|range|with|define|toYaml|tpl|printf|quote|default)\b)"
)


class Rego(Struct, frozen=True):
    """One Rego file."""

    file: str
    content: bytes


@dataclass(frozen=True)
class Found:
    """What a tree holds of policies. `mistakes` are files, or parts of files, that cannot be read as they stand."""

    objects: tuple[Object, ...] = ()
    rego: tuple[Rego, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    tree: Tree | None = field(default=None, repr=False)

    @property
    def files(self) -> frozenset[str]:
        """The files that hold all of it, with the ConfigMaps and Secrets that policies may refer to."""
        mistaken = {each.place.file for each in self.mistakes}
        configured = {each.file for each in self._configurations} if self.objects else set()
        rego = {each.file for each in self.rego}
        return frozenset(mistaken | configured | rego | {each.file for each in self.objects})

    def of(self, group: str, *kinds: str) -> Iterator[Object]:
        """The objects of these kinds, in file order."""
        return (each for each in self.objects if each.group == group and each.kind in kinds)

    def config_map(self, name: str, namespace: str = "") -> dict[str, str] | None:
        """The data of a ConfigMap of the tree; None where it holds none of that name. Any namespace where none is given."""
        found = self._configuration("ConfigMap", name, namespace)
        return None if found is None else _texts(found.node.mapping("data"))

    def secret(self, name: str, namespace: str = "") -> dict[str, bytes] | None:
        """The data of a Secret of the tree, decoded. Only public keys belong into a repository, and only they are asked for."""
        found = self._configuration("Secret", name, namespace)
        if found is None:
            return None
        plain = {key: text.encode() for key, text in _texts(found.node.mapping("stringData")).items()}
        return {**_decoded(found.node.mapping("data")), **plain}

    def _configuration(self, kind: str, name: str, namespace: str) -> Object | None:
        """The one object of that name: two in two places would be a guess."""
        named = [each for each in self._configurations if each.kind == kind and each.name == name]
        if namespace:
            named = [each for each in named if each.namespace in {namespace, ""}]
        return named[0] if len(named) == 1 else None

    @cached_property
    def _configurations(self) -> tuple[Object, ...]:
        """Read when the first policy asks: most trees have many ConfigMaps, and most policies need none."""
        if self.tree is None:
            return ()
        reader = _Reader(self.tree, _has(_CONFIGURATION))
        paths = [path for path in reader.files() if path.endswith(_ENDINGS)]
        return tuple(each for each in reader.read(paths) if each.kind in {"ConfigMap", "Secret"})


def find_policies(
    tree: Tree, globs: Iterable[str] = (), limits: Limits = DEFAULT, *, within: frozenset[str] | None = None
) -> Found:
    """Every policy file under the globs; without globs, every policy in the tree (Rego only where globs name it).

    The tree is base's: what a change does to policies takes effect when it is merged. `within`: these paths alone.
    """
    patterns = tuple(PathPattern.parse(glob) for glob in globs)
    reader = _Reader(tree, _is_wanted, limits, meant=bool(patterns))
    files = reader.files() if within is None else [path for path in reader.files() if path in within]
    paths = [path for path in files if not patterns or any(each.matches(path) for each in patterns)]
    found = tuple(
        each
        for each in reader.read([path for path in paths if path.endswith(_ENDINGS)])
        if each.group in GROUPS or connaisseur_values(each)
    )
    rego = tuple(reader.rego([path for path in paths if path.endswith(_REGO)])) if patterns else ()
    return Found(found, rego, tuple(reader.mistakes), tree)


class _Reader:
    """Reads the wanted documents of files. What cannot be read becomes a mistake."""

    def __init__(
        self, tree: Tree, want: Callable[[bytes], bool], limits: Limits = DEFAULT, *, meant: bool = False
    ) -> None:
        """`meant`: somebody said that these files are policies, so that each one that does not parse is a mistake."""
        self._meant = meant
        self._tree = tree
        self._want = want
        self._limits = limits
        self.mistakes: list[Mistake] = []

    def files(self) -> list[str]:
        return [path for path, entry in self._tree.entries().items() if self._readable(entry)]

    def _readable(self, entry: Entry) -> bool:
        return entry.kind is EntryKind.FILE and (entry.size or 0) <= self._limits.file_bytes

    def rego(self, paths: list[str]) -> Iterator[Rego]:
        for path in paths:
            content = self._content(path)
            if content is not None:
                yield Rego(path, content)

    def read(self, paths: list[str]) -> Iterator[Object]:
        expect(self._tree, paths)
        for path in paths:
            content = self._content(path)
            if content is not None and self._want(content):
                yield from self._objects(path, content)

    def _content(self, path: str) -> bytes | None:
        try:
            return self._tree.read(path)
        except Unreadable as problem:
            self.mistakes.append(Mistake(Place(path), f"the file cannot be read: {problem}"))
            return None

    def _objects(self, path: str, content: bytes) -> Iterator[Object]:
        for document in yaml.documents(content, path, want=self._want, limits=self._limits):
            if isinstance(document, yaml.Broken):
                if not self._meant and not _looks_like_a_policy(document.content):
                    continue  # charts mention engines in many templates; the reading of manifests lists what does not parse
                why = "it is a template" if b"{{" in document.content else document.why
                self.mistakes.append(Mistake(Place(path, document.line), f"the policy file does not parse: {why}"))
                continue
            try:
                yield from objects(yaml.full(document, yaml.Descent(self._limits)), path)
            except yaml.Tangled as problem:
                line = document.start_mark.line + 1
                self.mistakes.append(Mistake(Place(path, line), f"the policy file does not parse: {problem}"))


def connaisseur_values(found: Object) -> Cursor | None:
    """The `application` values of Connaisseur's chart in this document; None where it holds none."""
    for path in _VALUES:
        cursor = Cursor.at(found)
        for key in path:
            cursor = cursor[key]
        if list(cursor["application"]["validators"]):
            return cursor["application"]
    return None


def templated(found: Object) -> Place | None:
    """Where a policy is filled in by Helm before it reaches a cluster; None where it stands as it is.

    Kyverno's own `{{ request.object … }}` is no template of that sort.
    """
    for scalar in scalars(found.node):
        if "{{" in scalar.text and _HELM.search(scalar.text):
            return scalar.place()
    return None


def _looks_like_a_policy(content: bytes) -> bool:
    """Whether a text that does not parse says that it is a policy about signatures."""
    kind = _POLICY_KIND.search(content)
    return kind is not None and (not kind[1] or b"verifyImages" in content)


def _is_wanted(content: bytes) -> bool:
    """Of the many objects of Flux, those that verify, and the repositories that charts come from."""
    if any(word in content for word in _WORDS):
        return True
    if _FLUX in content and (b"verify" in content or b"HelmRepository" in content):
        return True
    return all(word in content for word in _CONNAISSEUR)


def _has(words: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    return lambda content: any(word in content for word in words)


def _texts(node: Mapping) -> dict[str, str]:
    return {key: value.text for key, value in node.entries if isinstance(value, Scalar)}


def _decoded(node: Mapping) -> dict[str, bytes]:
    found = {}
    for key, text in _texts(node).items():
        try:
            found[key] = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
    return found
