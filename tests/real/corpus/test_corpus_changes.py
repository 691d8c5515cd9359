"""Scripted changes to real repositories: reading only what they reach says the same as reading everything."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.reach.survey import Survey, survey
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import EntryKind
from tests.support.changes import gating

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus" / "repos"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real repositories is not beside the project"),
]
NAMES = sorted(path.name for path in CORPUS.iterdir()) if CORPUS.is_dir() else []
WHOLE: Final = {
    "christianh814+example-kubernetes-go-repo",
    "fluxcd+flux2-kustomize-helm-example",
    "fluxcd+flux2-multi-tenancy",
    "onedr0p+home-ops",
    "rancher+fleet-examples",
    "stefanprodan+gitops-istio",
}
"""Repositories with Flux, Argo CD or Fleet, where everything is read for a change of what is deployed."""
QUIET: Final = ("one_line", "other_image", "generated")
"""Changes of the content of files, which seldom turn what deploys: of these something may be left out there too."""
IMAGE: Final = b"image:"
Files = dict[str, bytes]


def read(name: str) -> Files:
    tree = FolderTree(CORPUS / name)
    return {path: tree.read(path) for path, entry in tree.entries().items() if entry.kind is EntryKind.FILE}


@cache
def layout(name: str) -> Survey:
    """Of a repository as it is, which eight changes begin with."""
    files = read(name)
    return survey(Reader(MemoryTree(files, "t"), kinds.load({}), Shared()), ManifestSettings())


def some(paths: list[str], count: int = 3) -> list[str]:
    return paths[:: max(1, len(paths) // count)][:count]


def one_line(files: Files, found: Survey) -> None:
    """Another tag on the first image line of manifests all over the tree; without any, a comment."""
    if not any(IMAGE in content for content in files.values()):
        files[found.files[0]] += b"# changed\n"
    for path in some([path for path in found.files if IMAGE in files.get(path, b"")]):
        head, image, rest = files[path].partition(IMAGE)
        line, newline, after = rest.partition(b"\n")
        files[path] = b"".join((head, image, line.rstrip(), b"-changed", newline, after))


def other_image(files: Files, found: Survey) -> None:
    """Another image where kustomizations override by name, so that overrides are for nothing from then on."""
    overriding = {each for each, item in found.kustomizations.items() if item.node.get("images") is not None}
    claimed = [path for path, users in sorted(found.claims.items()) if users & overriding]
    for path in some([path for path in claimed if IMAGE in files.get(path, b"")]):
        head, image, rest = files[path].partition(IMAGE)
        files[path] = b"".join((head, image, b" example.com/other/one:1 #", rest))


def renamed(files: Files, found: Survey) -> None:
    for path in some([path for path in found.files if IMAGE in files.get(path, b"")]):
        files[posixpath.join(posixpath.dirname(path), "renamed.yaml")] = files.pop(path)


def deleted(files: Files, found: Survey) -> None:
    for path in some([path for path in found.claims if path in files]):
        del files[path]


def without_kustomization(files: Files, found: Survey) -> None:
    for item in some([item.path for item in found.kustomizations.values() if item.path in files]):
        del files[item]


def components(files: Files, found: Survey) -> None:
    """Every component, or else a few bases, override an image."""
    items = [item for item in found.kustomizations.values() if item.path in files]
    chosen = [item.path for item in items if item.is_component] or some([item.path for item in items])
    for path in chosen:
        files[path] += b"\nimages: [{name: nginx, newTag: changed}, {name: redis, newName: example.com/redis}]\n"


def generated(files: Files, found: Survey) -> None:
    """Files that a generator reads and that are no manifests."""
    named = [path for path in found.claims if path in files and not path.endswith((".yaml", ".yml"))]
    for path in some(named or list(found.claims)):
        if path in files:
            files[path] += b"\nchanged=example.com/acme/api:1\n"


def added(files: Files, found: Survey) -> None:
    """A loose manifest beside others, and a kustomization that loads what was an entry point."""
    pod = (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {containers: [{name: a, image: example.com/new:1}]}\n"
    )
    files[posixpath.join(posixpath.dirname(found.files[0]), "new.yaml")] = pod
    for directory in some(sorted(found.mine), 1):
        files["new/kustomization.yaml"] = f"resources: [../{directory}]\n".encode()


CHANGES: Final[tuple[Callable[[Files, Survey], None], ...]] = (
    one_line,
    other_image,
    renamed,
    deleted,
    without_kustomization,
    components,
    generated,
    added,
)


def cases() -> Iterator[tuple[str, Callable[[Files, Survey], None]]]:
    for name in NAMES:
        for change in CHANGES:
            if name not in WHOLE or change.__name__ in QUIET:
                yield name, change


@pytest.mark.parametrize(("name", "change"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in cases()])
def test_what_gates_is_the_same(name: str, change: Callable[[Files, Survey], None]) -> None:
    base = read(name)
    head = dict(base)
    change(head, layout(name))
    narrow = gating(base, head, narrow=True)
    assert narrow.same(gating(base, head, narrow=False))
    assert name in WHOLE or not narrow.why
