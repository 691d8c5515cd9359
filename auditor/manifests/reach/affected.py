"""What a change can reach: kustomizations that name a touched path or stand above one, and those that load them.

Judged by every text of a kustomization, so that it is the same for base and head as long as their kustomizations are: what
is left out has the same images in both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from auditor.manifests.kustomize.kustomization import NAMES, Kustomization, join
from auditor.manifests.nodes import scalars

UNNAMED: Final = ("generators", "transformers", "validators", "helmCharts", "helmChartInflationGenerator")
"""What these read is named in other files, or by parts of a path: a kustomization with any may always differ."""
_UNSAID: Final = frozenset(("", ".", ".."))
"""Last parts of a written path that are not those of what it leads to."""


def affected(
    kustomizations: Mapping[str, Kustomization], links: Mapping[str, frozenset[str]], touched: frozenset[str]
) -> frozenset[str]:
    """The directories of the kustomizations whose objects or gaps may differ, and of those where a gap would gate.

    `links`: what each kustomization of the tree loads. `touched`: paths whose content changed. A touched path anywhere below
    a root makes what could not be read of that root gate (`Touched`), so the root is among them.
    """
    if not touched:
        return frozenset()
    paths = with_parents(touched)
    names = last_names(paths)
    return above((each for each, item in kustomizations.items() if may_differ(item, paths, names)), links)


def with_parents(touched: frozenset[str]) -> frozenset[str]:
    """The paths, and every directory above each of them."""
    return touched | frozenset(parents(touched)) | {"."}


def last_names(paths: Iterable[str]) -> frozenset[str]:
    """The last parts of whatever text leads to one of the paths."""
    return frozenset(posixpath.basename(path) for path in paths) | _UNSAID


def above(directories: Iterable[str], links: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The directories of kustomizations, and of those that load them, directly or not."""
    found = set(directories)
    users: dict[str, list[str]] = {}
    for directory, targets in links.items():
        for target in targets:
            users.setdefault(target, []).append(directory)
    waiting = list(found)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in found:
                found.add(user)
                waiting.append(user)
    return frozenset(found)


def parents(paths: Iterable[str]) -> Iterator[str]:
    """Every directory above each of the paths, but for the top."""
    for path in paths:
        while (path := posixpath.dirname(path)).strip("/"):
            yield path


def may_differ(item: Kustomization, touched: frozenset[str], names: frozenset[str]) -> bool:
    """Whether the kustomization names or is something touched, or names files that nobody sees without running it.

    `names`: the last parts of what is touched. Whatever leads there ends in one of them.
    """
    if item.problems or item.directory in touched or any(key in UNNAMED for key, _ in item.node.entries):
        return True
    if item.path in touched or any(join(item.directory, name) in touched for name in NAMES if name in names):
        return True
    texts = (part for scalar in scalars(item.node) for part in (scalar.text, scalar.text.partition("=")[2]))
    return any(
        _last(text) in names and "\n" not in text and join(item.directory, text) in touched for text in texts if text
    )


def _last(text: str) -> str:
    return text.rstrip("/").rpartition("/")[2]
