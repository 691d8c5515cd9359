"""What somebody sees who waits: at a terminal, in the log of a CI, and anywhere else. A registry that limits its rate makes us wait."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditor.cli import progress
from auditor.cli.progress import Lines
from auditor.cli.seen import Seen
from fixtures.registry.faults import Status
from tests.cli.house import House
from tests.cli.test_starting import CODE

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def waiting(house: House) -> House:
    """A change that deploys one image, whose registry asks for two seconds of patience once."""
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web").replace("name: web", "name: new")})
    house.images.registry.faults.on(r"/manifests/", Status(429, {"Retry-After": "2"}), times=1)
    return house


def at_a_terminal(house: House, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit status, standard output, and what a terminal got on standard error."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "auditor", *arguments],
        cwd=house.repo,
        env=house.process_environ({"TERM": "xterm", "COLUMNS": "120", **environ}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = _drained(ours)
        assert process.stdout
        out = process.stdout.read().decode()
        return process.wait(60), out, seen


def _drained(terminal: int) -> str:
    """Everything until the other side is closed, which Linux tells as an error."""
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


CHECK = ("check", ".", "--base", "main")


def test_a_terminal_shows_how_far_the_run_is_and_is_left_clean(waiting: House) -> None:
    status, out, seen = at_a_terminal(waiting, *CHECK)
    assert status == 0
    plain = _CONTROL.sub("", seen)
    assert "registries and signatures" in plain
    assert "0 resolved, 0 verified, of 1 images" in plain
    assert f"{waiting.images.registry.host} limits the rate of requests" in plain
    assert seen.rstrip().endswith(_SHOW_CURSOR) or _SHOW_CURSOR in seen[-40:], "the cursor is back"
    assert "verified" in out
    assert "\x1b" not in out, "standard output is no terminal"


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [((*CHECK, "-q"), {}), (CHECK, {"TERM": "dumb"})],
    ids=["quiet", "dumb"],
)
def test_no_bar_where_nobody_wants_one(waiting: House, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
    status, _, seen = at_a_terminal(waiting, *arguments, **environ)
    assert (status, seen) == (0, "")


def test_what_is_over_in_time_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    later = progress.Later(color=False)
    later.begin("manifests")
    later.close()
    time.sleep(0.4)
    assert capsys.readouterr() == ("", "")
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


def test_the_log_of_a_ci_gets_a_line_for_the_phase_and_one_for_the_wait(waiting: House) -> None:
    ran = waiting.program(*CHECK, environ={"CI": "true"})
    assert ran.status == 0
    host = waiting.images.registry.host
    waits, *phases = ran.err.splitlines()
    assert waits == f"{host} limits the rate of requests: waiting 2 s"
    assert len(phases) == len(set(phases))
    (asked,) = (line for line in phases if line.startswith("registries and signatures"))
    assert re.fullmatch(r"registries and signatures: \d+\.\d s, 1 image", asked)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(CHECK, {}), ((*CHECK, "-q"), {"CI": "true"}), (CHECK, {"CI": "false"})],
    ids=["pipe", "quiet", "no-ci"],
)
def test_a_pipe_gets_the_report_and_nothing_else(
    waiting: House, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    ran = waiting.program(*arguments, environ=environ)
    assert (ran.status, ran.err) == (0, "")


def test_without_a_terminal_rich_is_not_loaded(waiting: House) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *CHECK],
        cwd=waiting.repo,
        env=waiting.process_environ({"CI": "true"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    loaded = {line.partition(".")[0] for line in done.stderr.splitlines()}
    assert "auditor" in loaded
    assert not loaded & {"rich", "pygments", "markdown_it"}


def test_an_error_leaves_no_bar_behind(waiting: House) -> None:
    (Path(waiting.repo) / "auditor.yaml").write_text("version: 9\n")
    status, _, seen = at_a_terminal(waiting, "check", ".")
    assert status == 2
    assert "error: " in seen


def test_a_host_is_named_once_however_many_questions_wait_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.begin("registries")
    lines.expect(3)
    for seconds in (0.2, 2.0, 2.0):
        lines.waiting("ghcr.io", seconds)
    lines.waiting("evil\x1b[2J.example", 3.0)
    lines.end("registries", 4.0)
    lines.end("judging", 0.9)
    assert capsys.readouterr().err.splitlines() == [
        "ghcr.io limits the rate of requests: waiting 2 s",
        r"evil\x1b[2J.example limits the rate of requests: waiting 3 s",
        "registries: 4.0 s, 3 images",
    ]


def test_foreign_text_in_the_bar_is_only_text() -> None:
    from rich.console import Console

    from auditor.cli.bar import Bar

    seen = Seen("registries", images=2, resolved=2, answered=1, wait=("[red]x[/red]\x1b[2J", 1e18))
    written = io.StringIO()
    Console(width=120, force_terminal=False, file=written).print(Bar(seen, color=False).drawn())
    text = written.getvalue()
    assert r"[red]x[/red]\x1b[2J limits the rate" in text
    assert "2 resolved, 1 verified, of 2 images" in text
