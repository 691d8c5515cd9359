"""`make test-offline` really takes the network away, and only the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
    client.sendall(b"loopback")
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except TimeoutError:
    print("packets leave")
except OSError:
    print("no way out")
"""


def offline(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.offline", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.stdout.startswith("SKIPPED"):
        pytest.skip(done.stdout)
    return done


def test_loopback_works_and_nothing_leads_out() -> None:
    done = offline(sys.executable, "-c", PROBE)
    assert (done.returncode, done.stdout) == (0, "no way out\n"), done.stderr


def test_the_status_of_the_command_is_kept() -> None:
    assert offline(sys.executable, "-c", "raise SystemExit(7)").returncode == 7
