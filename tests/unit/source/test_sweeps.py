"""Many files read in one go: each content once, and what cannot be read takes nothing else with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.source.commands import Commands
from auditor.source.commit import CommitTree
from auditor.source.folder import FolderTree
from auditor.source.git import open_repository
from auditor.source.sweep import swept
from auditor.source.tree import sweep
from tests.support.repositories import commit, git, new

SMALL = {f"f{number:03}": f"content {number}\n".encode() * (number % 9) for number in range(200)}
LARGE = {"f050-large": b"x" * 2000, "f120-large": b"y" * 2000}
LIMITS = replace(DEFAULT, file_bytes=1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = new(tmp_path / "r")
    commit(folder, SMALL | LARGE)
    return folder


@pytest.fixture
def tree(folder: Path) -> Iterator[CommitTree]:
    with open_repository(folder, LIMITS) as repository:
        yield repository.tree(repository.commit("HEAD"))


def by_content(found: Iterator[tuple[str, bytes]]) -> dict[bytes, str]:
    pairs = list(found)
    contents = {content: path for path, content in pairs}
    assert len(contents) == len(pairs), "each content comes once"
    return contents


def test_each_content_comes_once_without_what_is_too_large(tree: CommitTree) -> None:
    found = by_content(sweep(tree, SMALL | LARGE))
    assert set(found) == set(SMALL.values())
    assert all(SMALL[path] == content for content, path in found.items())


def test_a_few_and_what_is_kept_already(tree: CommitTree) -> None:
    tree.read("f001")
    assert by_content(sweep(tree, ["f001", "f002", "f050-large"])) == {SMALL["f001"]: "f001", SMALL["f002"]: "f002"}
    assert tree.read("f002") == SMALL["f002"]


def test_nothing_is_swept(tree: CommitTree) -> None:
    assert list(sweep(tree, [])) == []


def test_a_sweep_that_is_given_up_leaves_the_tree_as_it_was(tree: CommitTree) -> None:
    found = iter(sweep(tree, SMALL))
    next(found)
    assert tree.read("f199") == SMALL["f199"]
    del found
    assert set(by_content(sweep(tree, SMALL))) == set(SMALL.values())


def test_a_blob_that_is_gone_takes_no_other_with_it(folder: Path) -> None:
    name = git(folder, "rev-parse", "HEAD:f101")
    gone = folder / ".git" / "objects" / name[:2] / name[2:]
    gone.unlink()
    with open_repository(folder, LIMITS) as repository:
        found = by_content(sweep(repository.tree(repository.commit("HEAD")), SMALL))
    assert set(found) == set(SMALL.values()) - {SMALL["f101"]}


def test_a_damaged_blob_takes_no_other_with_it(folder: Path) -> None:
    """The command ends there: what comes after it is asked for anew."""
    name = git(folder, "rev-parse", "HEAD:f101")
    damaged = folder / ".git" / "objects" / name[:2] / name[2:]
    damaged.chmod(0o644)
    damaged.write_bytes(b"no zlib stream")
    with open_repository(folder, LIMITS) as repository:
        found = by_content(sweep(repository.tree(repository.commit("HEAD")), SMALL))
    assert set(found) == set(SMALL.values()) - {SMALL["f101"]}


def test_answers_are_in_order_and_none_is_plain_for_other_objects(folder: Path) -> None:
    """A commit is no blob, a name that no object has is none either."""
    blobs = [git(folder, "rev-parse", f"HEAD:f{number:03}") for number in (1, 2)]
    names = [blobs[0], git(folder, "rev-parse", "HEAD"), "0" * 40, blobs[1]]
    found = list(swept(Commands(folder), names, 1000))
    assert found == [(blobs[0], SMALL["f001"]), (names[1], None), (names[2], None), (blobs[1], SMALL["f002"])]


def test_a_tree_that_cannot_sweep_is_read_file_by_file(folder: Path) -> None:
    found = dict(sweep(FolderTree(folder, LIMITS), SMALL | LARGE))
    assert found == SMALL
