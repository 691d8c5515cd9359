"""Where readers of one file see different things in it, and what injectors read, all of it is found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Shared, inventory
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry, EntryKind

_POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: web, image: evil.example/x:1}\n"
)
_INDENTED = _POD.replace("\n", "\n  ")
_CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: foos.acme.example}\n"


def images(content: str) -> set[str]:
    tree = MemoryTree({"x.yaml": content.encode()}, "memory")
    return {use.reference for use in inventory(tree, ManifestSettings()).uses}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{_POD}---#x: 1\n{_CRD}spec: {{}}\n", id="separator with a comment glued to it"),
        pytest.param(f"{_CRD}items:\n- {_INDENTED}", id="objects under items of a CRD"),
        pytest.param(
            f"apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: a}}\nitems:\n- {_INDENTED}",
            id="objects under items of a policy",
        ),
        pytest.param(f"{_POD}kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n", id="kind twice"),
    ],
)
def test_an_image_is_found_whichever_reader_is_right(content: str) -> None:
    assert "evil.example/x:1" in images(content)


def test_a_merge_below_a_key_may_override_it() -> None:
    content = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        "  - {name: web, image: ghcr.io/acme/web:1, <<: {image: evil.example/x:1}}\n"
    )
    assert images(content) == {"ghcr.io/acme/web:1", "evil.example/x:1"}


def test_a_merge_above_a_key_never_overrides_it() -> None:
    content = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        "  - {<<: {image: base.example/x:1}, name: web, image: ghcr.io/acme/web:1}\n"
    )
    assert images(content) == {"ghcr.io/acme/web:1"}


class LinkedTree(MemoryTree):
    """A tree in memory, some of whose files are symlinks with the content as target."""

    def __init__(self, files: Mapping[str, bytes], links: frozenset[str]) -> None:
        super().__init__(files, "memory")
        self._links = links

    def entries(self) -> Mapping[str, Entry]:
        kinds = {True: EntryKind.SYMLINK, False: EntryKind.FILE}
        return {path: Entry(path, kinds[path in self._links]) for path in super().entries()}


def test_a_file_that_becomes_a_symlink_with_the_same_bytes_is_read_again() -> None:
    files = {
        "kustomization.yaml": b"resources: [pod.yaml]\n",
        "pod.yaml": b"evil.txt",
        "evil.txt": _POD.encode(),
    }
    shared = Shared()
    before = inventory(LinkedTree(files, frozenset()), ManifestSettings(), shared)
    after = inventory(LinkedTree(files, frozenset({"pod.yaml"})), ManifestSettings(), shared, before=before)
    assert {use.reference for use in before.uses} == set()
    assert {use.reference for use in after.uses} == {"evil.example/x:1"}


def test_a_kustomization_that_is_an_lfs_pointer_is_a_gap() -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 1000\n"
    tree = MemoryTree({"apps/kustomization.yaml": pointer.encode()}, "memory")
    assert [gap.rule for gap in inventory(tree, ManifestSettings()).gaps] == ["unparsable-file"]


@pytest.mark.parametrize(
    "annotation",
    [
        "config.linkerd.io/proxy-image",
        "vault.hashicorp.com/agent-image",
        "dapr.io/sidecar-image",
        "sidecar.istio.io/proxyImage",
    ],
)
def test_an_annotation_that_chooses_an_injected_image_is_a_use(annotation: str) -> None:
    content = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    metadata:\n"
        f"      annotations: {{{annotation}: 'evil.example/proxy:1', example.org/note: 'evil.example/note:1'}}\n"
        "    spec: {containers: [{name: web, image: 'ghcr.io/acme/web:1'}]}\n"
    )
    assert images(content) == {"evil.example/proxy:1", "ghcr.io/acme/web:1"}


@pytest.mark.parametrize(
    "naming",
    [
        "commonAnnotations: {x: apps/evil/pod.yaml}",
        "crds: [apps/evil/pod.yaml]",
        "patches: [{target: {name: apps/evil/pod.yaml}}]",
    ],
)
def test_a_file_that_a_kustomization_only_mentions_stays_loose(naming: str) -> None:
    files = {"kustomization.yaml": f"resources: []\n{naming}\n".encode(), "apps/evil/pod.yaml": _POD.encode()}
    found = inventory(MemoryTree(files, "memory"), ManifestSettings())
    assert {use.reference for use in found.uses} == {"evil.example/x:1"}
