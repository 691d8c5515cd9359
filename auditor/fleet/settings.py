"""What every part of an audit works by, wherever it runs: small, and of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Struct

from auditor.model.finding import Level
from auditor.policies.versions import Kyverno, Versions
from auditor.source.memory import Kept


class Ruling(Struct, frozen=True):
    """Rules that whoever runs the audit gives: `files`, and the `path` of the rules file among them.

    `targets` are the names of those that they judge instead of their own; empty for all that no other ruling names.
    """

    path: str | None
    files: tuple[Kept, ...]
    targets: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """The options of a run. `started` in UTC is the time at which everything is judged.

    `rulings` judge repositories instead of their own rules. `seconds` is how long the run may take in all. Credentials are not among these: a
    worker uses those of its own environment.
    """

    started: datetime
    offline: bool = False
    second_opinion: bool = False
    jobs: int = 64
    tag_seconds: float = 0.0
    listing_seconds: float = 0.0
    refresh: bool = False
    render: str = "auto"
    fetch_charts: bool = False
    kyverno: str | None = None
    fail_on: Level = Level.ERROR
    exit_zero: bool = False
    seconds: float = 86_400.0
    rulings: tuple[Ruling, ...] = ()

    @property
    def today(self) -> date:
        """The day (UTC) on which waivers are in force or not."""
        return self.started.date()

    @property
    def versions(self) -> Versions | None:
        """Of the engines whose policies rule; None takes the newest that are read."""
        return Versions(Kyverno(self.kyverno)) if self.kyverno else None


class Rulings:
    """Which rules judge a target."""

    def __init__(self, rulings: tuple[Ruling, ...]) -> None:
        self._all = next((each for each in rulings if not each.targets), None)
        self._of: Mapping[str, Ruling] = {name: each for each in rulings for name in each.targets}

    def of(self, target: str) -> Ruling | None:
        """Those that were given for it; None where it has its own."""
        return self._of.get(target, self._all)
