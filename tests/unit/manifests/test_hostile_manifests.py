"""One file per attack: what hides an image is found, what cannot be read is a gap, and the rest is still read."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.limits import Limits
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.inventory import inventory
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree

HOSTILE = Path(__file__).resolve().parents[3] / "fixtures" / "hostile" / "manifests"
LONG = "ghcr.io/acme/" + "a" * 200 + ":1"

EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "alias-bomb-empty.yaml": (["ghcr.io/acme/seen:1"], []),
    "alias-bomb.yaml": ([], ["unparsable-file"]),
    "alias-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "binary-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "binary-value.yaml": (["ghcr.io/acme/hidden:1"], []),
    "binary.yaml": (["x"], ["unparsable-file"]),
    "block-scalar.yaml": (["ghcr.io/acme/hidden:1"], []),
    "bom.yaml": (["ghcr.io/acme/hidden:1"], []),
    "braces.yaml": (["{{ .Values.image }}"], ["templated-reference"]),
    "broken-middle.yaml": (["ghcr.io/acme/after:1", "ghcr.io/acme/before:1"], ["unparsable-file"]),
    "chart": ([], ["unrendered"]),
    "complex-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "conflict-markers.yaml": (["ghcr.io/acme/ours:1", "ghcr.io/acme/theirs:1"], ["unparsable-file"]),
    "crd.yaml": ([], []),
    "crlf.yaml": (["ghcr.io/acme/hidden:1"], []),
    "cycle": (["ghcr.io/acme/seen:1"], ["unrendered"]),
    "deep-block.yaml": (["ghcr.io/acme/seen:1"], ["unparsable-file"]),
    "deep-flow.yaml": (["ghcr.io/acme/seen:1"], ["unparsable-file"]),
    "dollar.yaml": (["ghcr.io/acme/api:${TAG}"], ["templated-reference"]),
    "duplicate-anchors.yaml": (["ghcr.io/acme/first:1", "ghcr.io/acme/second:1"], []),
    "duplicate-keys.yaml": (["ghcr.io/acme/first:1", "ghcr.io/acme/second:1"], []),
    "encrypted.yaml": (["ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]"], ["templated-reference"]),
    "escaped-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "escaped-kind.yaml": (["ghcr.io/acme/hidden:1"], []),
    "escaped-unicode-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "false-crd.yaml": (["ghcr.io/acme/hidden:1"], []),
    "go-template.yaml": (["ghcr.io/acme/api:{{ .Values.tag }}"], ["templated-reference", "unparsable-file"]),
    "joined-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "lfs.yaml": ([], ["unparsable-file"]),
    "lone-cr.yaml": (["ghcr.io/acme/hidden:1"], []),
    "merge-bomb.yaml": ([], ["unparsable-file"]),
    "merge-key.yaml": (["ghcr.io/acme/hidden:1"], []),
    "nul.yaml": ([], ["unparsable-file"]),
    "outside": (["ghcr.io/acme/seen:1"], ["unrendered"]),
    "parentheses.yaml": (["$(params.image)"], ["templated-reference"]),
    "plugin": (["ghcr.io/acme/seen:1"], ["unrendered"]),
    "quoted-crd-kind.yaml": (["ghcr.io/acme/hidden:1"], []),
    "regex": ([LONG], ["override-without-effect"]),
    "remote": (["ghcr.io/acme/patched:1", "ghcr.io/acme/remote:2"], ["unrendered"]),
    "self": (["ghcr.io/acme/seen:1"], ["unrendered"]),
    "self-anchor.yaml": (["ghcr.io/acme/seen:1"], ["unparsable-file"]),
    "self-merge.yaml": (["ghcr.io/acme/seen:1"], ["unparsable-file"]),
    "separator-in-text.yaml": (["ghcr.io/acme/after:1", "ghcr.io/acme/inner:1"], []),
    "shared-by-kinds.yaml": (["acme/provider"], []),
    "slashes.json": (["ghcr.io/acme/hidden:1"], []),
    "status.yaml": (["ghcr.io/acme/now:1"], []),
    "surrogates.json": (["ghcr.io/acme/hidden:1"], []),
    "tabs.json": (["ghcr.io/acme/hidden:1"], []),
    "tag-directive.yaml": ([], ["unparsable-file"]),
    "text-extension": (["ghcr.io/acme/hidden:1"], []),
    "utf-16-be.yaml": (["ghcr.io/acme/hidden:1"], []),
    "utf-16-le.yaml": (["ghcr.io/acme/hidden:1"], []),
}


def tree_of(name: str) -> Tree:
    path = HOSTILE / name
    return FolderTree(path) if path.is_dir() else MemoryTree({name: path.read_bytes()}, name)


def test_every_attack_has_an_expectation() -> None:
    assert {path.name for path in HOSTILE.iterdir()} == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_found_and_what_is_missing(name: str) -> None:
    references, rules = EXPECTED[name]
    found = inventory(tree_of(name), ManifestSettings())
    assert sorted({use.reference for use in found.uses}) == references
    assert sorted({gap.rule or "" for gap in found.gaps}) == rules


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_prefilter_hides_nothing(name: str) -> None:
    """The contract of the prefilter, on every file that was made to get past it."""
    tree = tree_of(name)
    table = kinds.load({})
    for path in tree.entries():
        with_it = Reader(tree, table, Shared()).contents(path)
        without = Reader(tree, table, Shared(), filtered=False).contents(path)
        assert [found for item in with_it.objects for found in texts(item, table)] == [
            found for item in without.objects for found in texts(item, table)
        ]


def texts(item: object, table: kinds.Kinds) -> list[tuple[str, str, int]]:
    from auditor.manifests.extract.extract import extract
    from auditor.manifests.objects import Object

    assert isinstance(item, Object)
    return [(found.text, found.path, found.scalar.line) for found in extract(item, table)]


def test_a_file_over_the_limit_is_a_gap_and_the_rest_is_read() -> None:
    pod = (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: ghcr.io/acme/api:1}]}\n"
    )
    tree = MemoryTree({"big.yaml": pod + b"#" * 1000, "small.yaml": pod}, "tree")
    found = inventory(tree, ManifestSettings(), limits=Limits(file_bytes=500))
    assert [use.place.file for use in found.uses] == ["small.yaml"]
    assert [(gap.place.file, gap.rule) for gap in found.gaps] == [("big.yaml", "unparsable-file")]


def test_too_many_documents_are_a_gap() -> None:
    pods = b"".join(b"---\nkind: Pod\napiVersion: v1\nspec: {containers: [{image: 'a/b:%d'}]}\n" % i for i in range(9))
    found = inventory(MemoryTree({"many.yaml": pods}, "tree"), ManifestSettings(), limits=Limits(documents=5))
    assert len(found.uses) == 5
    assert [gap.why for gap in found.gaps] == ["not YAML: more than 5 documents"]


def test_an_empty_tree_deploys_nothing() -> None:
    found = inventory(MemoryTree({}, "tree"), ManifestSettings())
    assert (found.uses, found.gaps) == ((), ())


def test_symlinks_stay_in_the_tree(tmp_path: Path) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ghcr.io/acme/secret:1}]}\n")
    top = tmp_path / "top"
    (top / "real").mkdir(parents=True)
    (top / "real" / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ghcr.io/acme/in:1}]}\n"
    )
    (top / "real" / "kustomization.yaml").write_text("resources: [pod.yaml, escape.yaml]\n")
    (top / "real" / "escape.yaml").symlink_to("../../secret.yaml")
    (top / "absolute.yaml").symlink_to(outside)
    (top / "loop.yaml").symlink_to("loop.yaml")
    (top / "link").symlink_to("real")
    (top / "root").mkdir()
    (top / "root" / "kustomization.yaml").write_text("resources: [../link]\n")
    found = inventory(FolderTree(top), ManifestSettings())
    assert {(use.reference, use.place.file, use.root) for use in found.uses} == {
        ("ghcr.io/acme/in:1", "real/pod.yaml", "root"),
    }
    assert {gap.place.file for gap in found.gaps} == {
        "real/kustomization.yaml",
        "real/escape.yaml",
        "absolute.yaml",
        "loop.yaml",
    }
    assert all(gap.rule for gap in found.gaps)
