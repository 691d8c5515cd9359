"""Other people's programs: where they are, how they are run, and how their servers are started and ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, field

ROOT: Final = Path(__file__).resolve().parents[3]
TOOLS: Final = Path(os.environ.get("INTEROP_BIN") or ROOT / ".cache" / "tools")
_START_SECONDS: Final = 90.0
WAYS_OUT: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
"""The variables by which programs find their way out of a network."""


def surroundings() -> dict[str, str]:
    """What every program is told of where it is."""
    return {name: os.environ[name] for name in ("PATH", *WAYS_OUT) if name in os.environ}


def missing(*names: str) -> tuple[str, ...]:
    """Those of the programs that this machine lacks."""
    return tuple(name for name in names if _find(name) is None)


def tool(name: str) -> str:
    """The path of a program that is known to be here."""
    found = _find(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither in {TOOLS} nor on PATH")
    return found


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")


class Done(Struct, frozen=True):
    """How a program ended."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line on standard error."""
        return (self.err.strip().splitlines() or [""])[-1]


class Programs(Struct, frozen=True):
    """Runs programs with a home of their own: they keep trust and credentials there."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(self, *command: str, stdin: str = "", **more: str) -> Done:
        """Run one to its end."""
        environment = {
            "HOME": str(self.folder),
            "TUF_ROOT": str(self.folder / "tuf"),
            "DOCKER_CONFIG": str(self.folder),
            "COSIGN_PASSWORD": "",
            **surroundings(),
            **self.environ,
            **more,
        }
        done = subprocess.run(
            command, env=environment, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *command: str, **more: str) -> str:
        """Run one that must succeed; its standard output."""
        done = self.run(*command, **more)
        if done.status != 0:
            raise RuntimeError(f"{' '.join(command)}\nended with {done.status}:\n{done.err[-3000:]}")
        return done.out.strip()


def free_port() -> int:
    """A port of loopback that nobody uses now. In a network namespace of our own nobody else could take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(log: Path, *command: str, port: int, environ: Mapping[str, str] | None = None) -> Iterator[int]:
    """A server that answers on `port` of loopback, until the end. What it says goes to `log`."""
    environment = {**surroundings(), "HOME": str(log.parent), **(environ or {})}
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=environment, cwd=log.parent, stdout=said, stderr=said)
        try:
            _wait(process, port, log)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer:\n{log.read_text()[-3000:]}")
