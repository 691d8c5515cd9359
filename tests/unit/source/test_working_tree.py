"""The working tree: what is on disk now."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source.git import open_repository
from auditor.source.tree import EntryKind, Unreadable
from tests.support.repositories import commit, git, new, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new(tmp_path / "r")


def test_tracked_and_untracked_files_without_the_ignored_and_the_deleted(folder: Path) -> None:
    commit(folder, {"kept": "1", "edited": "1", "gone": "1", ".gitignore": "*.log\nbuild/\n"})
    (folder / "gone").unlink()
    write(folder, {"edited": "2", "fresh": "1", "x.log": "1", "build/y": "1", "sub/deep/z": "1"})
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        assert list(tree.entries()) == [".gitignore", "edited", "fresh", "kept", "sub/deep/z"]
        assert tree.read("edited") == b"2"


def test_a_tracked_file_that_is_ignored_still_counts(folder: Path) -> None:
    commit(folder, {"a.log": "1"})
    write(folder, {".gitignore": "*.log\n"})
    with open_repository(folder) as repository:
        assert "a.log" in repository.working_tree().entries()


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
def test_what_equals_the_commit_shares_its_identity_and_what_differs_does_not(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder = new(tmp_path / "formats", *options)
    name = commit(folder, {"same": "1", "edited": "1"})
    state = (folder / "edited").stat()
    write(folder, {"edited": "2"})
    os.utime(folder / "edited", ns=(state.st_atime_ns, state.st_mtime_ns))  # size and time stamp tell nothing
    with open_repository(folder) as repository:
        commit_tree, tree = repository.tree(name), repository.working_tree()
        assert tree.content_id("same") == commit_tree.content_id("same")
        assert tree.content_id("edited") != commit_tree.content_id("edited")


def test_a_file_marked_as_unchanged_in_the_index_is_read_from_disk(folder: Path) -> None:
    commit(folder, {"a": "1"})
    git(folder, "update-index", "--assume-unchanged", "a")
    write(folder, {"a": "2"})
    with open_repository(folder) as repository:
        assert repository.working_tree().read("a") == b"2"


def test_what_a_sparse_checkout_leaves_out_is_read_from_the_objects(folder: Path) -> None:
    name = commit(folder, {"in/a": "1", "out/b": "2"})
    git(folder, "sparse-checkout", "set", "in")
    assert not (folder / "out").exists()
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        assert list(tree.entries()) == ["in/a", "out/b"]
        assert tree.read("out/b") == b"2"
        assert tree.content_id("out/b") == repository.tree(name).content_id("out/b")


def test_files_of_an_unfinished_merge_are_listed_once(folder: Path) -> None:
    commit(folder, {"a": "base"})
    git(folder, "checkout", "--quiet", "-b", "side")
    commit(folder, {"a": "side"})
    git(folder, "checkout", "--quiet", "main")
    commit(folder, {"a": "main"})
    git(folder, "-c", "alias.try=!git merge --quiet side >/dev/null || true", "try")
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        assert list(tree.entries()) == ["a"]
        assert b"<<<<<<<" in tree.read("a")


def test_symlinks_are_not_followed(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "secret"})
    commit(folder, {"a": "1", "dir/b": "1"})
    (folder / "link").symlink_to("../outside/secret")
    (folder / "dir/b").unlink()
    (folder / "dir").rmdir()
    (folder / "dir").symlink_to("../outside")
    write(tmp_path, {"outside/b": "secret"})
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        kinds = {path: entry.kind for path, entry in tree.entries().items()}
        assert kinds == {"a": EntryKind.FILE, "dir": EntryKind.SYMLINK, "link": EntryKind.SYMLINK}
        assert tree.read("link") == b"../outside/secret"


def test_a_folder_that_becomes_a_symlink_after_the_listing_is_not_left(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/a": "secret"})
    commit(folder, {"dir/a": "1", "b": "1"})
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        assert "b" in tree.entries()
        (folder / "b").unlink()
        (folder / "b").symlink_to("../outside/a")
        with pytest.raises(Unreadable):
            tree.read("b")


def test_what_is_no_regular_file_is_neither_listed_nor_waited_for(folder: Path) -> None:
    commit(folder, {"pipe.yaml": "1", "a": "1"})
    with open_repository(folder) as repository:
        listed = repository.working_tree()
        assert "pipe.yaml" in listed.entries()
        (folder / "pipe.yaml").unlink()
        os.mkfifo(folder / "pipe.yaml")
        with pytest.raises(Unreadable, match="not a regular file"):
            listed.read("pipe.yaml")
        assert "pipe.yaml" not in repository.working_tree().entries()


def test_submodules_and_repositories_inside_are_listed_and_not_entered(folder: Path, tmp_path: Path) -> None:
    inner = new(tmp_path / "inner")
    commit(inner, {"x": "1"})
    git(folder, "submodule", "--quiet", "add", str(inner), "module")
    commit(folder, {"a": "1"})
    commit(new(folder / "nested"), {"y": "1"})
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        kinds = {path: entry.kind for path, entry in tree.entries().items()}
        assert kinds.pop(".gitmodules") is EntryKind.FILE
        assert kinds == {"a": EntryKind.FILE, "module": EntryKind.SUBMODULE, "nested": EntryKind.SUBMODULE}
        with pytest.raises(Unreadable):
            tree.read("nested")
        assert tree.content_id("module") == git(inner, "rev-parse", "HEAD")


def test_a_repository_without_commits_has_its_untracked_files(folder: Path) -> None:
    write(folder, {"a": "1"})
    with open_repository(folder) as repository:
        assert list(repository.working_tree().entries()) == ["a"]


def test_limits_hold(folder: Path) -> None:
    commit(folder, {"large": b"x" * 11, "small": b"x" * 10})
    with open_repository(folder, replace(DEFAULT, file_bytes=10)) as repository:
        tree = repository.working_tree()
        assert tree.read("small") == b"x" * 10
        with pytest.raises(Unreadable, match="large: 11 bytes"):
            tree.read("large")
        assert tree.content_id("large") != tree.content_id("small")
    with (
        open_repository(folder, replace(DEFAULT, files=1)) as repository,
        pytest.raises(SourceError, match="more than"),
    ):
        repository.working_tree().entries()


def test_a_damaged_index_is_an_error_with_help(folder: Path) -> None:
    commit(folder, {"a": "1"})
    (folder / ".git/index").write_bytes(b"garbage")
    with open_repository(folder) as repository, pytest.raises(SourceError, match="index") as caught:
        repository.working_tree().entries()
    assert caught.value.help


def test_a_file_that_git_stores_in_another_encoding_is_not_read_from_the_disk(folder: Path) -> None:
    """Whoever reads blobs deploys the stored UTF-8; a checkout shows letters that no parser knows, so nothing would be found."""
    files: dict[str, bytes | str] = {"hidden.yaml": "kind: Pod\n".encode("cp037"), "plain.yaml": "1", "sub/x.yaml": "2"}
    name = commit(folder, {".gitattributes": "hidden.yaml working-tree-encoding=IBM037\n", **files})
    with open_repository(folder) as repository:
        tree, stored = repository.working_tree(), repository.tree(name)
        assert stored.read("hidden.yaml") == b"kind: Pod\n"
        with pytest.raises(Unreadable, match="working-tree-encoding"):
            tree.read("hidden.yaml")
        assert tree.content_id("hidden.yaml") != stored.content_id("hidden.yaml")
        assert (tree.read("plain.yaml"), tree.read("sub/x.yaml")) == (b"1", b"2")


def test_attributes_that_are_themselves_recoded_are_read_as_git_reads_them(tmp_path: Path, folder: Path) -> None:
    lines = "hidden.yaml working-tree-encoding=IBM037\n.gitattributes working-tree-encoding=IBM037\n"
    write(folder, {"hidden.yaml": "kind: Pod\n".encode("cp037"), ".gitattributes": lines})
    git(folder, "add", "hidden.yaml")
    stored = git(folder, "hash-object", "-w", "--no-filters", ".gitattributes")
    git(folder, "update-index", "--add", "--cacheinfo", f"100644,{stored},.gitattributes")
    git(folder, "commit", "--quiet", "--message", "hide")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(folder), str(clone))
    assert b"encoding" not in (clone / ".gitattributes").read_bytes()
    with open_repository(clone) as repository, pytest.raises(Unreadable, match="working-tree-encoding"):
        repository.working_tree().read("hidden.yaml")


def test_many_files_are_asked_about_in_batches(folder: Path) -> None:
    names = [f"{'deep/' * 20}{number:04}.yaml" for number in range(1500)]
    commit(folder, {".gitattributes": "*0.yaml working-tree-encoding=UTF-16\n", **dict.fromkeys(names, "")})
    with open_repository(folder) as repository:
        tree = repository.working_tree()
        refused = []
        for name in names:
            try:
                tree.read(name)
            except Unreadable:
                refused.append(name)
    assert refused == [name for name in names if name.endswith("0.yaml")]
