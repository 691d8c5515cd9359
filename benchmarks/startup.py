"""What starting costs: CPU of the smallest commands.

python -m benchmarks.startup [--repeat 5]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.gate import write_rules
from benchmarks.measure import Cost, auditor, median, run
from benchmarks.table import Table
from benchmarks.world import pods, serve


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    table = Table(f"Start-up, median of {options.repeat}", ("command", "CPU s", "wall s", "MiB"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        version = median(options.repeat, lambda: run(auditor("--version")))
        table.add("auditor --version", version.cpu, version.wall, version.memory)
        (folder / "pod.yaml").write_text(pods(["ghcr.io/acme/web:2.1"]))
        images = median(options.repeat, lambda: run(auditor("images", str(folder))))
        table.add("auditor images, one manifest", images.cpu, images.wall, images.memory)
        for form in ("legacy", "bundle"):
            cost = check_one(form, folder, options.repeat)
            table.add(f"auditor check, one image ({form})", cost.cpu, cost.wall, cost.memory)
    table.show()


def check_one(form: str, folder: Path, repeat: int) -> Cost:
    """The whole gate for one image signed in this form, without latency."""
    with serve(form, 1) as served:
        check = auditor("check", "-", "--config", str(write_rules(folder, served.images)), "-f", "json")
        return median(repeat, lambda: run(check, stdin=pods(served.images.by_tag)))


if __name__ == "__main__":
    main()
