"""Run a program and say what it cost: wall time, CPU of itself and its children, peak memory."""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="auditor-benchmark-")


def fresh_folder() -> str:
    """An empty folder, removed when this process ends and not before.

    ext4 without a journal looks at every file that was removed within the last minutes before it makes another: a thousand that the
    round before has left would cost this one up to a millisecond each.
    """
    return tempfile.mkdtemp(dir=_scratch().name)


class Cost(Struct, frozen=True):
    """Seconds of wall time and of CPU (user and system), and peak memory in MiB, of one process and its children."""

    wall: float
    cpu: float
    memory: float


def run(arguments: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None, exits: int = 0) -> Cost:
    """Run once, with an empty cache where no environment is given.

    Raises RuntimeError with the program's output where it does not exit as expected.
    """
    if environ is None:
        environ = os.environ | {"XDG_CACHE_HOME": fresh_folder()}
    return captured(arguments, stdin=stdin, environ=environ, exits=exits)[1]


def captured(
    arguments: Sequence[str], *, stdin: str = "", environ: Mapping[str, str], exits: int = 0
) -> tuple[str, Cost]:
    """Run once; what it printed on both streams, and what it cost. Raises RuntimeError as `run` does."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write(stdin.encode())
        given.seek(0)
        start = time.perf_counter()
        with subprocess.Popen(
            list(arguments), stdin=given, stdout=printed, stderr=subprocess.STDOUT, env=dict(environ)
        ) as process:
            # Of this child alone: RUSAGE_CHILDREN knows only the largest of all that ever ran.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        printed.seek(0)
        output = printed.read().decode("utf-8", "replace")
    if process.returncode != exits:
        raise RuntimeError(f"{arguments[:3]} exited {process.returncode}, not {exits}:\n{output[-2000:]}")
    return output, Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(times: int, once: Callable[[], Cost]) -> Cost:
    """The median of several runs, each figure by itself."""
    costs = [once() for _ in range(times)]
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs),
    )


def fastest(times: int, *ways: Callable[[], Cost]) -> list[Cost]:
    """The least of several rounds for each way, the ways taking turns: what else runs on the machine only adds."""
    rounds = [[once() for once in ways] for _ in range(times)]
    return [
        Cost(min(c.wall for c in costs), min(c.cpu for c in costs), max(c.memory for c in costs))
        for costs in zip(*rounds, strict=True)
    ]


def auditor(*arguments: str) -> list[str]:
    """The command line of the auditor in this environment."""
    return [sys.executable, "-m", "auditor", *arguments]
