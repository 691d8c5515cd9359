"""Whatever deploys a chart of a repository, with real sockets and the real helm: its images, at the line that chooses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec import Struct
from msgspec.structs import replace

from auditor.charts.fetch import ChartFetcher, open_charts
from auditor.config.rules import ManifestSettings, Rules
from auditor.manifests.inventory import Inventory, inventory
from auditor.model.use import Via
from auditor.source.memory import MemoryTree
from fixtures.registry import OciRegistry
from tests.support.charts import Repository, files, packed, push, repository
from tests.support.renderers import placed, renderers

pytestmark = pytest.mark.interop


class Servers(Struct, frozen=True):
    """An HTTP repository and an OCI registry, both with the chart `web` (1.2.3, 1.3.0)."""

    charts: Repository
    registry: OciRegistry

    @property
    def oci(self) -> str:
        return f"oci://{self.registry.host}/acme"


@pytest.fixture(name="servers")
def _servers() -> Iterator[Servers]:
    with repository() as charts, OciRegistry() as registry:
        charts.publish("1.2.3", "1.3.0")
        for version in ("1.2.3", "1.3.0"):
            push(registry, "acme/web", version, packed(files(version)))
        yield Servers(charts, registry)


@contextmanager
def fetching(servers: Servers) -> Iterator[ChartFetcher]:
    hosts = (servers.charts.authority, servers.registry.host)
    with open_charts(Rules("test", manifests=ManifestSettings(charts=hosts)), environ={}, cache=None) as fetcher:
        yield fetcher


def read(servers: Servers, tree: dict[str, str], *, changed: frozenset[str] | None = None) -> Inventory:
    with fetching(servers) as fetcher:
        held = MemoryTree({path: text.encode() for path, text in tree.items()}, "test")
        programs = replace(renderers("helm", "kustomize"), fetch=fetcher.fetch)
        return inventory(held, ManifestSettings(), renderers=programs, changed=changed)


def flux(source: dict[str, object], release: dict[str, object], kind: str = "HelmRepository") -> dict[str, str]:
    """A HelmRelease in one directory and its source in another, each key of the specifications on a line of its own."""
    group = "source.toolkit.fluxcd.io/v1"
    spec = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in source.items())
    own = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in release.items())
    return {
        "sources/web.yaml": f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: acme, namespace: flux}}\nspec:\n{spec}",
        "apps/web.yaml": (
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: prod}\nspec:\n"
            + own
        ),
    }


def chart(version: str, **more: object) -> dict[str, object]:
    reference = {"kind": "HelmRepository", "name": "acme", "namespace": "flux"}
    return {"spec": {"chart": "web", "version": version, "sourceRef": reference, **more}}


def whys(found: Inventory) -> str:
    return "\n".join(gap.why for gap in found.gaps if gap.rule == "unrendered")


@pytest.mark.parametrize("kind", ["https", "oci"])
def test_a_release_of_a_repository_points_at_its_version_and_at_its_values(servers: Servers, kind: str) -> None:
    source: dict[str, object] = {"url": servers.charts.url if kind == "https" else servers.oci}
    found = read(servers, flux(source, {"chart": chart("1.2.3")}))
    assert placed(found) == {("ghcr.io/acme/web:v1.2.3", "apps/web.yaml", 5)}
    assert {use.via for use in found.uses} == {Via.CHART}
    assert not whys(found)
    found = read(servers, flux(source, {"chart": chart("1.x"), "values": {"image": {"tag": "v7"}}}))
    assert placed(found) == {("ghcr.io/acme/web:v7", "apps/web.yaml", 6)}


def test_a_chart_reference_is_followed_to_its_tag_range_or_digest(servers: Servers) -> None:
    digest = push(servers.registry, "acme/web", "9.9.9", packed(files("9.9.9")))
    release: dict[str, object] = {"chartRef": {"kind": "OCIRepository", "name": "acme", "namespace": "flux"}}
    for ref, version in (({"tag": "1.2.3"}, "1.2.3"), ({"semver": "1.x"}, "1.3.0"), ({"digest": digest}, "9.9.9")):
        found = read(servers, flux({"url": f"{servers.oci}/web", "ref": ref}, release, "OCIRepository"))
        assert (f"ghcr.io/acme/web:v{version}", "apps/web.yaml", 5) in placed(found), whys(found)
    via: dict[str, object] = {"chartRef": {"kind": "HelmChart", "name": "web"}}
    own = {"chart": "web", "version": "1.2.3", "sourceRef": {"kind": "HelmRepository", "name": "acme"}}
    more = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart", "metadata": {"name": "web"}, "spec": own}
    found = read(servers, {**flux({"url": servers.charts.url}, via), "sources/chart.yaml": json.dumps(more)})
    assert "ghcr.io/acme/web:v1.2.3" in {use.reference for use in found.uses}, whys(found)


def test_values_files_of_the_chart_stand_for_its_own(servers: Servers) -> None:
    held = {**files("2.0.0"), "prod.yaml": b"image: {repository: ghcr.io/acme/prod}\n"}
    push(servers.registry, "acme/web", "2.0.0", packed(held))
    source: dict[str, object] = {"type": "oci", "url": servers.oci}
    found = read(servers, flux(source, {"chart": chart("2.0.0", valuesFiles=["prod.yaml"])}))
    assert placed(found) == {("ghcr.io/acme/prod:v2.0.0", "apps/web.yaml", 5)}
    assert "no values file x.yaml" in whys(
        read(servers, flux(source, {"chart": chart("2.0.0", valuesFiles=["x.yaml"])}))
    )


def test_post_renderers_work_on_what_was_fetched(servers: Servers) -> None:
    post = [{"kustomize": {"images": [{"name": "ghcr.io/acme/web", "newTag": "v8"}]}}]
    found = read(servers, flux({"url": servers.charts.url}, {"chart": chart("1.2.3"), "postRenderers": post}))
    assert placed(found) == {("ghcr.io/acme/web:v8", "apps/web.yaml", 6)}


@pytest.mark.parametrize("kind", ["https", "oci"])
def test_an_application_of_a_repository(servers: Servers, kind: str) -> None:
    url = servers.charts.url if kind == "https" else servers.oci.removeprefix("oci://")
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  sources:\n"
        f"  - repoURL: {url}\n    chart: web\n    targetRevision: 1.2.*\n    helm:\n      valueFiles: [$here/web.yaml]\n"
        "  - {repoURL: https://git.acme.example/deploy, ref: here}\n"
    )
    found = read(servers, {"app.yaml": text, "web.yaml": "other: true\n"})
    assert placed(found) == {("ghcr.io/acme/web:v1.2.3", "app.yaml", 8)}
    found = read(servers, {"app.yaml": text, "web.yaml": "image:\n  tag: v7\n"})
    assert placed(found) == {("ghcr.io/acme/web:v7", "web.yaml", 2)}


def test_kustomize_fleet_helmfile_and_a_chart_that_needs_one(servers: Servers) -> None:
    url = servers.charts.url
    tree = {
        "k/kustomization.yaml": f"helmCharts:\n- name: web\n  repo: {url}\n  version: 1.2.3\n  releaseName: web\n",
        "f/fleet.yaml": f"helm:\n  repo: {url}\n  chart: web\n  version: 1.3.0\n",
        "h/helmfile.yaml": (
            f"repositories:\n- {{name: acme, url: {url}}}\nreleases:\n- name: web\n  chart: acme/web\n  version: 1.2.3\n"
            f"- name: oci\n  chart: {servers.oci}/web\n  version: 1.3.0\n"
        ),
        "c/Chart.yaml": (
            "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- name: web\n"
            f"  version: 1.x\n  repository: {url}\n  alias: front\n"
        ),
        "c/Chart.lock": f"dependencies:\n- name: web\n  version: 1.2.3\n  repository: {url}\n",
        "c/values.yaml": "front:\n  image:\n    repository: ghcr.io/acme/front\n",
    }
    found = read(servers, tree)
    assert not whys(found)
    assert {(use.reference, use.place.file, use.root) for use in found.uses} == {
        ("ghcr.io/acme/web:v1.2.3", "k/kustomization.yaml", "k"),
        ("ghcr.io/acme/web:v1.3.0", "f/fleet.yaml", "f"),
        ("ghcr.io/acme/web:v1.2.3", "h/helmfile.yaml", "h"),
        ("ghcr.io/acme/web:v1.3.0", "h/helmfile.yaml", "h"),
        ("ghcr.io/acme/front:v1.2.3", "c/Chart.yaml", "c"),
    }


def test_what_is_not_fetched_is_named_with_its_reason(servers: Servers) -> None:
    tree = flux({"url": "https://charts.acme.example"}, {"chart": chart("1.2.3")})
    said = whys(read(servers, tree))
    assert "HelmRelease web deploys chart web (1.2.3), which is not fetched: charts.acme.example is not asked" in said
    assert "HelmRepository acme is not in the tree" in whys(read(servers, {"apps/web.yaml": tree["apps/web.yaml"]}))
    two = {**tree, "sources/other.yaml": tree["sources/web.yaml"].replace("charts.", "other.")}
    assert "several HelmRepository acme" in whys(read(servers, two))
    assert "no such version" in whys(read(servers, flux({"url": servers.charts.url}, {"chart": chart("7.x")})))
    bad = packed({**files("3.0.0"), "templates/bad.yaml": b'{{ fail "wrong" }}'})
    push(servers.registry, "acme/web", "3.0.0", bad)
    source: dict[str, object] = {"type": "oci", "url": servers.oci}
    said = whys(read(servers, flux(source, {"chart": chart("3.0.0")})))
    assert "which helm does not render" in said
    assert "web/templates/bad.yaml:1:3): wrong" in said


def test_without_fetching_nobody_is_asked_and_the_chart_is_named(servers: Servers) -> None:
    tree = flux({"url": servers.charts.url}, {"chart": chart("1.2.3")})
    held = MemoryTree({path: text.encode() for path, text in tree.items()}, "test")
    found = inventory(held, ManifestSettings(), renderers=renderers("helm"))
    assert "HelmRelease web deploys chart web (1.2.3): its images are unknown" in whys(found)
    assert servers.charts.asked == []


def test_a_change_of_the_source_alone_renders_the_release(servers: Servers) -> None:
    """The release itself is not touched: what it deploys is."""
    tree = flux({"url": servers.charts.url}, {"chart": chart("1.2.3")})
    assert placed(read(servers, tree, changed=frozenset({"sources/web.yaml"})))
    assert not read(servers, tree, changed=frozenset({"elsewhere.yaml"})).uses


def test_a_fetched_chart_deploys_what_it_deploys(servers: Servers) -> None:
    """An app of apps from a repository: its Applications are followed into this tree, whatever a change touches."""
    inner = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: inner}\n"
        "spec: {source: {repoURL: 'https://git.acme.example/x', path: local, helm: {parameters: [{name: tag, value: v4}]}}}\n"
    )
    push(servers.registry, "acme/web", "4.0.0", packed({**files("4.0.0"), "templates/apps.yaml": inner.encode()}))
    source: dict[str, object] = {"type": "oci", "url": servers.oci}
    local = {
        "local/Chart.yaml": "apiVersion: v2\nname: local\nversion: 1.0.0\n",
        "local/values.yaml": "tag: v1\n",
        "local/templates/pod.yaml": (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: 'a/b:{{ .Values.tag }}'}]}\n"
        ),
    }
    tree = {**flux(source, {"chart": chart("4.0.0")}), **local}
    for changed in (None, frozenset({"local/values.yaml"})):
        found = read(servers, tree, changed=changed)
        assert "a/b:v4" in {use.reference for use in found.uses}, whys(found)
