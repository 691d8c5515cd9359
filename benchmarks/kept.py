"""What a cache saves: the gate over pinned images, cold, warm, and with leave to believe old listings.

    python -m benchmarks.kept [--images 500] [--latency 0.05] [--repeat 3]

Whole processes, taking turns, the fastest of each. Compared is the stage in which registries are asked and signatures verified, by the
program's own clock (`--timings`), which leaves most of the start out. What is left of it, imports and trust roots, is what the same
stage takes for one image, warm: shown by itself, and subtracted.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.gate import write_rules
from benchmarks.measure import Cost, auditor, captured
from benchmarks.table import Table, reached
from benchmarks.world import Served, pods, serve

AGES = ("--tag-ttl", "1h", "--listing-ttl", "1h")
LEAST: Final = 10.0
"""Times that old listings make a run over pinned images faster, start excluded."""
_STAGE: Final = re.compile(r"([0-9.]+) s  registries and signatures")


class Kept(Struct, frozen=True):
    """A kind of run: seconds of its asking and verifying, what the whole process cost, and its requests per image."""

    name: str
    stage: float
    whole: Cost
    requests: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    title = f"{options.images} pinned images, {options.latency * 1000:.0f} ms before each answer"
    table = Table(title, ("form", "run", "asking s", "all s", "CPU s", "requests per image", "times faster", "aim"))
    for form in ("legacy", "bundle"):
        with serve(form, options.images, latency=options.latency, tls=True) as served:
            rows = measured(served, options.repeat)
        cold, start = rows[0].stage, rows[-1].stage
        for row in rows[:-1]:
            faster = (cold - start) / (row.stage - start) if start < min(cold, row.stage) else None
            aim = reached(faster, LEAST) if faster is not None and row.requests == 0 else ""
            shown = "too noisy to say" if faster is None else faster
            table.add(form, row.name, row.stage, row.whole.wall, row.whole.cpu, row.requests, shown, aim)
        table.add(form, rows[-1].name, start, rows[-1].whole.wall, rows[-1].whole.cpu, rows[-1].requests, "", "")
    table.show()


def measured(served: Served, repeat: int) -> list[Kept]:
    """Each kind of run, the fastest of several."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = write_rules(folder, served.images)
        environ = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}

        every = served.images.pinned

        def check(name: str, images: tuple[str, ...], *arguments: str) -> Kept:
            command = auditor("check", "-", "--config", str(rules), "-f", "json", "--timings", *arguments)
            served.requests()
            output, whole = captured(command, stdin=pods(images), environ=environ)
            return Kept(name, _seconds(output), whole, served.requests() / len(images))

        runs: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
            "cold": (every, (*AGES, "--refresh")),
            "warm": (every, ()),
            "warm, old listings believed": (every, AGES),
            "the same, one image": (every[:1], AGES),
        }
        rounds = [[check(name, images, *given) for name, (images, given) in runs.items()] for _ in range(repeat)]
        return [min(same, key=lambda kept: kept.stage) for same in zip(*rounds, strict=True)]


def _seconds(output: str) -> float:
    """How long the run says that it asked and verified."""
    found = _STAGE.search(output)
    assert found is not None, output[-1000:]
    return float(found[1])


if __name__ == "__main__":
    main()
