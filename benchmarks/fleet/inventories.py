"""What `auditor images` does over many repositories, in one process: `python -m benchmarks.fleet.inventories FILE`.

FILE lists repositories. Starting, which a process for each would pay a thousand times, is paid once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.change import open_change


def main(file: Path) -> None:
    """Read each at its HEAD; print how many uses there are."""
    uses = 0
    for line in file.read_text().splitlines():
        with open_change(Path(line), None, "main") as change:
            uses += len(inventory(change.head, ManifestSettings()).uses)
    print(uses)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
