"""Folders and memory as trees."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry, EntryKind, Unreadable
from tests.support.repositories import commit, new, write


def test_a_folder_lists_files_and_symlinks_in_order_and_enters_neither_git_nor_links(tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "1", "top/b/c": "22", "top/a": "1", "top/b-c": "1", "top/b/.git/config": "1"})
    top = tmp_path / "top"
    (top / "dir").symlink_to("../outside")
    (top / "file").symlink_to("../outside/secret")
    os.mkfifo(top / "pipe")
    tree = FolderTree(top)
    assert list(tree.entries()) == ["a", "b-c", "b/c", "dir", "file"]
    assert tree.entries()["b/c"] == Entry("b/c", EntryKind.FILE, 2)
    assert tree.read("dir") == b"../outside"
    for path in ("dir/secret", "../outside/secret", "pipe", "b"):
        with pytest.raises(KeyError):
            tree.read(path)


def test_a_folder_swapped_for_a_symlink_after_the_listing_is_not_left(tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "1", "top/dir/secret": "2"})
    tree = FolderTree(tmp_path / "top")
    tree.entries()
    (tmp_path / "top/dir/secret").unlink()
    (tmp_path / "top/dir").rmdir()
    (tmp_path / "top/dir").symlink_to("../outside")
    with pytest.raises(Unreadable):
        tree.read("dir/secret")


def test_limits_of_a_folder_hold(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"x" * 11, "b": b"x" * 10})
    tree = FolderTree(tmp_path, replace(DEFAULT, file_bytes=10))
    assert tree.read("b") == b"x" * 10
    with pytest.raises(Unreadable, match="a: 11 bytes"):
        tree.read("a")
    assert tree.content_id("a") not in {tree.content_id("b"), MemoryTree({"a": b"x" * 11}, "").content_id("a")}
    with pytest.raises(SourceError, match="more than 1 files"):
        FolderTree(tmp_path, replace(DEFAULT, files=1)).entries()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        FolderTree(tmp_path / "missing").entries()


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path) -> None:
    write(tmp_path, {"gone": "1"})
    tree = FolderTree(tmp_path)
    tree.entries()
    (tmp_path / "gone").unlink()
    with pytest.raises(Unreadable, match="gone: No such file"):
        tree.read("gone")


def test_memory_gives_back_what_it_was_given_in_order() -> None:
    tree = MemoryTree({"b": b"2", "a": b"1", "c": b"2"}, "standard input")
    assert tree.label == "standard input"
    assert tree.entries() == {"a": Entry("a", EntryKind.FILE, 1), "b": Entry("b", EntryKind.FILE, 1)} | {
        "c": Entry("c", EntryKind.FILE, 1)
    }
    assert list(tree.entries()) == ["a", "b", "c"]
    assert tree.content_id("b") == tree.content_id("c") != tree.content_id("a")
    with pytest.raises(KeyError):
        tree.read("d")


def test_a_folder_and_memory_agree_on_identities(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    commit(folder, {"a": "1"})
    assert FolderTree(folder).content_id("a") == MemoryTree({"x": b"1"}, "").content_id("x")
