"""The tutorial runs as it is written, from its first command to its last, and prints what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.house import TOP
from tests.docs.console import Command, commands, difference

_PAGE = TOP / "docs" / "tutorial.md"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The demo's registry, as the tutorial has it started; gives its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "fixtures.demo", "--serve", str(tmp_path / "shop")],
        cwd=TOP,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            said = _until(process, "serving until")
            yield re.findall(r"^registry +(127\.0\.0\.1:\d+)", said, re.MULTILINE)[0]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()


def _until(process: subprocess.Popen[str], text: str) -> str:
    """What a process says up to some text; after two minutes it is ended."""
    assert process.stdout
    said = ""
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    for line in process.stdout:
        said += line
        if text in line:
            watchdog.cancel()
            return said
    raise AssertionError(said)


@pytest.mark.slow
def test_the_tutorial_runs_as_written(served: str, tmp_path: Path) -> None:
    environ = {
        "PATH": f"{_programs(tmp_path)}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(TOP),
        **{f"GIT_{who}_{what}": "me@acme.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    ran = list(commands(_PAGE.read_text()))
    assert len(ran) > 10
    for command in ran:
        # Of another length, the port would move the columns of a table, and the lines that are broken at 120.
        assert _run(command, served, tmp_path / "shop", environ) is None, command.line


def _run(command: Command, served: str, folder: Path, environ: dict[str, str]) -> str | None:
    done = subprocess.run(
        ["bash", "-c", command.line.replace("127.0.0.1:5077", served)],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout
    squeezed = tuple(_squeezed(line) for line in command.shown)
    printed = "\n".join(_squeezed(line) for line in done.stdout.replace(served, "127.0.0.1:5077").splitlines())
    return difference(squeezed, printed) and f"{difference(squeezed, printed)} by:\n{done.stdout}"


def _squeezed(line: str) -> str:
    return " ".join(line.split())


def _programs(folder: Path) -> Path:
    """A folder with the program, wherever the tests were installed."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "auditor"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m auditor "$@"\n')
    program.chmod(0o755)
    return folder / "bin"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a",), "a\nb\n", False),
        (("…", "b"), "a\nb\n", True),
        (("a", "…"), "a\nb\nc\n", True),
        (("…", "b", "…", "a"), "a\nb\n", False),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_what_is_shown_is_compared(shown: tuple[str, ...], printed: str, same: bool) -> None:
    assert (difference(shown, printed) is None) is same
