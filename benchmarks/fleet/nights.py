"""One night of an audit as a process: what it costs, what it asks, and what it leaves on disk."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.fleet.fleet import Fleet
from benchmarks.fleet.necessary import Chain
from benchmarks.fleet.registry import Served, Traffic
from benchmarks.measure import Cost, auditor, captured

READING: Final = "repositories"
ASKING: Final = "registries and signatures"
JUDGING: Final = "judging"
"""What `auditor audit --timings` calls its stages."""
_LAP: Final = re.compile(r"^ *(\d+\.\d+) s  (.+)$", re.MULTILINE)


class Run(Struct, frozen=True):
    """What one night cost. `laps`: seconds by stage; `history`, `cache` and `mirrors`: bytes on disk afterwards.

    `findings` by rule.
    """

    cost: Cost
    laps: Mapping[str, float]
    traffic: Traffic
    history: int
    cache: int
    mirrors: int
    findings: Mapping[str, int]

    def fetched(self, before: Run | None) -> int:
        """Bytes that came: bodies of registries, and what clones grew by (packed, as git sends them)."""
        return self.traffic.size + self.mirrors - (before.mirrors if before else 0)


class Auditor(Struct, frozen=True):
    """`auditor audit` over a fleet, with a history and a cache that outlive its runs in `folder`."""

    fleet: Fleet
    served: Served
    folder: Path
    listed: Path
    options: tuple[str, ...] = ()

    def night(self) -> Run:
        """Audit once. Raises RuntimeError where that is refused or crashes, and where a repository cannot be read."""
        result, history, cache = (self.folder / name for name in ("result.json", "history.sqlite", "cache"))
        command = ["audit", "--repos", str(self.listed), "--history", str(history)]
        command += ["--config", str(self.fleet.rules), "--render", "never", "-q", "-f", f"json={result}", *self.options]
        environment = os.environ | {"XDG_CACHE_HOME": str(cache), "HOME": str(self.folder)}
        self.served.traffic()
        printed, cost = captured(auditor(*command, "--timings"), environ=environment, exits=1)
        traffic = self.served.traffic()
        grown = sum(path.stat().st_size for path in self.folder.glob("history.sqlite*"))
        laps = {stage: float(seconds) for seconds, stage in _LAP.findall(printed)}
        saved = json.loads(result.read_text("utf-8"))
        if failed := [each["name"] for each in saved["repositories"] if each["failure"]]:
            raise RuntimeError(f"could not be audited: {', '.join(failed[:5])}")
        mirrors = _size(cache / "auditor" / "mirrors")
        findings = Counter(each["rule"] for each in saved["findings"])
        return Run(cost, laps, traffic, grown, _size(cache) - mirrors, mirrors, findings)


def inventories(listed: Path) -> Cost:
    """`auditor images` over the same repositories."""
    return captured([sys.executable, "-m", "benchmarks.fleet.inventories", str(listed)], environ=os.environ)[1]


def floor(chains: Sequence[Chain], served: Served, *, polite: bool = False) -> Cost:
    """The least that any client needs for these questions."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chains.json"
        file.write_text(json.dumps([[served.addresses[host], chain] for host, chain in chains]))
        command = [sys.executable, "-m", "benchmarks.fleet.floor", str(file), *(["--polite"] if polite else [])]
        return captured(command, environ=os.environ)[1]


def questions(chains: Sequence[Chain]) -> int:
    """How many there are."""
    return sum(len(chain) for _, chain in chains)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
