"""A chart of an HTTP repository: its index is asked for once in a run, its archive is taken by the digest that the index states."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from auditor.charts.archive import Refused
from auditor.charts.hosts import ChartHosts
from auditor.charts.index import Version, versions
from auditor.limits import Limits
from auditor.manifests.helm.semver import newest
from auditor.manifests.helm.wanted import Wanted
from auditor.model.reference import Digest
from auditor.registry.cache import Asker
from auditor.registry.faults import from_status
from auditor.registry.http import Answer, Question


class Packed(Struct, frozen=True):
    """An archive whose digest was compared, and the exact version that it is."""

    version: str
    content: bytes


class Repositories(Struct):
    """HTTP repositories. `kept` has archives by digest, `keep` takes them."""

    session: Asker
    hosts: ChartHosts
    limits: Limits
    kept: Callable[[str], bytes | None]
    keep: Callable[[str, bytes], None]
    _indexes: dict[str, bytes] = field(default_factory=dict)

    def version(self, chart: Wanted) -> Version:
        """The version that is wanted, as the index lists it. Raises Failed, Refused."""
        listed = versions(self._index(chart.repository), chart.name, chart.repository, self.limits)
        if listed is None:
            raise Refused("the index of the repository cannot be read")
        if not listed:
            raise Refused("the repository has no chart of that name")
        chosen = newest((one.version for one in listed), chart.version)
        if chosen is None:
            raise Refused("the repository has no such version")
        return next(one for one in listed if one.version == chosen)

    def packed(self, version: Version) -> Packed:
        """The archive, compared with its digest. Raises Failed, Refused."""
        if not version.digest:
            raise Refused("the index of the repository states no digest of it")
        known = self.kept(version.digest)
        if known is not None:
            return Packed(version.version, known)
        content = self._get(version.url, self.limits.chart_bytes).content
        if str(Digest.of(content)) != version.digest:
            raise Refused("what the repository sent has another digest than its index states")
        self.keep(version.digest, content)
        return Packed(version.version, content)

    def _index(self, repository: str) -> bytes:
        known = self._indexes.get(repository)
        if known is None:
            answer = self._get(f"{repository}/index.yaml", self.limits.chart_index_bytes)
            known = self._indexes[repository] = answer.content
        return known

    def _get(self, url: str, bound: int) -> Answer:
        if (why := self.hosts.refusal(url)) is not None:
            raise Refused(why)
        what = url[: self.limits.text]
        question = Question("GET", url, "", what, bound=bound, hosts=self.hosts.listed, anonymous=True)
        answer = self.session.ask(question)
        if answer.status == 404:
            raise Refused(f"{what} is not there")
        if answer.status != 200:
            raise from_status(answer.status, what.partition("//")[2].partition("/")[0], what, ())
        return answer
