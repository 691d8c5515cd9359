"""The same images by the real `cosign verify`, where it is installed: one process each, side by side, and in one process.

    python -m benchmarks.cosign [--images 100] [--latency 0.05] [--repeat 1] [--form bundle]

Pinned images on a registry that speaks TLS, `latency` away; whole processes. With `--latency 0` only the run of one process
counts, and with `--images 1` one image.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.gate import write_rules
from benchmarks.measure import Cost, auditor, fastest
from benchmarks.measure import run as measured
from benchmarks.table import Table, held, reached
from benchmarks.world import Images, serve

_IDENTITY = (
    "--certificate-oidc-issuer=https://token.actions.githubusercontent.com",
    "--certificate-identity-regexp=^https://github.com/acme/app/",
)
_OURS: Final = "auditor"
_EACH: Final = "cosign, a process per image"
_ONE: Final = "cosign, one process"
_SIDE: Final = "cosign, xargs -P16"
_AIMS: Final[Mapping[int, Mapping[str, float]]] = {
    100: {_EACH: 40, _ONE: 18, _SIDE: 4},
    500: {_EACH: 40, _ONE: 40, _SIDE: 7},
}
"""Times the auditor's wall time that are aimed at 50 ms away."""
_ONE_IMAGE: Final = 1.2
_ONE_IMAGE_CPU: Final = 0.35


def find() -> str | None:
    """cosign: the one of the tools folder, else on PATH."""
    local = Path(__file__).resolve().parent.parent / ".cache" / "tools" / "cosign"
    return str(local) if local.is_file() else shutil.which("cosign")


def ways(cosign: str, images: Images, rules: Path, folder: Path) -> dict[str, Callable[[], Cost]]:
    """Each way of checking the same pinned images."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TUF_ROOT": str(folder / "tuf"),
        "SSL_CERT_FILE": str(folder / "registry.pem"),
    }
    verify = [cosign, "verify", f"--trusted-root={folder / 'trusted_root.json'}", *_IDENTITY]
    many = "\n".join(images.pinned)
    named = (part for image in images.pinned for part in ("--image", image))
    check = auditor("check", str(rules.parent), *named, "-f", "json")
    return {
        _OURS: lambda: measured(check),
        _EACH: lambda: measured(["xargs", "-n1", *verify], stdin=many, environ=environ),
        _SIDE: lambda: measured(["xargs", "-n1", "-P16", *verify], stdin=many, environ=environ),
        _ONE: lambda: measured([*verify, *images.pinned], environ=environ),
    }


def aim(way: str, count: int, latency: float, cost: Cost, ours: Cost) -> str:
    """What is aimed at for this way, and whether it is met."""
    if way == _OURS:
        return f"CPU {held(cost.cpu, _ONE_IMAGE_CPU)}" if count == 1 else ""
    if count == 1:
        return f"auditor {held(ours.wall / cost.wall, _ONE_IMAGE)}" if way == _ONE else ""
    if not latency:
        return reached(cost.wall / ours.wall, 1.0) if way == _ONE else ""
    least = _AIMS.get(count, {}).get(way)
    return "" if least is None else reached(cost.wall / ours.wall, least)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--form", default="bundle")
    options = parser.parse_args()
    cosign = find()
    if cosign is None:
        print("cosign is not installed: not compared")
        return
    title = (
        f"{options.images} pinned images ({options.form}), {options.latency * 1000:.0f} ms round trips, beside cosign"
    )
    table = Table(title, ("way", "wall s", "CPU s", "times the auditor's wall", "aim"))
    with (
        serve(options.form, options.images, latency=options.latency, tls=True) as served,
        tempfile.TemporaryDirectory() as name,
    ):
        compared = ways(cosign, served.images, write_rules(Path(name), served.images), Path(name))
        if not options.latency or options.images == 1:
            compared = {way: compared[way] for way in (_OURS, _ONE)}
        costs = dict(zip(compared, fastest(options.repeat, *compared.values()), strict=True))
    ours = costs[_OURS]
    for way, cost in costs.items():
        stated = aim(way, options.images, options.latency, cost, ours)
        table.add(way, cost.wall, cost.cpu, cost.wall / ours.wall, stated)
    table.show()


if __name__ == "__main__":
    main()
