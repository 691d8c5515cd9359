"""Threads that wait for registries keep to one processor; nobody else's thread is moved, and none that cannot be is an error."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor import processors

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads are not bound on this system")


@pytest.fixture(autouse=True)
def own_again() -> Iterator[None]:
    """Whatever a test does to this thread is undone."""
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


def seen(count: int, meeting: Callable[[], object]) -> list[frozenset[int]]:
    """The processors that each of as many threads of a pool may use, all of them alive at once."""

    def look() -> frozenset[int]:
        meeting()
        return frozenset(os.sched_getaffinity(0))

    with processors.waiting_pool(count) as pool:
        return [each.result() for each in [pool.submit(look) for _ in range(count)]]


def test_all_threads_of_a_pool_keep_to_one_processor_of_those_that_are_ours() -> None:
    ours = os.sched_getaffinity(0)
    found = seen(8, threading.Barrier(8, timeout=20).wait)
    assert len(set(found)) == 1
    assert len(found[0]) == 1
    assert found[0] <= ours
    assert os.sched_getaffinity(0) == ours, "whoever opens a pool stays as free as before"


def test_it_is_the_processor_of_whoever_opens_the_pool() -> None:
    for number in sorted(os.sched_getaffinity(0)):
        os.sched_setaffinity(0, {number})
        assert processors.current() == number
        assert set(seen(2, lambda: None)) == {frozenset({number})}


def test_a_name_that_looks_like_a_statistic_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Field 2 of the line is the name of the program, which may hold anything: as proc_pid_stat(5) warns."""
    told = tmp_path / "stat"
    monkeypatch.setattr(processors, "_STAT", told)
    told.write_text("7 (a) S 1) R " + " ".join(str(number) for number in range(4, 53)) + "\n")
    assert processors.current() == 39, "fields are counted from 1"


@pytest.mark.parametrize("told", [None, "", "7 (python) R 1 2 3", "7 (python) " + "x " * 50])
def test_where_it_cannot_be_told_nothing_is_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    monkeypatch.setattr(processors, "_STAT", tmp_path / "stat")
    if told is not None:
        (tmp_path / "stat").write_text(told)
    assert processors.current() is None
    assert set(seen(2, lambda: None)) == {frozenset(os.sched_getaffinity(0))}


def test_where_threads_run_at_the_same_time_nothing_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert processors.current() is None


def test_a_processor_that_is_not_ours_changes_nothing() -> None:
    ours = os.sched_getaffinity(0)
    processors.keep_to(1_000_000)
    assert os.sched_getaffinity(0) == ours
