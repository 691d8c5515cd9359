"""Files are written whole or not at all, and never over what somebody wrote meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.edit.write import Rewrite, write_all
from auditor.errors import UsageError


def state(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.yaml").write_bytes(b"a\n")
    (folder / "sub/b.yaml").write_bytes(b"b\n")
    return folder


def test_all_are_written_and_nothing_else_is_left(top: Path) -> None:
    (top / "a.yaml").chmod(0o600)
    write_all(
        top, {"a.yaml": Rewrite(b"a\n", b"A\n"), "sub/b.yaml": Rewrite(b"b\n", b"B\n"), "new": Rewrite(None, b"n")}
    )
    assert state(top) == {"a.yaml": b"A\n", "sub/b.yaml": b"B\n", "new": b"n"}
    assert (top / "a.yaml").stat().st_mode & 0o777 == 0o600
    assert (top / "new").stat().st_mode & 0o777 == 0o644


def changed(top: Path) -> None:
    (top / "sub/b.yaml").write_bytes(b"mine\n")


def gone(top: Path) -> None:
    (top / "sub/b.yaml").unlink()


def linked(top: Path) -> None:
    (top / "sub/b.yaml").rename(top / "c.yaml")
    (top / "sub/b.yaml").symlink_to("../c.yaml")


def linked_folder(top: Path) -> None:
    outside = top.parent / "outside"
    (top / "sub").rename(outside)
    (top / "sub").symlink_to(outside)


def fifo(top: Path) -> None:
    (top / "sub/b.yaml").unlink()
    os.mkfifo(top / "sub/b.yaml")


def read_only(top: Path) -> None:
    (top / "sub/b.yaml").chmod(0o444)


@pytest.mark.parametrize("attack", [changed, gone, linked, linked_folder, fifo, read_only])
def test_one_that_may_not_be_written_keeps_all_from_being_written(top: Path, attack: Callable[[Path], None]) -> None:
    attack(top)
    before = state(top)
    with pytest.raises(UsageError):
        write_all(top, {"a.yaml": Rewrite(b"a\n", b"A\n"), "sub/b.yaml": Rewrite(b"b\n", b"B\n")})
    assert state(top) == before


def test_a_new_file_does_not_replace_one_that_came_meanwhile(top: Path) -> None:
    with pytest.raises(UsageError, match="changed meanwhile"):
        write_all(top, {"a.yaml": Rewrite(None, b"A\n")})
    assert (top / "a.yaml").read_bytes() == b"a\n"


@pytest.mark.parametrize("path", ["../outside", "sub/../../outside"])
def test_nothing_is_written_outside(top: Path, path: str) -> None:
    with pytest.raises(UsageError):
        write_all(top, {path: Rewrite(None, b"x")})
    assert not (top.parent / "outside").exists()


def test_a_full_disk_leaves_what_was_there(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write_all(top, {"a.yaml": Rewrite(b"a\n", b"A\n")})
    assert state(top) == {"a.yaml": b"a\n", "sub/b.yaml": b"b\n"}
