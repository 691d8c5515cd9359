"""The same images by the real `cosign verify`, where it is installed: one process each, side by side, and in one process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Cost, auditor
from benchmarks.measure import run as measured
from benchmarks.table import Table
from benchmarks.world import Images, pods

_IDENTITY = (
    "--certificate-oidc-issuer=https://token.actions.githubusercontent.com",
    "--certificate-identity-regexp=^https://github.com/acme/app/",
)


def find() -> str | None:
    """cosign: the one of the tools folder, else on PATH."""
    local = Path(__file__).resolve().parent.parent / ".cache" / "tools" / "cosign"
    return str(local) if local.is_file() else shutil.which("cosign")


def beside_cosign(images: Images, rules: Path, folder: Path) -> None:
    """Print what each way of checking the same pinned images takes, as wall time."""
    cosign = find()
    if cosign is None:
        print("cosign is not installed: not compared")
        return
    root = folder / "trusted_root.json"
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TUF_ROOT": str(folder / "tuf")}
    verify = [cosign, "verify", f"--trusted-root={root}", *_IDENTITY]
    many = "\n".join(images.pinned)
    check = auditor("check", "-", "--config", str(rules), "-f", "json")
    ways: dict[str, Callable[[], Cost]] = {
        "auditor": lambda: measured(check, stdin=pods(images.pinned)),
        "cosign, a process per image": lambda: measured(["xargs", "-n1", *verify], stdin=many, environ=environ),
        "cosign, xargs -P16": lambda: measured(["xargs", "-n1", "-P16", *verify], stdin=many, environ=environ),
        "cosign, one process": lambda: measured([*verify, *images.pinned], environ=environ),
    }
    table = Table(f"{len(images.pinned)} images beside cosign", ("way", "wall s", "CPU s", "times the auditor's wall"))
    walls: dict[str, float] = {}
    for name, once in ways.items():
        cost = once()
        walls[name] = cost.wall
        table.add(name, cost.wall, cost.cpu, cost.wall / walls["auditor"])
    table.show()
