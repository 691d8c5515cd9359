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


ODD = {
    "a byte order mark": ({".gitattributes": f"\ufeff{LINE}"}, "evil.yaml"),
    "a name with what Unicode takes for the end of a line": ({".gitattributes": f"e\x85vil{LINE}"}, "e\x85vil.yaml"),
    "a name with a form feed": ({".gitattributes": f"e\x0cvil{LINE}"}, "e\x0cvil.yaml"),
    "a name with a space that does not break": ({".gitattributes": f"e\xa0vil{LINE}"}, "e\xa0vil.yaml"),
    "a macro of the top": (
        {".gitattributes": "[attr]wide working-tree-encoding=UTF-16LE\n", "apps/.gitattributes": "*.yaml wide\n"},
        "apps/evil.yaml",
    ),
    "a macro that names one that comes later": (
        {".gitattributes": "[attr]wider wide\n[attr]wide working-tree-encoding=UTF-16LE\n*.yaml wider\n"},
        "evil.yaml",
    ),
    "tabs and a carriage return": (
        {".gitattributes": "\t*.yaml\t-text\tworking-tree-encoding=UTF-16LE\r\n"},
        "evil.yaml",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_lines_are_read_as_git_reads_them(tmp_path: Path, name: str) -> None:
    files, path = ODD[name]
    assert told({path: HIDDEN, **files}) == {path}
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    subprocess.run([git, "init", "--quiet", str(tmp_path)], check=True)
    for file, text in {path: "", **files}.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(text.encode())
    asked = [git, "-C", str(tmp_path), "check-attr", "-z", "working-tree-encoding", "--", path]
    said = subprocess.run(asked, capture_output=True, check=True).stdout.split(b"\0")
    assert said[2] == b"UTF-16LE", "git would write it in another encoding"


@pytest.mark.parametrize(
    "version", ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"]
)
def test_a_pointer_of_git_lfs_by_any_of_its_names_is_a_gap(version: str) -> None:
    assert told({"evil.yaml": f"version {version}\noid sha256:{'a' * 64}\nsize 100\n"}) == {"evil.yaml"}
