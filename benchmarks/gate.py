"""The gate over many images: wall time against the minimal client, requests per image, CPU; beside cosign where it is.

    python -m benchmarks.gate [--images 100] [--latency 0.05] [--repeat 3]

Whole processes, start included. The registry runs in a process of its own and waits `latency` before each answer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.cosign import beside_cosign
from benchmarks.measure import Cost, auditor, median, run
from benchmarks.table import Table
from benchmarks.world import FORMS, Images, Served, pods, serve

_EXITS: Final[Mapping[str, int]] = {"legacy": 0, "bundle": 0, "unsigned": 1}
_RULES: Final = """\
version: 1
signers:
  acme: {{github: acme/app}}
images:
  - {{match: "{host}/acme/**", signed-by: acme, pinned: ignore}}
trust:
  - {{file: trusted_root.json}}
"""


def write_rules(folder: Path, images: Images) -> Path:
    """An auditor.yaml that trusts the signer of these images."""
    (folder / "trusted_root.json").write_text(images.trusted_root)
    rules = folder / "auditor.yaml"
    rules.write_text(_RULES.format(host=images.host))
    return rules


def measure(
    served: Served, form: str, references: tuple[str, ...], rules: Path, repeat: int
) -> tuple[Cost, Cost, float]:
    """The auditor, the minimal client, and the auditor's requests per image."""
    manifests = pods(references)
    served.requests()
    check = auditor("check", "-", "--config", str(rules), "-f", "json")
    ours = median(repeat, lambda: run(check, stdin=manifests, exits=_EXITS[form]))
    per_image = served.requests() / repeat / len(references)
    floor = median(repeat, lambda: run([sys.executable, "-m", "benchmarks.minimal", form, *references]))
    return ours, floor, per_image


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    table = Table(
        f"{options.images} images, {options.latency * 1000:.0f} ms round trips, median of {options.repeat}",
        ("form", "asked by", "requests/image", "wall s", "minimal client s", "ratio", "CPU s", "CPU ms/image", "MiB"),
    )
    for form in FORMS:
        with serve(form, options.images, latency=options.latency) as served, tempfile.TemporaryDirectory() as folder:
            rules = write_rules(Path(folder), served.images)
            for how, references in (("tag", served.images.by_tag), ("digest", served.images.pinned)):
                ours, floor, requests = measure(served, form, references, rules, options.repeat)
                table.add(
                    form, how, requests, ours.wall, floor.wall, ours.wall / floor.wall,
                    ours.cpu, ours.cpu / options.images * 1000, ours.memory,
                )  # fmt: skip
            if form == "bundle":
                beside_cosign(served.images, rules, Path(folder))
    table.show()


if __name__ == "__main__":
    main()
