"""What a change can reach: kustomizations that name a touched path, those that load them, and what of each must be read.

Judged by every text of a kustomization, so that it is the same for base and head as long as their kustomizations are: what
is left out has the same images in both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, join
from auditor.manifests.nodes import Node, scalars

_PLUGINS: Final = ("generators", "transformers")
"""Their files name further files: a kustomization with any is always read completely."""
_CROSSING: Final = ("replacements", "vars", "openapi")
"""One object of the kustomization decides about another."""
_LOADED: Final = frozenset({"resources", "bases"})


@dataclass(frozen=True, slots=True)
class Affected:
    """`directories`: kustomizations whose objects may differ. `whole`: those of which everything must be read."""

    directories: frozenset[str]
    whole: frozenset[str]
    paths: frozenset[str]
    """Touched paths, and the directories above them."""

    def spares(self, target: str) -> bool:
        """Whether what a kustomization loads from here is the same in base and head."""
        return target not in self.directories and target not in self.paths


def affected(
    kustomizations: Mapping[str, Kustomization], links: Mapping[str, frozenset[str]], touched: frozenset[str]
) -> Affected:
    """Judge every kustomization of a tree. `links`: what each loads. `touched`: paths whose content changed."""
    paths = touched | set(_directories(touched))
    found = {directory for directory, item in kustomizations.items() if _names_any(item, paths)}
    users: dict[str, set[str]] = {}
    for directory, targets in links.items():
        for target in targets:
            users.setdefault(target, set()).add(directory)
    waiting = list(found)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in found:
                found.add(user)
                waiting.append(user)
    directories = frozenset(found)
    whole = frozenset(directory for directory, item in kustomizations.items() if _is_whole(item, directories, paths))
    return Affected(directories, whole, paths)


def _directories(paths: frozenset[str]) -> Iterator[str]:
    for path in paths:
        while (path := posixpath.dirname(path)).strip("/"):
            yield path


def _names_any(item: Kustomization, touched: frozenset[str]) -> bool:
    return _is_itself(item, touched) or _names(item, item.node, touched)


def _is_itself(item: Kustomization, touched: frozenset[str]) -> bool:
    """Whether the kustomization's own file may differ, or names files that nobody sees without running something."""
    if any(item.node.get(key) is not None for key in _PLUGINS) or item.problems:
        return True
    return any(join(item.directory, name) in touched for name in NAMES) or item.path in touched


def _names(item: Kustomization, node: Node, touched: frozenset[str]) -> bool:
    texts = (part for scalar in scalars(node) for part in (scalar.text, scalar.text.partition("=")[2]))
    return any(join(item.directory, text) in touched for text in texts if text and "\n" not in text)


def _is_whole(item: Kustomization, directories: frozenset[str], touched: frozenset[str]) -> bool:
    """Whether what it does to its resources may differ, or one resource decides about another."""
    if _is_itself(item, touched) or any(item.node.get(key) is not None for key in _CROSSING):
        return True
    if any(join(item.directory, name.text) in directories for name, _ in item.names("components")):
        return True
    return any(_names(item, value, touched) for key, value in item.node.entries if key not in _LOADED)
