"""What the README shows is what the demo prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"<!-- demo -->\n```\n(.*?)```\n<!-- /demo -->", re.DOTALL)


def report(output: str) -> str:
    """The report alone: from the headline to the exit status, with the port that the demo prefers."""
    port = re.search(r"^registry +127\.0\.0\.1:(\d+)", output, re.MULTILINE)
    assert port
    lines = output.replace(f":{port[1]}", ":5077").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("✗"))
    last = next(number for number, line in enumerate(lines) if line.startswith("fails (exit"))
    return "\n".join(line.rstrip() for line in lines[first : last + 1]) + "\n"


def alone() -> list[str]:
    """What a command begins with to run in a network namespace; nothing where this machine gives none."""
    offline = [sys.executable, "-m", "tests.offline"]
    tried = subprocess.run([*offline, "true"], cwd=_TOP, capture_output=True, text=True, check=False)
    return [] if tried.returncode or "SKIPPED" in tried.stdout else offline


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    # In a network of its own, where there is one to be had: a demo elsewhere would have the port, and with it the commits' names.
    demo = subprocess.run(
        [*alone(), sys.executable, "-m", "fixtures.demo", "--out", str(tmp_path)],
        cwd=_TOP,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    shown = _BLOCK.search((_TOP / "README.md").read_text())
    assert shown
    assert shown[1] == report(demo.stdout)
