"""Which files differ between two trees."""

from pathlib import Path

from auditor.source.differ import differing
from auditor.source.git import open_repository
from auditor.source.memory import MemoryTree
from tests.support.repositories import commit, git, new, write


def test_added_removed_and_edited_files_differ_and_moved_ones_differ_twice() -> None:
    before = MemoryTree({"same": b"1", "edited": b"1", "gone": b"1", "old-name": b"2"}, "")
    after = MemoryTree({"same": b"1", "edited": b"2", "fresh": b"1", "new-name": b"2"}, "")
    assert differing(before, after) == {"edited", "gone", "fresh", "old-name", "new-name"}
    assert differing(before, before) == frozenset()


def test_a_file_that_becomes_a_symlink_to_the_same_text_differs(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    before = commit(folder, {"a": "b", "b": "1"})
    (folder / "a").unlink()
    (folder / "a").symlink_to("b")
    after = commit(folder)
    with open_repository(folder) as repository:
        one, two = repository.tree(before), repository.tree(after)
        assert one.content_id("a") == two.content_id("a")
        assert differing(one, two) == {"a"}


def test_a_working_tree_differs_from_its_commit_only_where_bytes_do(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    name = commit(folder, {"a": "1", "b": "1"})
    git(folder, "config", "core.autocrlf", "true")
    write(folder, {"b": "2", "c": "1"})
    with open_repository(folder) as repository:
        assert differing(repository.tree(name), repository.working_tree()) == {"b", "c"}
