"""A text in which nobody sees a manifest, and of which git makes one when it checks it out, is told."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.change import open_change
from auditor.source.memory import MemoryTree
from tests.support.changes import gating

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: 'evil.example/x:1'}]}\n"
HIDDEN = POD.ljust(len(POD) + len(POD) % 2, "\n").encode().decode("utf-16-le").encode()
"""What git keeps of the pod: each two of its bytes as one character."""
LINE = "*.yaml working-tree-encoding=UTF-16LE\n"


def told(files: Mapping[str, str | bytes]) -> set[str]:
    content = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return {gap.place.file for gap in inventory(MemoryTree(content, "tree"), ManifestSettings()).gaps}


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        "evil.yaml working-tree-encoding=UTF-16LE",
        "/apps/*.yaml -text working-tree-encoding=IBM037",
        "apps/** diff working-tree-encoding=UTF-16LE-BOM",
        "* working-tree-encoding=utf-7\r\n",
        '"apps/\\145vil.yaml" working-tree-encoding=UTF-16LE',
        "[attr]wide working-tree-encoding=UTF-16LE\n*.yaml wide\n",
        "*.yaml working-tree-encoding=UTF-8\n*.yaml working-tree-encoding=UTF-16LE\n",
    ],
)
def test_a_manifest_in_another_encoding_is_a_gap(line: str) -> None:
    assert told({"apps/evil.yaml": HIDDEN, ".gitattributes": line}) == {"apps/evil.yaml"}


def test_attributes_of_a_directory() -> None:
    assert told({"apps/evil.yaml": HIDDEN, "apps/.gitattributes": LINE}) == {"apps/evil.yaml"}
    assert told({"apps/evil.yaml": HIDDEN, "more/.gitattributes": LINE}) == set()


@pytest.mark.parametrize(
    "line",
    [
        "*.yaml text eol=lf\n",
        "*.ps1 working-tree-encoding=UTF-16LE\n",
        "*.yaml working-tree-encoding=UTF-8\n",
        "*.yaml -working-tree-encoding\n",
        "# *.yaml working-tree-encoding=UTF-16LE\n",
        "more/*.yaml working-tree-encoding=UTF-16LE\n",
    ],
)
def test_what_changes_no_manifest_is_none(line: str) -> None:
    assert told({"apps/web.yaml": POD, "x.ps1": "", ".gitattributes": line}) == set()


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("attributes", [b"", LINE.encode()], ids=["attributes come", "attributes are there"])
def test_a_change_that_brings_one_gates(attributes: bytes, *, narrow: bool) -> None:
    base = {"apps/web.yaml": POD.encode(), ".gitattributes": attributes}
    if not attributes:
        base["apps/evil.yaml"] = HIDDEN
    head = {**base, "apps/evil.yaml": HIDDEN, ".gitattributes": LINE.encode()}
    found = gating(base, head, narrow=narrow).findings
    assert ("unparsable-file", "apps/evil.yaml") in {(each.rule, each.place.file) for each in found if each.place}


def test_git_writes_the_manifest(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")

    def run(*command: str, given: bytes = b"") -> bytes:
        who = ("-c", "user.name=acme", "-c", "user.email=ci@acme.example")
        done = subprocess.run([git or "", *who, *command], cwd=tmp_path, input=given, capture_output=True, check=True)
        return done.stdout

    run("init", "--quiet")
    name = run("hash-object", "-w", "--stdin", "--no-filters", given=HIDDEN).decode().strip()
    (tmp_path / ".gitattributes").write_text(LINE, "utf-8")
    run("add", ".gitattributes")
    run("update-index", "--add", "--cacheinfo", f"100644,{name},evil.yaml")
    run("commit", "--quiet", "--message=one")
    run("checkout", "--quiet", "--", "evil.yaml")
    assert (tmp_path / "evil.yaml").read_bytes().decode().strip() == POD.strip()
    with open_change(tmp_path, None, "HEAD") as change:
        assert {gap.place.file for gap in inventory(change.head, ManifestSettings()).gaps} == {"evil.yaml"}


@pytest.mark.parametrize(
    "version", ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"]
)
def test_a_pointer_of_git_lfs_by_any_of_its_names_is_a_gap(version: str) -> None:
    assert told({"evil.yaml": f"version {version}\noid sha256:{'a' * 64}\nsize 100\n"}) == {"evil.yaml"}
