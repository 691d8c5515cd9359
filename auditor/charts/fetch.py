"""Every chart that a run fetches. The recipe, for each chart once:

1. Its repository is on the list of the rules, or it is not asked.
2. A version that is no exact one is looked for in the repository as Helm does, and which one it was is told.
3. The archive has the digest that the index, or the manifest, states. Charts kept between runs are hashed again.
4. It is unpacked in memory, within bounds; what is not a plain file of the chart refuses all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.charts.archive import Refused, unpack
from auditor.charts.hosts import ChartHosts
from auditor.charts.oci import OciCharts
from auditor.charts.repositories import Packed, Repositories
from auditor.config.rules import Rules
from auditor.limits import DEFAULT, Limits
from auditor.manifests.helm.semver import is_exact
from auditor.manifests.helm.wanted import Fetched, Unfetched, Wanted, in_oci
from auditor.model.reference import Digest
from auditor.registry.cache import Asker, Nobody
from auditor.registry.endpoint import by_authority
from auditor.registry.faults import Failed
from auditor.registry.http import Session
from auditor.registry.store import Cache

_ODD: Final = re.compile(r"[^\w.+-]", re.ASCII)


@dataclass(slots=True)
class ChartFetcher:
    """Brings charts. `notes` tells what a range of versions was today."""

    session: Asker
    hosts: ChartHosts
    limits: Limits = DEFAULT
    cache: Cache | None = None
    refresh: bool = False
    notes: list[str] = field(default_factory=list)
    _known: dict[Wanted, Fetched | Unfetched] = field(default_factory=dict)
    _repositories: Repositories = field(init=False)
    _oci: OciCharts = field(init=False)

    def __post_init__(self) -> None:
        self._repositories = Repositories(self.session, self.hosts, self.limits, self._kept, self._keep)
        self._oci = OciCharts(self.session, self.hosts, self.limits)

    def fetch(self, chart: Wanted) -> Fetched | Unfetched:
        """The chart, or why it is not there; the same answer all along a run."""
        known = self._known.get(chart)
        if known is None:
            known = self._known[chart] = self._fetch(chart)
        return known

    def _fetch(self, chart: Wanted) -> Fetched | Unfetched:
        try:
            packed = self._packed(chart)
            files = unpack(packed.content, self.limits)
        except Refused as refusal:
            return Unfetched(str(refusal))
        except Failed as failure:
            return Unfetched(failure.fault.detail)
        if not chart.digest and not chart.is_tag and not is_exact(chart.version):
            self.notes.append(f"{chart.title} is {packed.version} now")
        return Fetched(files, _ODD.sub("-", f"{chart.name}-{packed.version}.tgz"))

    def _packed(self, chart: Wanted) -> Packed:
        if chart.is_oci:
            return self._oci.packed(chart)
        version = self._repositories.version(chart)
        if not version.url.startswith("oci://"):
            return self._repositories.packed(version)
        # An index may say that the archive is in a registry: `oci://host/path/name:tag`.
        address, _, tag = version.url.rpartition(":")
        moved = in_oci(address, tag, is_tag=True)
        if isinstance(moved, Unfetched):
            raise Refused(moved.why)
        packed = self._oci.packed(moved)
        if version.digest and str(Digest.of(packed.content)) != version.digest:
            raise Refused("what the registry sent has another digest than the index states")
        return Packed(version.version, packed.content)

    def _kept(self, digest: str) -> bytes | None:
        if self.cache is None or self.refresh:
            return None
        content = self.cache.read(f"chart {digest}")
        return content if content is not None and str(Digest.of(content)) == digest else None

    def _keep(self, digest: str, content: bytes) -> None:
        if self.cache is not None:
            self.cache.write(f"chart {digest}", content)


@contextmanager
def open_charts(
    rules: Rules, *, environ: Mapping[str, str], cache: Path | None, refresh: bool = False, offline: bool = False
) -> Iterator[ChartFetcher]:
    """A fetcher by these rules. `cache`: the folder where charts are kept between runs; `offline` asks nobody."""
    kept = Cache(cache) if cache is not None else None
    settings = by_authority(rules.registries)
    hosts = ChartHosts(frozenset(host.lower() for host in rules.manifests.charts), settings)
    if offline:
        yield ChartFetcher(Nobody(), hosts, cache=kept, refresh=refresh)
        return
    with Session(settings, environ, DEFAULT) as session:
        yield ChartFetcher(session, hosts, cache=kept, refresh=refresh)
    if kept is not None:
        kept.trim(DEFAULT.chart_cache_bytes)
