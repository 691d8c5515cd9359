"""What a cache saves: the gate over pinned images, cold, warm, and with leave to believe old listings.

    python -m benchmarks.kept [--images 500] [--latency 0.05] [--repeat 3]

Whole processes, taking turns, the fastest of each; what starting costs (the same command for one image, warm) is shown by itself
and left out of the comparison.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.gate import write_rules
from benchmarks.measure import Cost, auditor, fastest, run
from benchmarks.table import Table, reached
from benchmarks.world import Served, pods, serve

AGES = ("--tag-ttl", "1h", "--listing-ttl", "1h")
LEAST = 10.0
"""Times that old listings make a run over pinned images faster, start excluded."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    title = f"{options.images} pinned images, {options.latency * 1000:.0f} ms before each answer"
    table = Table(title, ("form", "run", "wall s", "CPU s", "requests per image", "times faster than cold", "aim"))
    for form in ("legacy", "bundle"):
        with serve(form, options.images, latency=options.latency, tls=True) as served:
            rows = measured(served, options.repeat)
        start = rows[-1][1]
        for name, wall, cpu, requests in rows[:-1]:
            if min(rows[0][1], wall) <= start:
                table.add(form, name, wall, cpu, requests, "too noisy to say", "")
                continue
            faster = (rows[0][1] - start) / (wall - start)
            table.add(form, name, wall, cpu, requests, faster, reached(faster, LEAST) if requests == 0 else "")
        table.add(form, *rows[-1], "", "")
    table.show()


def measured(served: Served, repeat: int) -> list[tuple[str, float, float, float]]:
    """Each kind of run: its name, wall time, CPU and requests per image."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rules = write_rules(folder, served.images)
        environ = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}

        def check(images: tuple[str, ...], *arguments: str) -> Cost:
            command = auditor("check", "-", "--config", str(rules), "-f", "json", *arguments)
            return run(command, stdin=pods(images), environ=environ)

        every = served.images.pinned
        runs: dict[str, Callable[[], Cost]] = {
            "cold": lambda: check(every, *AGES, "--refresh"),
            "warm": lambda: check(every),
            "warm, old listings believed": lambda: check(every, *AGES),
            "the same, one image": lambda: check(every[:1], *AGES),
        }
        counts = [_counted(served, once) for once in runs.values()]
        costs = fastest(repeat, *runs.values())
        return [
            (name, cost.wall, cost.cpu, count / len(every))
            for name, cost, count in zip(runs, costs, counts, strict=True)
        ]


def _counted(served: Served, once: Callable[[], Cost]) -> int:
    """How many requests one run makes."""
    served.requests()
    once()
    return served.requests()


if __name__ == "__main__":
    main()
