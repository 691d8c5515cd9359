"""One target, many inputs, in this process: guided by coverage where atheris is installed, else at random.

A finding is an exception that is not the target's own, an input that takes more than `SECONDS` of CPU, or memory that grows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final, Never

from tests.fuzz.mutate import mutate
from tests.fuzz.target import Target

SECONDS: Final = 4
"""Of CPU, that one input may take."""
_COUNTED: Final = 6
"""How many times as long it takes while coverage is counted."""
GROWTH: Final = 256 << 20
"""Bytes that a process may grow by after it is warm: the corpus of inputs is kept in it as well."""
LONGEST: Final = 1 << 16
"""Bytes of an input. Larger ones are what limits are for, and are tested as such."""
_WARM: Final = 500
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Finding(Exception):  # noqa: N818 - a fact about a target, not a failure of the search
    """What a target did that it must not do."""


class Watch:
    """Runs a target on one input at a time. Raises Finding for what it must not do, and keeps that input in `folder`."""

    def __init__(self, target: Target, folder: Path, *, seconds: float = SECONDS, growth: int = GROWTH) -> None:
        self._target = target
        self._folder = folder
        self._seconds = seconds
        self._growth = growth
        self._warm = 0
        self.inputs = 0

    def __call__(self, data: bytes) -> None:
        self.inputs += 1
        try:
            with _deadline(self._seconds):
                self._run(data)
            self._check_memory()
        except Finding as finding:
            (self._folder / "input").write_bytes(data)
            sys.stderr.write(f"{self._target.name}: {finding}\ninput: {data[:400]!r}\n")
            sys.stderr.flush()
            raise

    def _run(self, data: bytes) -> None:
        try:
            self._target.run(data)
        except Finding:
            raise
        except AssertionError:
            raise Finding(f"broke a promise\n{traceback.format_exc(limit=-4)}") from None
        except self._target.own:
            return
        except Exception:  # noqa: BLE001 - every exception that is not the target's own is what is looked for
            raise Finding(f"raised what is not its own\n{traceback.format_exc(limit=-6)}") from None

    def _check_memory(self) -> None:
        if self.inputs == _WARM:
            self._warm = resident()
        elif self.inputs > _WARM and self.inputs % _WARM == 0:
            grown = resident() - self._warm
            if grown > self._growth:
                raise Finding(f"grew by {grown >> 20} MiB over {self.inputs - _WARM} inputs")


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    def over(_number: int, _frame: FrameType | None) -> None:
        raise Finding(f"took more than {seconds} s of CPU")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def seeds_of(target: Target) -> list[bytes]:
    """The inputs to begin with, but for those that are large."""
    return [each for each in target.seeds() if len(each) <= LONGEST]


def at_random(watch: Watch, seeds: list[bytes], *, seconds: float, seed: int) -> None:
    """Every seed, then changed seeds until the time is over. Raises Finding."""
    random = Random(seed)  # noqa: S311 - reproducible on purpose
    end = time.monotonic() + seconds
    for each in seeds:
        watch(each)
    while time.monotonic() < end:
        watch(mutate(random.choice(seeds), random, LONGEST))


def guided(target: Target, folder: Path, *, seconds: int, seed: int) -> Never:
    """By atheris, under which the code was imported. It never comes back, but ends the process: with 1 after a finding."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, each in enumerate(seeds_of(target)):
        (corpus / str(number)).write_bytes(each)
    watch = Watch(target, folder, seconds=SECONDS * _COUNTED)

    def one(data: bytes) -> None:
        try:
            watch(data)
        except Finding:
            # The library would print its own account of the exception, and keep the input in the working directory.
            os._exit(1)

    def changed(data: bytes, most: int, lot: int) -> bytes:
        random = Random(lot)  # noqa: S311 - the library says at which
        return mutate(data, random, most) if random.random() < 0.7 else bytes(atheris.Mutate(data, most))

    options = [f"-max_total_time={seconds}", f"-seed={seed % 2**31 + 1}", f"-max_len={LONGEST}", "-rss_limit_mb=2048"]
    options += [f"-artifact_prefix={folder}/", "-verbosity=0", "-timeout=600"]
    atheris.Setup([target.name, *options, str(corpus)], one, custom_mutator=changed, internal_libfuzzer=True)
    atheris.Fuzz()
    raise SystemExit(0)
