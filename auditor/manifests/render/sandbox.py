"""Run a renderer on hostile input: no network, no home, no other programs, bounded in time, memory and output.

1. its own network namespace where the system allows one; proxies that lead nowhere where it does not
2. an empty PATH: nothing that the renderer knows how to start (git, plugins, helm) can be found
3. an empty home for every file that it looks for
4. limits on processor time, memory and file size; the whole process group is killed when time is up
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

from msgspec import Struct, field

from auditor.errors import AuditorError
from auditor.limits import DEFAULT, Limits

_NOWHERE: Final = "http://127.0.0.1:9"
"""The discard port: nobody answers there."""
_MESSAGE: Final = 16 * 1024
"""Bytes of the program's complaint that are kept: the first lines say it."""
_WARNING: Final = re.compile(r"(?:# )?warning:|level=warn|coalesce\.go", re.IGNORECASE)
_CHUNK: Final = 256 * 1024
_LOOK: Final = 0.2
"""Seconds after which it is looked whether the run must end."""


class Failed(Exception):  # noqa: N818 - a fact about one rendering, turned into a gap by whoever asked
    """The program did not render: its own words, or the bound that it ran into."""


class Interrupted(AuditorError):  # noqa: N818 - named for the thing, as above
    """The run must end: nothing is said of what was being rendered."""


class Patience(Struct, frozen=True):
    """How long a program is waited for, beside the limits: until `end` (monotonic seconds), and not when the run is `over`.

    What was not done in time is added to `late`: another time it may be.
    """

    end: float = float("inf")
    over: Callable[[], bool] = lambda: False
    late: list[str] = field(default_factory=list)

    def left(self, limits: Limits) -> float:
        """Seconds for one program."""
        return max(min(limits.render_seconds, self.end - time.monotonic()), 0)

    def check(self) -> None:
        """Raise Interrupted where the run must end."""
        if self.over():
            raise Interrupted("it was being rendered when the run had to end", help="run the audit again")

    def failed(self, why: str) -> Failed:
        """It was not done in time."""
        self.late.append(why)
        return Failed(why)


def run(command: Sequence[str], folder: Path, limits: Limits = DEFAULT, patience: Patience | None = None) -> bytes:
    """What the program prints. `folder` is its home, its place for temporary files, and where it runs.

    Raises Failed, and Interrupted where the run must end.
    """
    try:
        process = subprocess.Popen(
            [*_without_network(), *command],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"{command[0]} cannot be started: {error.strerror}") from error
    except ValueError as error:  # a NUL, or half of a surrogate pair, in what a tree names
        raise Failed(f"{command[0]} cannot be started: {error}") from error
    try:
        _bound(process.pid, limits)
        printed, complaint = _listen(process, limits, patience or Patience())
    finally:
        _end(process)
    if process.returncode != 0:
        raise Failed(_words(complaint, folder) or f"{Path(command[0]).name} ended with status {process.returncode}")
    return printed


def _listen(process: subprocess.Popen[bytes], limits: Limits, patience: Patience) -> tuple[bytes, bytes]:
    """Both streams until they end, time is up, or there is too much. Raises Failed and Interrupted."""
    streams = {process.stdout: bytearray(), process.stderr: bytearray()}
    most = patience.left(limits)
    deadline = time.monotonic() + most
    too_late = f"not done after {round(most, 1):g} seconds"
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(_present(stream), selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(max(min(left, _LOOK), 0))
            patience.check()
            if not ready and left <= 0:
                raise patience.failed(too_late)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    streams[process.stdout] += chunk
                elif len(streams[process.stderr]) < _MESSAGE:
                    streams[process.stderr] += chunk
            if len(streams[process.stdout]) > limits.rendered_bytes:
                raise Failed(f"more than {limits.rendered_bytes} bytes of manifests")
    if not _has_ended(process, deadline, patience):
        raise patience.failed(too_late)
    return bytes(streams[process.stdout]), bytes(streams[process.stderr])


def _has_ended(process: subprocess.Popen[bytes], deadline: float, patience: Patience) -> bool:
    """Whether a process that has closed both streams ends in time. Raises Interrupted."""
    while process.poll() is None:
        patience.check()
        if time.monotonic() > deadline:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK)
    return True


def _present(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the group, and collect the child."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        _present(stream).close()


def _bound(pid: int, limits: Limits) -> None:
    """Limits of the kernel, set from outside: Python may not run code between fork and exec while it has threads."""
    if not hasattr(resource, "prlimit"):
        return
    seconds = int(limits.render_seconds) + 1
    bounds = (
        (resource.RLIMIT_AS, limits.render_memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits.staged_bytes),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, bound in bounds:
        try:
            _, hard = resource.prlimit(pid, kind)
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)  # noqa: PLW2901 - lowered to what may be set
            resource.prlimit(pid, kind, (bound, bound))
        except (ProcessLookupError, PermissionError):
            return


@cache
def _without_network() -> tuple[str, ...]:
    """The command that starts another without a network; empty where the system has none, or forbids it."""
    program = shutil.which("unshare")
    if program is None:
        return ()
    for command in ((program, "-n", "--"), (program, "-r", "-n", "--")):
        try:
            tried = subprocess.run([*command, program, "--version"], capture_output=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0:
            return command
    return ()


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder)
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    homes = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "KUSTOMIZE_PLUGIN_HOME")
    helm = ("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REPOSITORY_CACHE")
    return {
        **nowhere,
        **dict.fromkeys((*homes, *helm), home),
        "PATH": home,
        "KUBECONFIG": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",
        "GOMEMLIMIT": "1GiB",
        "GOMAXPROCS": "2",
        "LC_ALL": "C",
    }


def _words(complaint: bytes, folder: Path) -> str:
    """A program's complaint on one line, without its own prefix, without warnings, and with paths as the tree has them."""
    text = complaint.decode("utf-8", "replace")
    for copy in (f"{folder.parent}/tree/", "../tree/"):
        text = text.replace(copy, "")
    lines = text.splitlines()
    told = [line for line in lines if not _WARNING.match(line)] or lines
    return " ".join(" ".join(told).split()).removeprefix("Error: ").removeprefix("error: ")
