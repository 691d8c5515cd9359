"""A chart of an OCI registry: a manifest with one layer, which is the archive.

Source: helm.sh/helm/v3/pkg/registry. A `+` of a version is a `_` of its tag. The manifest names the archive by digest, and is
itself hashed where a digest is wanted. Blobs may be served from the registry's own store by a redirect: they are hashed.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import urljoin

from msgspec import Struct
from msgspec.structs import replace

from auditor.charts.archive import Refused
from auditor.charts.hosts import ChartHosts
from auditor.charts.repositories import Packed
from auditor.limits import Limits
from auditor.manifests.helm.semver import is_exact, newest
from auditor.manifests.helm.wanted import Wanted
from auditor.model.reference import InvalidReference, Reference
from auditor.registry import endpoint as endpoints
from auditor.registry.cache import Asker
from auditor.registry.content import Contents, Manifest
from auditor.registry.endpoint import Endpoint
from auditor.registry.faults import from_status
from auditor.registry.hosts import Origin
from auditor.registry.http import Answer, Keep, Question

_LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_NEXT: Final = re.compile(r"<([^<>]*)>[^,]*;\s*rel=\"?next\"?", re.IGNORECASE)
_LINK_LENGTH: Final = 2048
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


class OciCharts(Struct):
    """Charts of OCI registries, whose hosts are on the list of the rules."""

    session: Asker
    hosts: ChartHosts
    limits: Limits

    def packed(self, chart: Wanted) -> Packed:
        """The archive. Raises Failed, Refused."""
        endpoint = self._endpoint(chart)
        tag = chart.digest or self._tag(endpoint, chart)
        found = self._contents(self.limits).manifest(endpoint, tag)
        if found is None:
            raise Refused(f"{endpoint.origin.authority} has no {tag} of it")
        version = (chart.version if chart.digest else tag).replace("_", "+")
        return Packed(version or "of that digest", self._layer(endpoint, found))

    def _endpoint(self, chart: Wanted) -> Endpoint:
        address = chart.repository.removeprefix("oci://")
        try:
            reference = Reference.parse(address)
        except InvalidReference as error:
            raise Refused(f"{address[:200]!r} is no repository: {error}") from error
        if reference.tag or reference.digest:
            raise Refused(f"{address[:200]!r} is no repository: it has a tag or digest")
        named = Endpoint(Origin.of(f"https://{reference.host}"), reference.path)
        endpoint = endpoints.of_image(reference, self.hosts.settings)
        # What the rules list is the host that the tree names; a mirror is the rules' own word.
        if (why := self.hosts.refusal(str(named.origin))) is not None:
            raise Refused(why)
        return endpoint

    def _tag(self, endpoint: Endpoint, chart: Wanted) -> str:
        if chart.is_tag or is_exact(chart.version):
            tag = chart.version.replace("+", "_")
            if not _TAG.fullmatch(tag):
                raise Refused(f"{tag[:200]!r} is no tag")
            return tag
        tags = [tag.replace("_", "+") for tag in self._tags(endpoint)]
        chosen = newest(tags, chart.version)
        if chosen is None:
            raise Refused("the registry has no such version")
        return chosen.replace("+", "_")

    def _tags(self, endpoint: Endpoint) -> list[str]:
        """Every tag (distribution specification, end-8). Raises Failed, Refused."""
        found: list[str] = []
        url: str | None = f"{endpoint.origin}/v2/{endpoint.repository}/tags/list?n=1000"
        for _ in range(self.limits.pages):
            if url is None:
                return found
            answer = self._page(endpoint, url)
            found += _names(answer)
            if len(found) > self.limits.chart_tags:
                break
            url = _following(answer, endpoint)
        raise Refused(f"the registry has more than {self.limits.chart_tags} tags of it")

    def _page(self, endpoint: Endpoint, url: str) -> Answer:
        what = f"tags of {endpoint.name}"
        question = Question("GET", url, endpoint.repository, what, bound=self.limits.manifest_bytes)
        answer = _Strict(self.session, self.hosts.listed).ask(question)
        if answer.status == 404:
            raise Refused(f"{endpoint.origin.authority} has no such repository")
        if answer.status != 200:
            raise from_status(answer.status, endpoint.origin.authority, what, answer.codes)
        return answer

    def _layer(self, endpoint: Endpoint, found: Manifest) -> bytes:
        layers = [layer for layer in found.document.layers if layer.media_type == _LAYER]
        if len(layers) != 1:
            raise Refused("what the registry has there is no chart")
        return self._contents(replace(self.limits, blob_bytes=self.limits.chart_bytes)).blob(endpoint, layers[0])

    def _contents(self, limits: Limits) -> Contents:
        return Contents(_Strict(self.session, self.hosts.listed), limits)


class _Strict(Struct, frozen=True):
    """Questions whose answers are not hashed stay on the hosts of the list; what is asked for by digest may be elsewhere."""

    session: Asker
    listed: frozenset[str]

    def ask(self, question: Question) -> Answer:
        """The answer. Raises Failed."""
        hashed = question.keep is Keep.CONTENT
        return self.session.ask(question if hashed else replace(question, hosts=self.listed))


def _names(answer: Answer) -> list[str]:
    try:
        tags = json.loads(answer.content).get("tags")
    except (ValueError, AttributeError, RecursionError):
        raise Refused("the registry's list of tags cannot be read") from None
    return [tag for tag in tags or () if isinstance(tag, str)] if isinstance(tags, list | None) else []


def _following(answer: Answer, endpoint: Endpoint) -> str | None:
    """The address of the next page (RFC 8288), on the same host."""
    match = _NEXT.search(str(answer.headers.get("link", ""))[:_LINK_LENGTH])
    if match is None:
        return None
    try:
        url = urljoin(answer.url, str(match[1]))
        inside = Origin.of(url) in (endpoint.origin, Origin.of(answer.url))
    except ValueError:
        inside, url = False, ""
    if not inside:
        raise Refused("the registry's list of tags goes on at another host")
    return url
