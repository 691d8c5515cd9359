"""Whether a tree holds anything that deploys by rules of its own: Flux, Argo CD, Fleet, helmfile, and what makes one of these.

Told by the bytes of every manifest, read once for all trees of a change; what the bytes leave open is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

from auditor.manifests.files import OutOfTree, Reader, Shared
from auditor.manifests.graph.graph import is_deployer
from auditor.manifests.graph.origins import REFERRING
from auditor.manifests.helm.held import held
from auditor.manifests.helm.settings import deploys
from auditor.manifests.objects import Object
from auditor.manifests.reach.layout import Layout
from auditor.manifests.reach.written import searchable
from auditor.manifests.text import mentions, plain
from auditor.source.tree import EntryKind, Unreadable, expect, sweep

_NAMES_DEPLOYER: Final = mentions(
    (
        (b"argoproj.io", b"Application"),
        (b"toolkit.fluxcd.io", b"HelmRelease"),
        (b"toolkit.fluxcd.io", b"Kustomization"),
        *((group.encode(), kind.encode()) for kind, group in sorted(REFERRING)),
    )
)
"""A part of the group of deployers, and of their kinds (`ApplicationSet` is one of them)."""
_TURNS: Final = re.compile(rb"/apiVersion\b|\ballowKindChange\b")


def look(reader: Reader, layout: Layout) -> None:
    """Read what is not known yet of the manifests and the kustomizations of a tree, each once and in one go.

    Of kustomizations their bytes are kept; of manifests that nothing in them deploys by rules of its own, where that is so.
    """
    shared, tree = reader.shared, reader.tree
    texts = _unknown(reader, layout.named.values(), shared.texts)
    manifests = _unknown(reader, layout.files, shared.deployers)
    shared.texts.update(dict.fromkeys(texts))  # what cannot be read may say anything
    for path, content in sweep(tree, (texts | manifests).values()):
        name = tree.content_id(path)
        if name in texts:
            shared.texts[name] = searchable(content)
        if name in manifests and _tell(shared, name, content):
            shared.deployers[name] = False


def _unknown(reader: Reader, paths: Iterable[str], known: Container[str]) -> dict[str, str]:
    """The files whose content is not known, by its identity."""
    files, tree = reader.files, reader.tree
    plain_files = (path for path in paths if files[path].kind is EntryKind.FILE)
    return {name: path for path in plain_files if (name := tree.content_id(path)) not in known}


def deployer(reader: Reader, paths: Iterable[str]) -> str | None:
    """The first of the files that may hold, or make, something that deploys by rules of its own."""
    ordered = sorted(set(paths))
    named = next((path for path in ordered if deploys(path)), None)
    if named is not None:
        return named
    known = reader.shared.deployers
    unknown = {path: name for path in targets(reader, ordered) if (name := reader.tree.content_id(path)) not in known}
    expect(reader.tree, unknown)
    for path, name in unknown.items():
        try:
            if _holds_deployer(reader, path):
                return path
        except Unreadable:
            pass  # told where the file is read for its images
        known[name] = False
    return None


def targets(reader: Reader, paths: Iterable[str]) -> Iterator[str]:
    """The files that stand at these paths, or that symlinks there lead to."""
    for path in paths:
        if reader.files[path].kind is EntryKind.FILE:
            yield path
            continue
        try:
            target = reader.resolve(path)
        except OutOfTree:
            continue
        if target is not None:
            yield target


def _tell(shared: Shared, name: str, content: bytes) -> bool:
    """Whether surely no deployer is written in a manifest. What else its bytes tell is kept for who looks into it again."""
    text = plain(content)
    if text is content:
        shared.plain.add(name)
    return text is not None and not _NAMES_DEPLOYER(text)


def _holds_deployer(reader: Reader, path: str) -> bool:
    content = reader.bytes_of(path)
    text = plain(content)
    if text is not None:
        if not _NAMES_DEPLOYER(text):
            return False
        if _TURNS.search(text):
            return True
    return any(_is_any_deployer(one) for item in reader.contents(path).objects for one in (item, *held(item)))


def _is_any_deployer(item: Object) -> bool:
    return is_deployer(item) or item.kind == "HelmRelease" or (item.kind, item.group) in REFERRING
