"""The Go programs that say what the engines' own code makes of patterns and names: many questions to one process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest

from tests.interop.stack.programs import missing, tool


def ask(program: str, dialect: str, pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """What the program says of each (pattern, text): `matches`, `name` or `error`. Skips where it is not built."""
    if missing(program):
        pytest.skip(f"neither in .cache/tools nor on PATH: {program}")
    lines = [json.dumps({"dialect": dialect, "pattern": pattern, "text": text}) for pattern, text in pairs]
    done = subprocess.run(
        [tool(program)], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    return answers
