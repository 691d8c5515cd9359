"""Every measurement, one after the other: `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_ALL: Final = (
    "startup",
    "signatures",
    "gate",
    "cosign",
    "policies",
    "policies_kyverno",
    "kept",
    "memory",
    "images",
    "charts",
    "growth",
    "kustomizations",
    "peers",
    "fleet",
)


def main() -> None:
    """Run all of them; a measurement that fails ends the run."""
    here = Path(__file__).resolve().parent
    for name in _ALL:
        print(f"\n## {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], cwd=here.parent, check=True)


if __name__ == "__main__":
    main()
