"""The sandbox: what a renderer that has been taken over can do."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.manifests.render import sandbox
from auditor.manifests.render.sandbox import Failed, Interrupted, Patience, run
from tests.support.waiting import until

PYTHON = sys.executable
QUICK = replace(DEFAULT, render_seconds=1.0)


def test_it_gives_what_the_program_prints(tmp_path: Path) -> None:
    assert run(["/bin/sh", "-c", "echo kind: Pod"], tmp_path) == b"kind: Pod\n"


def test_it_gives_the_programs_own_words_without_warnings_and_without_its_own_paths(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    script = f"echo '# Warning: old' >&2; echo 'Error: no such file {tmp_path}/tree/base/x.yaml' >&2; exit 1"
    with pytest.raises(Failed, match=r"^no such file base/x\.yaml$"):
        run(["/bin/sh", "-c", script], home)


def test_a_program_that_says_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="sh ended with status 3"):
        run(["/bin/sh", "-c", "exit 3"], tmp_path)


def test_a_program_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        run([str(tmp_path / "nothing")], tmp_path)


def test_time_ends_the_program_and_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    start = time.monotonic()
    with pytest.raises(Failed, match="not done after 1 seconds"):
        run(["/bin/sh", "-c", f"/bin/sleep 60 & echo $! > {started}; /bin/sleep 60"], tmp_path, QUICK)
    assert time.monotonic() - start < 45
    until(lambda: has_ended(int(started.read_text())))
    assert time.monotonic() - start < 50, "it did not end by itself"


def has_ended(pid: int) -> bool:
    """Whether nobody runs under this number any more; a zombie does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] in {"", "Z"}


def test_a_program_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="not done"):
        run(["/bin/sh", "-c", "exec >&- 2>&-; /bin/sleep 60"], tmp_path, QUICK)


def test_what_is_left_of_a_run_bounds_it_too_and_that_is_noted(tmp_path: Path) -> None:
    patience = Patience(time.monotonic() + 0.5)
    with pytest.raises(Failed, match=r"not done after 0(\.\d)? seconds") as caught:
        run(["/bin/sleep", "60"], tmp_path, DEFAULT, patience)
    assert patience.late == [str(caught.value)]
    assert patience.left(DEFAULT) == 0


@pytest.mark.parametrize("script", ["/bin/sleep 60", "exec >&- 2>&-; /bin/sleep 60"])
def test_a_run_that_must_end_waits_for_none(tmp_path: Path, script: str) -> None:
    start = time.monotonic()
    patience = Patience(over=lambda: time.monotonic() > start + 0.5)
    with pytest.raises(Interrupted, match="when the run had to end"):
        run(["/bin/sh", "-c", script], tmp_path, DEFAULT, patience)
    assert time.monotonic() - start < 45
    assert not patience.late, "nothing is said of it"


def test_endless_output_is_cut(tmp_path: Path) -> None:
    limits = replace(DEFAULT, rendered_bytes=100_000)
    with pytest.raises(Failed, match="more than 100000 bytes"):
        run(
            ["/bin/sh", "-c", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"],
            tmp_path,
            limits,
        )


def test_an_endless_complaint_is_kept_short(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo complaint complaint complaint >&2; i=$((i+1)); done; exit 1"
    with pytest.raises(Failed) as caught:
        run(["/bin/sh", "-c", script], tmp_path)
    assert len(str(caught.value)) < 300_000


@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are Linux's")
def test_memory_is_bounded(tmp_path: Path) -> None:
    limits = replace(DEFAULT, render_memory_bytes=256 * 1024 * 1024)
    script = "import time; time.sleep(0.2); print(len(bytearray(1024 ** 3)))"
    with pytest.raises(Failed, match="MemoryError"):
        run([PYTHON, "-c", script], tmp_path, limits)


def test_it_knows_nothing_of_who_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "hunter2")
    script = "import os; print(sorted(os.environ), os.environ['PATH'], os.environ['HOME'])"
    said = run([PYTHON, "-c", script], tmp_path).decode()
    assert "REGISTRY_TOKEN" not in said
    assert f"{tmp_path} {tmp_path}" in said


def test_it_reaches_no_network(tmp_path: Path) -> None:
    if not sandbox._without_network():
        pytest.skip("this system gives no network namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        with pytest.raises(Failed, match=r"Network is unreachable|Connection refused"):
            run([PYTHON, "-c", script], tmp_path)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
