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
            for how, cost in check_one(form, folder, options.repeat).items():
                table.add(f"auditor check {how}, one image ({form})", cost.cpu, cost.wall, cost.memory)
    table.show()


def check_one(form: str, folder: Path, repeat: int) -> dict[str, Cost]:
    """The whole gate for one image signed in this form, without latency: named, and in a manifest from a pipe."""
    with serve(form, 1) as served:
        common = ("--config", str(write_rules(folder, served.images)), "-f", "json")
        (image,) = served.images.by_tag
        named = auditor("check", str(folder), "--image", image, *common)
        piped = auditor("check", "-", *common)
        return {
            "--image": median(repeat, lambda: run(named)),
            "-": median(repeat, lambda: run(piped, stdin=pods([image]))),
        }


if __name__ == "__main__":
    main()
