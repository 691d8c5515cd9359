"""For any files: every kind of tree gives back exactly them, and identities are git's own."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.source.folder import FolderTree
from auditor.source.git import open_repository
from auditor.source.identity import blob_id
from auditor.source.links import resolve
from auditor.source.memory import MemoryTree
from auditor.source.tree import Unreadable
from tests.support.repositories import commit, git, new, write

NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."} and not name.lower().startswith(".git") and len(name.encode()) < 60
)
FILES = st.dictionaries(NAME, st.binary(max_size=200), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(FILES, st.sampled_from(["sha1", "sha256"]))
def test_commits_working_trees_folders_and_memory_agree(files: dict[str, bytes], algorithm: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = new(Path(temporary) / "r", f"--object-format={algorithm}")
        write(folder, files)
        name = commit(folder)
        with open_repository(folder) as repository:
            committed, working = repository.tree(name), repository.working_tree()
            for tree in (committed, working, FolderTree(folder), MemoryTree(files, "")):
                assert list(tree.entries()) == sorted(files)
                assert {path: tree.read(path) for path in files} == files
            for path in files:
                assert committed.content_id(path) == working.content_id(path)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_identities_are_those_of_git(content: bytes) -> None:
    framed = b"blob " + str(len(content)).encode() + b"\0" + content
    assert blob_id(content, "sha1") == hashlib.sha1(framed).hexdigest()  # noqa: S324 - git's name of a blob
    assert blob_id(content) == hashlib.sha256(framed).hexdigest()


def test_identities_are_those_of_the_git_program(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"some\r\nbytes\0")
    assert git(tmp_path, "hash-object", "--no-filters", "f") == blob_id(b"some\r\nbytes\0", "sha1")


PART = st.sampled_from(["a", "b", "link", "..", ".", ""])


@settings(max_examples=300, deadline=None)
@given(st.lists(PART, max_size=8), st.lists(PART, max_size=5))
def test_following_links_agrees_with_the_operating_system_or_refuses(path: list[str], target: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        top = (Path(temporary) / "top").resolve()
        write(top, {"a/b": "1", "b": "2"})
        (top / "a" / "link").symlink_to("/".join(target) or ".")
        asked = "/".join(path)
        try:
            found = resolve(FolderTree(top), asked.lstrip("/"))
        except Unreadable:
            return
        real = (top / asked.lstrip("/")).resolve()
        assert real.is_relative_to(top)
        if found is not None:
            assert real == top / found
