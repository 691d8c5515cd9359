"""Which kustomizations a change can reach: those that name a touched path, and those that load them.

Judged by every text of a kustomization, so that it is the same for base and head as long as their kustomizations are: then
a root that is left out has the same images in both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Final

from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, join
from auditor.manifests.nodes import scalars

_PLUGINS: Final = ("generators", "transformers")
"""Their files name further files: a kustomization with any is always read."""


def affected(
    kustomizations: Mapping[str, Kustomization], links: Mapping[str, frozenset[str]], touched: frozenset[str]
) -> frozenset[str]:
    """The directories of kustomizations whose objects may differ. `touched`: paths whose content changed."""
    wide = touched | set(_directories(touched))
    found = {directory for directory, item in kustomizations.items() if _names_any(item, wide)}
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
    return frozenset(found)


def _directories(paths: frozenset[str]) -> Iterator[str]:
    for path in paths:
        while path := posixpath.dirname(path):
            yield path


def _names_any(item: Kustomization, touched: frozenset[str]) -> bool:
    if any(item.node.get(key) is not None for key in _PLUGINS) or item.problems:
        return True
    if any(join(item.directory, name) in touched for name in NAMES) or item.path in touched:
        return True
    texts = (part for scalar in scalars(item.node) for part in (scalar.text, scalar.text.partition("=")[2]))
    return any(join(item.directory, text) in touched for text in texts if text and "\n" not in text)
