"""What a one-line change costs in repositories of growing size: base and head, read as `check --changed-only` reads them.

    python -m benchmarks.growth [--repeat 3] [--deployed]

Each repository is a git repository of teams: a base, two overlays on it, and a few objects of ten documents. The largest has
sixteen times as many teams as the smallest; the change touches one line of one team's base. With `--deployed` each overlay is
deployed by a Flux Kustomization of its own. CPU of this process and of the git commands that it runs, out of one pack as in a clone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from auditor.source.change import open_change
from benchmarks.changes import git, narrow, whole
from benchmarks.one_line import cost
from benchmarks.table import Table

TEAMS: Final = 40
SIZES: Final = (1, 4, 16)
_DOCUMENT: Final = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}}}
spec:
  template:
    spec:
      containers:
        - name: app
          image: ghcr.io/acme/{team}-{number}:1.0
          env: [{{name: A, value: "1"}}, {{name: B, value: "2"}}]
"""


_DEPLOYER: Final = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {team}}}
spec:
  path: ./{team}/{part}
  sourceRef: {{kind: GitRepository, name: flux-system}}
"""


def write(folder: Path, teams: int, *, deployed: bool = False) -> None:
    """A repository of so many teams, with a branch `change`. `deployed`: by Flux."""
    for number in range(teams):
        team = folder / f"team-{number}"
        for part in ("base", "staging", "production"):
            (team / part).mkdir(parents=True)
        apps = "---\n".join(_DOCUMENT.format(team=team.name, number=each) for each in range(10))
        (team / "base" / "apps.yaml").write_text(apps)
        (team / "base" / "kustomization.yaml").write_text("resources: [apps.yaml]\n")
        for part in ("staging", "production"):
            override = f"images: [{{name: ghcr.io/acme/{team.name}-0, newTag: '2.0'}}]\n"
            (team / part / "kustomization.yaml").write_text(f"resources: [../base]\n{override}")
            if deployed:
                cluster = folder / "clusters" / part
                cluster.mkdir(parents=True, exist_ok=True)
                (cluster / f"{team.name}.yaml").write_text(_DEPLOYER.format(team=team.name, part=part))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    git(folder, "repack", "-a", "-d", "-q")
    git(folder, "checkout", "-q", "-b", "change")
    changed = folder / "team-7" / "base" / "apps.yaml"
    changed.write_text(changed.read_text().replace("-3:1.0", "-3:1.1"))
    git(folder, "commit", "-q", "-a", "-m", "change")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--deployed", action="store_true", help="by Flux")
    options = parser.parse_args()
    table = Table(
        "One line changed, in growing repositories",
        ("size", "files", "whole CPU s", "changed CPU s", "ratio", "uses read"),
    )
    rows: list[tuple[str, int, float, float, float, int]] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), TEAMS * size, deployed=options.deployed)
            full, part = (cost(Path(name), "main", "change", work, options.repeat) for work in (whole, narrow))
            with open_change(Path(name), "main", "change") as change:
                uses, files = narrow(change), len(change.head.entries())
            rows.append((f"{size} x", files, full, part, part / full, uses))
            table.add(*rows[-1])
    table.show()
    (_, few, _, least, *_), (_, many, _, most, *_) = rows[0], rows[-1]
    print(f"each further file: {1e6 * (most - least) / (many - few):.0f} microseconds")


if __name__ == "__main__":
    main()
