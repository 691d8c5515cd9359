"""Memory over the number of images: flat, but for what a report says of each.

python -m benchmarks.memory [--images 500 5000] [--form bundle]

Whole processes, cache and reports included, the registry near.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.gate import exit_of, write_rules
from benchmarks.measure import auditor, run
from benchmarks.table import Table, held
from benchmarks.world import pods, serve

_AIM: Final = 250.0
"""MiB for 5,000 images."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--form", default="bundle")
    options = parser.parse_args()
    table = Table(f"Memory ({options.form})", ("images", "MiB", "aim", "wall s", "CPU s", "CPU ms/image"))
    with serve(options.form, max(options.images)) as served, tempfile.TemporaryDirectory() as folder:
        check = auditor("check", "-", "--config", str(write_rules(Path(folder), served.images)), "-f", "json")
        for count in options.images:
            # The peak of children never falls, so the smaller runs come first.
            cost = run(check, stdin=pods(served.images.pinned[:count]), exits=exit_of(options.form))
            table.add(count, cost.memory, held(cost.memory, _AIM), cost.wall, cost.cpu, cost.cpu / count * 1000)
    table.show()


if __name__ == "__main__":
    main()
