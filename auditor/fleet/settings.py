"""What every part of an audit works by, wherever it runs: small, and of plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from auditor.model.finding import Level
from auditor.policies.versions import Kyverno, Versions
from auditor.source.memory import Kept


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a run. `started` in UTC is the time at which everything is judged.

    `config` are the files of the one rules file that judges all repositories, `config_path` its name among them; empty where
    each repository has rules of its own. `seconds` is how long the run may take in all. Credentials are not among these: a
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
    config: tuple[Kept, ...] = ()
    config_path: str | None = None

    @property
    def today(self) -> date:
        """The day (UTC) on which waivers are in force or not."""
        return self.started.date()

    @property
    def versions(self) -> Versions | None:
        """Of the engines whose policies rule; None takes the newest that are read."""
        return Versions(Kyverno(self.kyverno)) if self.kyverno else None
