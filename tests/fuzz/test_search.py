"""The search finds what it is for: planted faults, each of its kind, and none where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import tests.fuzz.targets  # noqa: F401 - registers them
from tests.fuzz.explore import Finding, Watch, at_random, resident, seeds_of
from tests.fuzz.mutate import mutate
from tests.fuzz.target import TARGETS, Target


def searched(run: Callable[[bytes], object], folder: Path, *, seconds: float = 20) -> Watch:
    """A search of a planted target, from one JSON document on."""
    watch = Watch(
        Target("planted", run, (ValueError,), lambda: [b'{"a": "AAAAAAAAAAAAAAAAAAAAAAAA"}']),
        folder,
        seconds=0.3,
        growth=32 << 20,
    )
    at_random(watch, [b'{"a": "AAAAAAAAAAAAAAAAAAAAAAAA"}'], seconds=seconds, seed=1)
    return watch


def test_an_exception_that_is_not_the_targets_own_is_found_and_its_input_kept(tmp_path: Path) -> None:
    def run(data: bytes) -> None:
        if b"null" in data:
            raise KeyError(data)
        if b"true" in data:
            raise ValueError(data)

    with pytest.raises(Finding, match="raised what is not its own"):
        searched(run, tmp_path)
    assert b"null" in (tmp_path / "input").read_bytes()


def test_a_broken_promise_is_found(tmp_path: Path) -> None:
    def run(data: bytes) -> None:
        assert b"-1" not in data

    with pytest.raises(Finding, match="broke a promise"):
        searched(run, tmp_path)


def test_an_input_that_takes_long_is_found(tmp_path: Path) -> None:
    def run(data: bytes) -> None:
        end = time.process_time() + 2
        while b"null" in data and time.process_time() < end:
            pass

    with pytest.raises(Finding, match="took more than"):
        searched(run, tmp_path)


@pytest.mark.skipif(not resident(), reason="this system does not say how much memory a process holds")
def test_memory_that_grows_is_found(tmp_path: Path) -> None:
    kept = []

    def run(data: bytes) -> None:
        kept.append(bytearray(data.ljust(1, b"x") * 1) + bytearray(b"x" * 60_000))

    with pytest.raises(Finding, match="grew by"):
        searched(run, tmp_path)


def test_where_nothing_is_wrong_nothing_is_found(tmp_path: Path) -> None:
    assert searched(len, tmp_path, seconds=0.2).inputs > 10


def test_same_seed_gives_the_same_changes() -> None:
    one, other = ([mutate(b'{"a": [1, 2]}', Random(seed), 100) for seed in range(50)] for _ in range(2))  # noqa: S311
    assert one == other
    assert len(set(one)) > 20
    assert all(len(each) <= 100 for each in one)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_input_to_begin_with_is_taken(name: str, tmp_path: Path) -> None:
    """A target that refuses all it begins with would search its first lines only."""
    target = TARGETS[name]
    watch = Watch(target, tmp_path, seconds=30)
    taken = 0
    for each in seeds_of(target):
        watch(each)
        try:
            target.run(each)
        except target.own:
            continue
        taken += 1
    assert taken
