"""A kustomization file: found, read, and what it names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Paths
from typing import Final

from msgspec import Struct, field

from auditor.manifests import yaml
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.spelling import spelled, twice
from auditor.manifests.nodes import Mapping, Node, Scalar

NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Recognised names, in kustomize's own order."""
CHART_GENERATOR: Final = "HelmChartInflationGenerator"
"""A generator that is a chart, as an object of its own."""
_REMOTE: Final = re.compile(
    r"[a-z+]+://|git::|[\w.-]+@[\w.-]+:|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/\S+/|\S*[?&]ref=|\S+//|\S+\.git\b"
)
_FETCHED: Final = re.compile(
    r"[a-z+]+://|git::|[\w.-]+@[\w.-]+:|(?:github|gitlab|bitbucket)\.(?:com|org)[/:]|\S*[?&]ref=|\S+\.git(?:[/?]|$)"
)
"""What kustomize fetches even where a file or directory of that name is there."""
_KINDS: Final = frozenset({"", "Kustomization", "Component"})
_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[\w.@=+-]+", re.ASCII)
_DIRECTORY: Final = re.compile(r"[\w-]+(?:/[\w-]+)*", re.ASCII)
"""A name and a directory that are what they are already."""


class Kustomization(Struct, frozen=True):
    """One kustomization: its directory (`.` at the top), its file, and what is written in it."""

    directory: str
    path: str
    node: Mapping
    problems: tuple[yaml.Broken, ...] = ()
    paths: Paths[int, str] = field(default_factory=dict)
    """Key paths of elements that are written elsewhere, in what deploys the kustomization, by the element's `id`."""

    @property
    def is_component(self) -> bool:
        """A component changes what the kustomization that names it has loaded."""
        return self.node.text("kind") == "Component"

    def names(self, *keys: str) -> Iterator[tuple[Scalar, str]]:
        """The texts of lists under these keys, each with its key path."""
        for key in self._written(keys):
            for index, item in enumerate(self.node.items(key)):
                if isinstance(item, Scalar) and item.text:
                    yield item, self.paths.get(id(item), f"{key}[{index}]")

    def entries(self, *keys: str) -> Iterator[tuple[Mapping, str]]:
        """The mappings of lists under these keys, each with its key path."""
        for key in self._written(keys):
            for index, item in enumerate(self.node.items(key)):
                if isinstance(item, Mapping):
                    yield item, self.paths.get(id(item), f"{key}[{index}]")

    def _written(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that are there: most kustomizations have two or three, and many are asked for."""
        written = {key for key, _ in self.node.entries}
        return [key for key in keys if key in written]


def join(directory: str, path: str) -> str:
    """A path as written in a file of `directory`, relative to the tree."""
    if _NAME.fullmatch(path) and _DIRECTORY.fullmatch(directory):  # as nearly all are: four times faster
        return f"{directory}/{path}"
    return posixpath.normpath(posixpath.join("" if directory == "." else directory, path))


def is_fetched(text: str) -> bool:
    """Whether kustomize fetches it, whatever is in the tree under that name."""
    return _FETCHED.match(text) is not None


def is_remote(text: str) -> bool:
    """Whether kustomize would fetch it: a URL or a repository."""
    return _REMOTE.match(text) is not None


def find(reader: Reader, directory: str) -> str | None:
    """The kustomization file of a directory. Raises OutOfTree where it is a symlink that leads out."""
    for name in NAMES:
        path = reader.resolve(join(directory, name))
        if path is not None:
            return path
    return None


def read(reader: Reader, directory: str, path: str) -> Kustomization:
    """Read a kustomization, its fields in the usual spelling. What does not parse, or has two readings, is in `problems`.

    Several documents are one too many.
    """
    documents = reader.documents(path)
    problems = [item for item in documents if isinstance(item, yaml.Broken)]
    held: list[Node] = [item for item in documents if not isinstance(item, yaml.Broken)]
    mappings = [item for item in held if isinstance(item, Mapping)]
    if len(mappings) > 1:
        problems.append(yaml.Broken(mappings[1].line, "a kustomization has one document", mappings[1].line, b""))
    problems += (
        yaml.Broken(line, "a field is written in two spellings, which kustomize puts together", line, b"")
        for mapping in mappings
        if (line := twice(mapping)) is not None
    )
    merged = Mapping([pair for mapping in mappings for pair in spelled(mapping).entries], path, 1)
    return Kustomization(directory, path, merged, tuple(problems))


def is_kustomization(node: Mapping) -> bool:
    """Whether the file is meant for kustomize: Flux's objects of the same kind are not, whatever their file is called.

    Nor is what kustomize refuses and a cluster takes: an object of another kind, and what holds objects as lists do.
    """
    if node.text("apiVersion").startswith("kustomize.toolkit.fluxcd.io/") or node.items("items"):
        return False
    return node.text("kind") in _KINDS


__all__ = ["NAMES", "Kustomization", "OutOfTree", "find", "is_kustomization", "is_remote", "join", "read"]
