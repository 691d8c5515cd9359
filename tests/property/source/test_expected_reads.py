"""Whatever is expected and whatever is read: the bytes are those of the path, and what cannot be read stays alone."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.source.commit import CommitTree
from auditor.source.git import open_repository
from auditor.source.tree import Unreadable, expect
from tests.support.repositories import commit, new

FILES = {f"f{n:03}": f"content {n % 90}\n".encode() * (n % 7 + 1) for n in range(200)}
LARGE = {"large-1": b"x" * 2000, "large-2": b"y" * 2000}
PATHS = sorted(FILES | LARGE)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommitTree]:
    folder = new(tmp_path_factory.mktemp("expected") / "r")
    name = commit(folder, FILES | LARGE)
    with open_repository(folder, replace(DEFAULT, file_bytes=1000)) as repository:
        yield repository.tree(name)


def read(tree: CommitTree, path: str) -> bytes | None:
    if path in LARGE:
        with pytest.raises(Unreadable, match=f"{path}: 2,000 bytes"):
            tree.read(path)
        return None
    return tree.read(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PATHS), max_size=150), st.lists(st.sampled_from(PATHS), max_size=40), st.booleans())
def test_any_expectation_and_any_order_of_reading(
    tree: CommitTree, expected: list[str], asked: list[str], in_order: bool
) -> None:
    expect(tree, expected)
    for path in (*asked, *(expected if in_order else sorted(expected))):
        assert read(tree, path) == FILES.get(path)


def test_everything_is_read_in_order(tree: CommitTree) -> None:
    expect(tree, PATHS)
    assert {path: read(tree, path) for path in PATHS} == {path: FILES.get(path) for path in PATHS}
