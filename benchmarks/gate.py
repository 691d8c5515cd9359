"""The gate over many images: wall time against the minimal client, requests per image, CPU.

    python -m benchmarks.gate [--images 100] [--latency 0.05] [--repeat 3] [--forms legacy bundle …] [--plain]

Whole processes, start included, taking turns with the minimal client; the fastest of each counts. The registry speaks TLS in a
process of its own, behind a proxy that adds `latency` to each round trip. Beside cosign: `python -m benchmarks.cosign`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.measure import Cost, auditor, fastest, run
from benchmarks.table import Table, held
from benchmarks.world import FORMS, Images, Served, pods, serve

_RULES: Final = """\
version: 1
signers:
  acme: {{github: acme/app}}
images:
  - {{match: "{host}/acme/**", signed-by: acme, pinned: ignore}}
trust:
  - {{file: trusted_root.json}}
"""
_AUTHORITY: Final = """\
registries:
  "{host}": {{ca-file: registry.pem}}
"""
_REQUESTS: Final[Mapping[str, tuple[int, int]]] = {"legacy": (3, 2), "bundle": (5, 4), "unsigned": (4, 3)}
"""Requests per image that are aimed at: by tag, and pinned."""
_MANY: Final = 500
_WALL: Final = 2.5
_WALL_OF_MANY: Final = {"bundle": 1.5}
"""Times the minimal client's wall time that are aimed at, below `_MANY` images and from there on."""
_CPU_MS: Final = 6.0
"""CPU per image, start included, that is aimed at from `_MANY` images on."""


def write_rules(folder: Path, images: Images) -> Path:
    """An auditor.yaml that trusts the signer of these images, and the registry's authority where it speaks TLS."""
    (folder / "trusted_root.json").write_text(images.trusted_root)
    (folder / "registry.pem").write_text(images.ca_pem)
    rules = folder / "auditor.yaml"
    rules.write_text((_RULES + (_AUTHORITY if images.ca_pem else "")).format(host=images.host))
    return rules


def exit_of(form: str) -> int:
    """How a check of images in this form ends."""
    return 1 if form == "unsigned" else 0


def measure(
    served: Served, form: str, references: tuple[str, ...], rules: Path, repeat: int
) -> tuple[Cost, Cost, float]:
    """The auditor, the minimal client, and the auditor's requests per image."""
    (rules.parent / "pods.yaml").write_text(pods(references))
    check = auditor("check", str(rules.parent), "-f", "json")
    minimal = [sys.executable, "-m", "benchmarks.minimal", form, *references]
    trusting = os.environ | ({"SSL_CERT_FILE": str(rules.parent / "registry.pem")} if served.images.ca_pem else {})
    served.requests()
    run(check, exits=exit_of(form))
    per_image = served.requests() / len(references)
    ours, floor = fastest(
        repeat,
        lambda: run(check, exits=exit_of(form)),
        lambda: run(minimal, environ=trusting),
    )
    return ours, floor, per_image


def _wall_aim(form: str, ratio: float, *, many: bool) -> str:
    aim = _WALL_OF_MANY.get(form) if many else _WALL
    return "" if aim is None else held(ratio, aim)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--forms", nargs="+", default=FORMS)
    parser.add_argument("--plain", action="store_true", help="plain HTTP")
    options = parser.parse_args()
    many = options.images >= _MANY
    headers = (
        "form",
        "asked by",
        "requests/image",
        "aim",
        "wall s",
        "minimal s",
        "ratio",
        "aim",
        "CPU ms/image",
        "aim",
        "MiB",
    )
    title = f"{options.images} images, {options.latency * 1000:.0f} ms round trips, fastest of {options.repeat}"
    table = Table(title, headers)
    for form in options.forms:
        with (
            serve(form, options.images, latency=options.latency, tls=not options.plain) as served,
            tempfile.TemporaryDirectory() as folder,
        ):
            rules = write_rules(Path(folder), served.images)
            for which, (how, references) in enumerate(
                (("tag", served.images.by_tag), ("digest", served.images.pinned))
            ):
                ours, floor, requests = measure(served, form, references, rules, options.repeat)
                ratio, cpu = ours.wall / floor.wall, ours.cpu / options.images * 1000
                table.add(
                    form, how, requests, held(requests, _REQUESTS[form][which]) if form in _REQUESTS else "",
                    ours.wall, floor.wall, ratio, _wall_aim(form, ratio, many=many), cpu, held(cpu, _CPU_MS) if many else "", ours.memory,
                )  # fmt: skip
    table.show()


if __name__ == "__main__":
    main()
