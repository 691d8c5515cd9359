"""Symlinks are followed inside the tree, and only there."""

from pathlib import Path

import pytest

from auditor.source.folder import FolderTree
from auditor.source.links import read_file, resolve
from auditor.source.tree import Tree, Unreadable
from tests.support.repositories import write

LINKS = {
    "to-file": "dir/file",
    "to-dir": "dir",
    "dir/up": "../top-file",
    "chain": "to-dir/up",
    "self": "self",
    "ping": "pong",
    "pong": "ping",
    "out": "../outside",
    "sneaky": "dir/../../outside",
    "absolute": "/etc/passwd",
    "broken": "nothing",
    "dir/out": "../to-dir/../../outside",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    write(tmp_path, {"outside": "secret", "top/dir/file": "1", "top/dir/deep/er": "2", "top/top-file": "3"})
    for name, target in LINKS.items():
        (tmp_path / "top" / name).symlink_to(target)
    return FolderTree(tmp_path / "top")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("dir/file", "dir/file"),
        ("./dir//file", "dir/file"),
        ("dir/../top-file", "top-file"),
        ("", ""),
        (".", ""),
        ("dir", "dir"),
        ("to-dir", "dir"),
        ("to-dir/deep", "dir/deep"),
        ("to-file", "dir/file"),
        ("to-dir/file", "dir/file"),
        ("dir/up", "top-file"),
        ("chain", "top-file"),
        ("to-dir/../top-file", "top-file"),
        ("broken", None),
        ("nothing", None),
        ("dir/file/below", None),
    ],
)
def test_paths_lead_where_the_file_system_would(tree: Tree, path: str, found: str | None) -> None:
    assert resolve(tree, path) == found


@pytest.mark.parametrize(
    "path",
    [
        "self",
        "ping",
        "out",
        "sneaky",
        "absolute",
        "dir/out",
        "../outside",
        "dir/../../outside",
        "/etc/passwd",
        "..",
        "out/x",
    ],
)
def test_paths_out_of_the_tree_and_round_in_circles_are_refused(tree: Tree, path: str) -> None:
    with pytest.raises(Unreadable):
        resolve(tree, path)
    with pytest.raises(Unreadable):
        read_file(tree, path)


def test_files_are_read_and_folders_are_none(tree: Tree) -> None:
    assert read_file(tree, "chain") == b"3"
    assert read_file(tree, "to-dir") is None
    assert read_file(tree, "broken") is None
