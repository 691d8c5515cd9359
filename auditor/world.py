"""What a run is given: everything that is in no tree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.model.finding import Level
from auditor.stopwatch import Stopwatch

if TYPE_CHECKING:
    from auditor.extending import SharedRules
    from auditor.manifests.render.tools import Renderers
    from auditor.policies.versions import Versions
    from auditor.registry.store import CacheSettings


class World(Struct, frozen=True):
    """What a run is given: `now` in UTC, `watch` for what takes how long, `jobs` requests under way at once."""

    environ: Mapping[str, str]
    now: datetime
    watch: Stopwatch
    offline: bool = False
    second_opinion: bool = False
    """Whether sigstore-python is asked as well, also where the rules do not want it."""
    jobs: int = 64
    fail_on: Level = Level.ERROR
    exit_zero: bool = False
    cache: CacheSettings | None = None
    """Where registries' answers are kept between runs; None keeps nothing."""
    renderers: Renderers | None = None
    """Programs that render trees; None reads them by this program alone."""
    charts: Path | None = None
    """Where charts that are fetched are kept between runs; None fetches none."""
    notes: tuple[str, ...] = ()
    """What the reader should know of how the run was set up."""
    versions: Versions | None = None
    """Of the engines whose policies rule; None takes the newest that are read."""

    @property
    def today(self) -> date:
        """The day (UTC) on which waivers are in force or not."""
        return self.now.date()

    @property
    def shared_rules(self) -> SharedRules:
        """Fetches the rules files that others share by address."""
        from auditor.extending import SharedRules  # noqa: PLC0415 - rules that extend nothing by address start without

        return SharedRules(self.environ, offline=self.offline)
