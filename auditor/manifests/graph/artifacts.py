"""A path of an ExternalArtifact → the directory of the tree that an ArtifactGenerator copies there.

Source: fluxcd/source-watcher, ArtifactGenerator v1beta1: `from: "@alias/apps/**"` copies what is below `apps`, to `to`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from auditor.manifests.files import Reader
from auditor.manifests.graph.settings import Settings, nearness
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import Object

_ALL: Final = "/**"
_ARTIFACT: Final = "@artifact"


def directories(
    name: str, path: str, item: Object, root: str, *, reader: Reader, settings: Settings
) -> tuple[str, ...]:
    """Where the path of the artifact comes from. Of generators of the same name, the nearest to what deploys count."""
    found = [
        (made.file, directory)
        for made in settings.objects("ArtifactGenerator", name)
        for artifact in made.node.mapping("spec").items("artifacts")
        if isinstance(artifact, Mapping) and artifact.text("name") == name
        for directory in _copied(artifact, path)
        if reader.identity(f"{directory}/")
    ]
    best = max((nearness(file, root, item.file) for file, _ in found), default=0)
    return tuple(dict.fromkeys(one for file, one in found if nearness(file, root, item.file) == best))


def _copied(artifact: Mapping, path: str) -> Iterator[str]:
    for copy in artifact.items("copy"):
        if not isinstance(copy, Mapping) or not copy.text("from").endswith(_ALL):
            continue
        source = copy.text("from").removesuffix(_ALL).lstrip("@").partition("/")[2] or "."
        target = posixpath.normpath(copy.text("to").removeprefix(_ARTIFACT).strip("/") or ".")
        rest = posixpath.relpath(path, target)
        if rest != ".." and not rest.startswith("../"):
            joined = posixpath.normpath(posixpath.join(source, rest))
            if joined != ".." and not joined.startswith("../"):
                yield joined
