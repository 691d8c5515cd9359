"""What renders the trees of a run: its programs, and charts of the repositories that the rules list, where it fetches any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from auditor.config.rules import Rules
from auditor.errors import UsageError
from auditor.folders import cache_folder
from auditor.manifests.render.tools import Renderers
from auditor.world import World


def charts_folder(renderers: Renderers | None) -> Path:
    """Where fetched charts are kept. Raises UsageError where nothing would render them."""
    if renderers is None or renderers.helm is None:
        raise UsageError(
            "--fetch-charts: there is no helm to render what is fetched",
            help="install helm or the extra gitops-auditor[helm], and leave out --render never",
        )
    return cache_folder("charts")


@contextmanager
def rendering(world: World, rules: Rules) -> Iterator[Renderers | None]:
    """The renderers of a run, which fetch charts for as long as the block lasts, where that is wanted."""
    if world.charts is None or world.renderers is None:
        yield world.renderers
        return
    # Only a run that fetches needs these floors; an inventory starts without them.
    from auditor.charts.fetch import open_charts  # noqa: PLC0415

    refresh = world.cache is not None and world.cache.refresh
    with open_charts(
        rules, environ=world.environ, cache=world.charts, refresh=refresh, offline=world.offline
    ) as charts:
        yield replace(world.renderers, fetch=charts.fetch)
        world.renderers.notes.extend(charts.notes)
