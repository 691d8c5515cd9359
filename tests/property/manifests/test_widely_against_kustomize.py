"""Wide random kustomizations, built by the real program and read by us: the same images, each at a line that makes it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.use import Use
from auditor.source.memory import MemoryTree
from tests.support.kustomizations import Trees
from tests.support.renderers import renderers

EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "25"))


def built(program: str, folder: Path, trees: Trees) -> set[str] | None:
    """What kustomize deploys; None where it refuses the tree, or leaves a directive in what it writes, which no cluster takes.

    That is what it makes of a directive for a list that is not there: our reading keeps the images of such a list.
    """
    for path, content in trees.files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    run = subprocess.run([program, "build", trees.top], cwd=folder, capture_output=True, check=False, timeout=60)
    if run.returncode or b"$patch" in run.stdout:
        return None
    return {use.reference for use in inventory(MemoryTree({"out.yaml": run.stdout}, "built"), ManifestSettings()).uses}


def stands_at(use: Use, lines: list[str]) -> bool:
    """Whether the line of a use holds a tag of its reference, or names what an entry gives it instead."""
    line = lines[use.place.line - 1]
    tags = re.findall(r"t\d+x", use.reference)
    return (
        not tags
        or any(tag in line for tag in tags)
        or any(key in line for key in ("digest", "newName", "tagSuffix", "$("))
    )


@pytest.mark.interop
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_the_same_images_at_their_lines(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    program = renderers("kustomize").kustomize
    assert program is not None
    trees = Trees(Random(seed))  # noqa: S311 - no secrets
    truth = built(program.path, tmp_path_factory.mktemp("tree"), trees)
    if truth is None:
        return  # kustomize refuses it: nothing is deployed
    found = inventory(MemoryTree(trees.files, "tree"), ManifestSettings())
    uses = [use for use in found.uses if use.root == trees.top]
    assert {use.reference for use in uses} == truth
    for use in uses:
        assert stands_at(use, trees.files[use.place.file].decode().split("\n")), (use.reference, str(use.place))
