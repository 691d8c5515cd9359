"""What a renderer says of itself is asked once by a process, and never waited for beyond the run."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.manifests.render.sandbox import Interrupted, Patience
from auditor.manifests.render.tools import Renderers, Tool


def program(folder: Path, script: str) -> Tool:
    """A program that notes each time that it is started."""
    path = folder / "kustomize"
    path.write_text(f"#!/bin/sh\necho >> {folder}/started\n{script}\n")
    path.chmod(0o755)
    return Tool("kustomize", str(path))


def started(folder: Path) -> int:
    return len((folder / "started").read_text().splitlines())


def test_many_trees_ask_once(tmp_path: Path) -> None:
    tool = program(tmp_path, "echo v5.8.1")
    trees = [Renderers(kustomize=tool) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: each.note("kustomize", tool), trees))
    assert {each.used["kustomize"] for each in trees} == {"v5.8.1"}
    assert started(tmp_path) == 1


def test_another_program_in_its_place_is_asked(tmp_path: Path) -> None:
    assert program(tmp_path, "echo v5.8.1").version() == "v5.8.1"
    (tmp_path / "kustomize").unlink()
    assert program(tmp_path, "echo v5.9.0 ").version() == "v5.9.0"


def test_one_that_hangs_is_waited_for_once_and_not_beyond_the_run(tmp_path: Path) -> None:
    tool = program(tmp_path, "while :; do :; done")
    begun = time.monotonic()
    assert tool.version(Patience(begun + 0.5)) == "kustomize"
    assert tool.version() == "kustomize"
    assert time.monotonic() - begun < 25  # the limits alone would give it thirty seconds, each time
    assert started(tmp_path) == 1


def test_a_run_that_must_end_asks_nothing(tmp_path: Path) -> None:
    """And the next run in this process asks again: an end is no answer."""
    tool = program(tmp_path, "/bin/sleep 1; echo v5.8.1")
    renderers = Renderers(kustomize=tool, over=lambda: True)
    with pytest.raises(Interrupted):
        renderers.note("kustomize", tool)
    assert renderers.used["kustomize"] is None
    assert program(tmp_path, "echo v5.8.1").version() == "v5.8.1"
