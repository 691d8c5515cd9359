"""A repository may hold pipes where git expects files: git waits for somebody who writes, and we do not wait for git."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source.change import open_change
from auditor.source.git import open_repository
from auditor.source.peek import head_commit
from auditor.source.silence import Silence
from auditor.source.tree import Unreadable, sweep
from tests.support import repositories

SHORT = replace(DEFAULT, git_seconds=2.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = repositories.new(tmp_path / "apps")
    repositories.commit(made, {f"{name}.yaml": f"{name}: 1\n" for name in "abcd"})
    return made


def pipe(place: Path) -> None:
    place.unlink(missing_ok=True)
    os.mkfifo(place)


def objects(folder: Path, *revs: str) -> Iterator[Path]:
    for name in (repositories.git(folder, "rev-parse", rev) for rev in revs):
        yield folder / ".git" / "objects" / name[:2] / name[2:]


@pytest.mark.parametrize("place", ["HEAD", "config", "refs/heads/main", "packed-refs"])
def test_a_repository_that_cannot_be_opened_is_told_in_time(folder: Path, place: str) -> None:
    repositories.git(folder, "pack-refs", "--all", "--no-prune" if place != "packed-refs" else "--prune")
    pipe(folder / ".git" / place)
    begun = time.monotonic()
    with pytest.raises(SourceError, match="git was waited for in vain") as caught:
        open_change(folder, None, "HEAD", SHORT).close()
    assert caught.value.help
    assert time.monotonic() - begun < 45


def test_files_that_cannot_be_read_are_waited_for_together_and_the_others_are_read(folder: Path) -> None:
    for place in objects(folder, "HEAD:a.yaml", "HEAD:b.yaml", "HEAD:c.yaml"):
        pipe(place)
    begun = time.monotonic()
    with open_repository(folder, SHORT) as repository:
        tree = repository.tree(repositories.git(folder, "rev-parse", "HEAD"))
        assert tree.read("d.yaml") == b"d: 1\n"
        before = repository.lost
        for path in ("a.yaml", "b.yaml", "c.yaml"):
            with pytest.raises(Unreadable):
                tree.read(path)
        assert (before, repository.lost) == (False, True), "another time it may be there"
    assert time.monotonic() - begun < 30


def test_a_sweep_over_pipes_waits_a_few_times_and_not_for_each(folder: Path) -> None:
    contents = {f"f{number:03}": f"content {number}\n" for number in range(60)}
    repositories.commit(folder, contents)
    for place in objects(folder, *(f"HEAD:f{number:03}" for number in range(20, 40))):
        pipe(place)
    begun = time.monotonic()
    with open_repository(folder, SHORT) as repository:
        tree = repository.tree(repositories.git(folder, "rev-parse", "HEAD"))
        found = {content.decode() for _, content in sweep(tree, contents)}
        assert repository.lost
    assert {contents[f"f{number:03}"] for number in range(20)} <= found
    assert not {contents[f"f{number:03}"] for number in range(20, 40)} & found
    assert time.monotonic() - begun < 36, "each in its turn, they would take forty"


def test_a_file_that_is_too_large_is_so_every_time(folder: Path) -> None:
    with open_repository(folder, replace(DEFAULT, file_bytes=3)) as repository:
        with pytest.raises(Unreadable, match="more than the 3 that are read"):
            repository.tree(repositories.git(folder, "rev-parse", "HEAD")).read("a.yaml")
        assert not repository.lost


@pytest.mark.parametrize("place", ["HEAD", "refs/heads/main"])
def test_what_is_peeked_at_is_not_waited_for(folder: Path, place: str) -> None:
    assert head_commit(folder) is not None
    pipe(folder / ".git" / place)
    assert head_commit(folder) is None


def test_each_wait_has_its_own_end() -> None:
    silence, ended, quick = Silence(), threading.Event(), threading.Event()
    with silence.bounded(60, quick.set), silence.bounded(0.2, ended.set):
        assert ended.wait(60)
    with silence.bounded(1.0, quick.set):
        pass
    time.sleep(1.8)
    assert not quick.is_set(), "what was done in time is left alone"
