"""The copy that renderers read: nothing in it leads out of it, and nothing hostile gets in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.render.sandbox import Failed
from auditor.manifests.render.stage import Stage
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry, EntryKind


class LinkedTree(MemoryTree):
    """Files and symlinks (`->` before the target) by whatever name."""

    def entries(self) -> Mapping[str, Entry]:
        return {
            path: replace(entry, kind=EntryKind.SYMLINK) if self._files[path].startswith(b"->") else entry
            for path, entry in super().entries().items()
        }

    def read(self, path: str) -> bytes:
        return super().read(path).removeprefix(b"->")


def staged(top: Path, files: dict[str, str], *paths: str, limits: Limits = DEFAULT) -> list[str]:
    tree = LinkedTree({path: text.encode() for path, text in files.items()}, "test")
    reader = Reader(tree, kinds.load({}), Shared(), limits)
    stage = Stage(reader, top / "tree")
    stage.add(paths or list(files))
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_symlink() or not path.is_dir())


def test_only_what_is_asked_for_is_written(tmp_path: Path) -> None:
    assert staged(tmp_path, {"a.yaml": "a", "b.yaml": "b"}, "a.yaml", "missing.yaml") == ["tree/a.yaml"]


@pytest.mark.parametrize(
    "name", ["../out.yaml", "a/../../out.yaml", "/etc/out", ".git/config", "a/.git/hooks/x", "./x", "a//b", "a\0b"]
)
def test_names_that_lead_out_are_left_out(tmp_path: Path, name: str) -> None:
    assert staged(tmp_path, {name: "x"}) == []
    assert not list(tmp_path.parent.glob("out.yaml"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "../../../../etc/passwd"])
def test_links_that_lead_out_are_left_out(tmp_path: Path, target: str) -> None:
    assert staged(tmp_path, {"link": f"->{target}"}) == []


def test_a_link_inside_brings_what_it_leads_to(tmp_path: Path) -> None:
    found = staged(tmp_path, {"d/link": "->../base", "base/x.yaml": "x", "base/y.yaml": "y", "z": "z"}, "d/link")
    assert found == ["tree/base/x.yaml", "tree/base/y.yaml", "tree/d/link"]
    assert (tmp_path / "tree/d/link/x.yaml").read_text() == "x"


def test_links_through_links_stay_inside(tmp_path: Path) -> None:
    """`d/e/x` leads through a link upwards: lexically it stays in the tree, and on a file system it would not."""
    files = {"d/e/a": "->../../top", "d/e/x": "->a/../../y", "top/f": "f", "d/y": "y"}
    assert staged(tmp_path, files) == ["tree/d/e/a", "tree/d/e/x", "tree/d/y", "tree/top/f"]
    for path in (tmp_path / "tree").rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(tmp_path / "tree")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A tree made by hand may hold a link and a file below its name."""
    found = staged(tmp_path, {"a": "->b", "a/evil.yaml": "x", "b/good.yaml": "y"})
    assert found == ["tree/a", "tree/b/good.yaml"]


def test_a_link_to_itself_ends(tmp_path: Path) -> None:
    staged(tmp_path, {"loop": "->loop", "here": "->.", "x": "x"})
    assert (tmp_path / "tree/x").read_text() == "x"


def test_bytes_are_bounded(tmp_path: Path) -> None:
    limits = replace(DEFAULT, staged_bytes=100)
    with pytest.raises(Failed, match="more than 100 bytes"):
        staged(tmp_path, {"a": "x" * 60, "b": "x" * 60}, limits=limits)


def test_what_could_not_be_written_is_missed_each_time(tmp_path: Path) -> None:
    """A second build that shares the file must not be made without it, or with half of it."""
    long = f"{'x' * 300}.yaml"
    tree = LinkedTree({"base.yaml": b"a: 1", long: b"b", "link": f"->{long}".encode()}, "test")
    late: list[str] = []
    stage = Stage(Reader(tree, kinds.load({}), Shared(), DEFAULT), tmp_path / "tree", late)
    for path in (long, long, "link", "link"):
        with pytest.raises(Failed, match="cannot be copied for the program that renders: File name too long"):
            stage.add([path])
    stage.add(["base.yaml"])
    for _ in range(2):
        with pytest.raises(Failed, match="File name too long"):
            stage.copy("base.yaml", f"charts/{long}")
    assert late, "another run is to try it again"


def test_a_copy_that_cannot_be_put_right_again_is_used_no_more(tmp_path: Path) -> None:
    tree = LinkedTree({"base.yaml": b"a: 1"}, "test")
    stage = Stage(Reader(tree, kinds.load({}), Shared(), DEFAULT), tmp_path / "tree")
    stage.add(["base.yaml"])
    with stage.swapped({"base.yaml": b"a: 2"}):
        (tmp_path / "tree" / "base.yaml").unlink()
        (tmp_path / "tree" / "base.yaml").mkdir()
    with pytest.raises(Failed, match="Is a directory"), stage.swapped({}):
        pass
    with pytest.raises(Failed, match="Is a directory"):
        stage.add(["base.yaml"])
