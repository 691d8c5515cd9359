"""What of a reached entry point need not be read, because every tree of the change has the same of it.

A root that only puts others together (resources, names and labels) deploys of each what that one deploys by itself. Where the
change reaches neither the way from the root to a resource nor the resource, its uses and gaps are the same in all trees. They
still decide whether a reference that the change brings is new in the root: so what may make a reference that differs (`asked`)
is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from auditor.manifests.entry import Entries
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import Kustomization, join
from auditor.manifests.nodes import scalars
from auditor.manifests.parameters import BY_GROUP
from auditor.manifests.reach import Reach
from auditor.manifests.text import plain
from auditor.source.tree import Unreadable

_PUTS_TOGETHER: Final = frozenset(
    (
        "apiVersion",
        "bases",
        "buildMetadata",
        "commonAnnotations",
        "commonLabels",
        "kind",
        "labels",
        "metadata",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "resources",
        "sortOptions",
    )
)
"""Fields of a kustomization that do the same to each object, whatever else is loaded."""
_FILLED: Final = frozenset((f"{group}/".encode(),) for group in BY_GROUP)
"""Words of what gets parts of a reference from elsewhere: tasks and workflows."""
_TEMPLATE: Final = re.compile(rb"\bkind[\"']?\s*:[^\n,}]{0,80}\btemplate\b", re.ASCII)
"""An OpenShift template, which gets them from its parameters."""


@dataclass(slots=True)
class Spare:
    """What one reading of one tree leaves out. `asked`: the references that nothing left out may make."""

    reader: Reader
    found: Entries
    within: Reach
    touched: frozenset[str]
    _names: re.Pattern[bytes] | None = field(init=False)
    _held: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = sorted({re.escape(last_name(text).lower()) for text in self.within.asked})
        pattern = f"(?:{'|'.join(names)})(?![a-z0-9_-])".encode("utf-8", "surrogateescape")
        self._names = re.compile(pattern) if names else None

    @property
    def identity(self) -> str:
        """What tells what was read in this way from the rest in a cache."""
        return f"spared{sorted(self.within.asked)}"

    def of(self, root: str) -> Spare | None:
        """This, where a root may be read in part."""
        return self if root in self.within.roots else None

    def below(self, kustomization: Kustomization) -> Spare | None:
        """This, where what a kustomization loads may be left out: nothing that it does depends on what it loads."""
        plainly = all(key in _PUTS_TOGETHER for key, _ in kustomization.node.entries)
        return self if plainly and not kustomization.problems and kustomization.path not in self.touched else None

    def leaves_file(self, path: str) -> bool:
        """Whether a file that is loaded need not be read."""
        return path not in self.touched and not self._may_hold(path)

    def leaves_directory(self, directory: str) -> bool:
        """Whether a kustomization that is loaded need not be read, nor what it loads."""
        affected = self.found.affected
        if affected is None or directory in affected or directory not in self.found.kustomizations:
            return False
        return self._names is None or not any(self._may_make(one) for one in self._closure(directory))

    def _closure(self, directory: str) -> Iterator[str]:
        known, waiting = {directory}, [directory]
        while waiting:
            yield (here := waiting.pop())
            fresh = self.found.links.get(here, frozenset()) - known
            known |= fresh
            waiting += fresh

    def _may_make(self, directory: str) -> bool:
        """Whether a kustomization may make one of the references: of whatever it names, or of parts of that."""
        item = self.found.kustomizations[directory]
        if item.node.get("replacements") is not None:
            return True
        return self._may_hold(item.path) or any(self._may_hold(path) for path in self._files(item))

    def _files(self, item: Kustomization) -> Iterator[str]:
        for scalar in scalars(item.node):
            for text in (scalar.text, scalar.text.partition("=")[2]):
                if text and "\n" not in text:
                    try:
                        path = self.reader.resolve(join(item.directory, text))
                    except OutOfTree:
                        continue
                    if path is not None:
                        yield path

    def _may_hold(self, path: str) -> bool:
        if self._names is None:
            return False
        known = self._held.get(path)
        if known is None:
            try:
                known = self._holds(self.reader.bytes_of(path))
            except Unreadable:
                known = True
            self._held[path] = known
        return known

    def _holds(self, content: bytes) -> bool:
        """Whether a text has the last name of one of the references, or may make it of what it does not say."""
        text = plain(content)
        if text is None:
            return True
        text = text.lower()
        if self._names is None or self._names.search(text) is not None:
            return True
        if b"parameters" in text and b"objects" in text and _TEMPLATE.search(text) is not None:
            return True
        making = _FILLED | self.reader.kinds.making
        return any(all(word in text for word in words) for words in making)


def last_name(text: str) -> str:
    """What no field but one holds of a reference: the last part of its name.

    >>> last_name("ghcr.io/acme/api:1.0@sha256:00")
    'api'
    """
    return text.partition("@")[0].rpartition("/")[2].partition(":")[0]
