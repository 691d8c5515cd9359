"""Every parser of hostile bytes, searched for an input that it cannot take, each in a process of its own.

    python -m tests.fuzz [--seconds 5] [--seed N] [--jobs 2] [--only TARGET …]

`--seconds` are for each target. Without `--seed` it is the time of day; it is printed, and repeats the search (as far as the
machine is as fast). Fails if anything is found, and keeps the input in .cache/fuzz/TARGET.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import os
import resource
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz.explore import Finding, Watch, at_random, guided, seeds_of
from tests.fuzz.target import TARGETS, Target

KEPT: Final = Path(__file__).resolve().parents[2] / ".cache" / "fuzz"
_SPARE_SECONDS: Final = 120
"""Of CPU, to read the seeds and to end the last input: a process that wants more is stuck where no signal is heard."""
_NOISE: Final = ("INFO", "WARNING: Failed to find function")


def main() -> int:
    """Search them all. The exit status says whether anything was found."""
    known = importlib.util.find_spec("atheris") is not None
    _load(guide=known)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    parser.add_argument("--only", nargs="+", choices=sorted(TARGETS), default=list(TARGETS), metavar="TARGET")
    options = parser.parse_args()
    _say(f"seed {options.seed}, {'guided by coverage' if known else 'at random: atheris is not installed'}")
    chosen = [TARGETS[name] for name in options.only]
    found = _search(chosen, options.jobs, seconds=options.seconds, seed=options.seed, guide=known)
    _say(f"{len(chosen)} targets, {found} with findings")
    return min(found, 1)


def _load(*, guide: bool) -> None:
    """Import all targets once: to prepare their code for coverage takes seconds."""
    counting: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if guide:
        import atheris

        counting = atheris.instrument_imports(include=["auditor"])
    with counting, contextlib.redirect_stderr(io.StringIO()):
        importlib.import_module("tests.fuzz.targets")


def _search(targets: Sequence[Target], jobs: int, *, seconds: int, seed: int, guide: bool) -> int:
    """How many targets something was found about."""
    running: dict[int, Target] = {}
    waiting, found = list(reversed(targets)), 0
    while waiting or running:
        while waiting and len(running) < jobs:
            target = waiting.pop()
            running[_begin(target, seconds=seconds, seed=seed, guide=guide)] = target
        process, status = os.wait()
        found += _told(running.pop(process), failed=status != 0)
    return found


def _begin(target: Target, *, seconds: int, seed: int, guide: bool) -> int:
    folder = KEPT / target.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    process = os.fork()
    if process:
        return process
    status = 2
    try:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds + _SPARE_SECONDS, seconds + _SPARE_SECONDS))
        if guide:
            guided(target, folder, seconds=seconds, seed=seed)
        status = _plainly(target, folder, seconds=seconds, seed=seed)
    finally:
        os._exit(status)


def _plainly(target: Target, folder: Path, *, seconds: int, seed: int) -> int:
    watch = Watch(target, folder)
    try:
        at_random(watch, seeds_of(target), seconds=seconds, seed=seed)
    except Finding:
        return 1
    sys.stderr.write(f"Done {watch.inputs} runs\n")
    sys.stderr.flush()
    return 0


def _told(target: Target, *, failed: bool) -> bool:
    folder = KEPT / target.name
    lines = (folder / "log").read_text("utf-8", "replace").splitlines()
    runs = next((line.removeprefix("Done ") for line in lines if line.startswith("Done ")), "")
    _say(f"{'FOUND' if failed else 'ok':6}{target.name:18}{runs}")
    if failed:
        _say(*(line for line in lines[-60:] if not line.startswith(_NOISE)))
    else:
        shutil.rmtree(folder)
    return failed


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
