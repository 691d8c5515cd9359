"""A long run of other people's programs, once for all workers of one test session."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.interop.stack.programs import ROOT, missing


def told(module: str, folders: pytest.TempPathFactory, *programs: str) -> Any:
    """What `python -m module` prints as JSON. Skips where a program or the namespace is missing."""
    if lacking := missing(*programs):
        pytest.skip(f"neither in .cache/tools nor on PATH: {', '.join(lacking)}")
    base = folders.getbasetemp()
    # Each worker has a folder of its own inside the session's.
    place = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    answer = place / f"{module}.json"
    with (place / f"{module}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            answer.write_text(_run(module))
    if answer.read_text().startswith("SKIPPED"):
        pytest.skip(answer.read_text().strip())
    return json.loads(answer.read_text())


def _run(module: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout
