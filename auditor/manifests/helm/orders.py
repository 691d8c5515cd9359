"""Charts that other controllers than Flux and Argo CD deploy, each by an object that names chart, repository and version.

Source: k3s-io/helm-controller (HelmChart), crossplane-contrib/provider-helm (Release), Cluster API's add-on provider for Helm
(HelmChartProxy), Sveltos (Profile, ClusterProfile), Fleet (HelmOp), k0s (Chart, ClusterConfig), kapp-controller (App),
Fleet's Bundle, Config Sync (RootSync, RepoSync), Harvester (Addon), the Helm operator before Flux 2 (HelmRelease), Open Cluster Management (Subscription), GitLab's operator, Redpanda's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.manifests.helm import platforms
from auditor.manifests.helm.needs import Absent, nested, typed
from auditor.manifests.helm.order import ELSEWHERE, Order, Reader, chosen_of, given, named, written
from auditor.manifests.helm.sources import of_helmfile
from auditor.manifests.helm.wanted import Unfetched, in_oci
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object


def orders(item: Object) -> Iterator[Order]:
    """The charts that an object of these controllers deploys; nothing for other objects."""
    reader = _READERS.get((item.kind, item.group))
    if reader is not None:
        yield from reader(item, item.node.mapping("spec"))


def _k3s(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.text("chart")
    if not chart and not spec.text("chartContent"):
        return
    chosen = chosen_of(spec.text("repo"), chart, spec.text("version"))
    if spec.text("chartContent"):
        chosen = Unfetched("it stands in the object as an archive")
    layers = [*written(spec.scalar("valuesContent"))]
    layers += [
        nested(key, typed(one, text=False)) for key, one in spec.mapping("set").entries if isinstance(one, Scalar)
    ]
    space = spec.text("targetNamespace") or item.namespace or "default"
    yield Order(
        spec.first("version", "chart"),
        chart or item.name,
        spec.text("version"),
        chosen,
        item.name,
        space,
        tuple(layers),
    )


def _crossplane(item: Object, spec: Mapping) -> Iterator[Order]:
    asked = spec.mapping("forProvider")
    chart = asked.mapping("chart")
    url, version = chart.text("url"), chart.text("version")
    chosen = chosen_of(chart.text("repository"), url or chart.text("name"), version)
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", ELSEWHERE)
        for one in asked.mappings("valuesFrom")
    )
    layers = (*absent, asked.mapping("values"), *given(asked))
    name = chart.text("name") or url
    edit = chart.first("version", "url", "name")
    yield Order(edit, name, version, chosen, item.name, asked.text("namespace") or "default", layers)


def _cluster_api(item: Object, spec: Mapping) -> Iterator[Order]:
    yield named(item, spec, spec, ("repoURL", "chartName", "version"), tuple(written(spec.scalar("valuesTemplate"))))


def _fleet(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", ELSEWHERE)
        for one in helm.mappings("valuesFrom")
    )
    yield named(item, helm, spec, ("repo", "chart", "version"), (*absent, helm.mapping("values")))


def _bundle(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    if helm.text("chart") or helm.text("repo"):
        yield from _fleet(item, spec)


def _config_sync(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    if spec.text("sourceType") != "helm" and not helm.text("chart"):
        return
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFileRefs", ELSEWHERE)
        for one in helm.mappings("valuesFileRefs")
    )
    repository = helm.text("repo")
    whole = f"{repository.rstrip('/')}/{helm.text('chart')}" if repository.startswith("oci://") else helm.text("chart")
    chosen = chosen_of(repository, whole, helm.text("version"))
    release = helm.text("releaseName") or item.name
    edit = helm.first("version", "chart", "repo")
    space = helm.text("namespace") or "default"
    yield Order(
        edit, helm.text("chart"), helm.text("version"), chosen, release, space, (*absent, helm.mapping("values"))
    )


def _rancher(item: Object, spec: Mapping) -> Iterator[Order]:
    chosen = Unfetched(f"its repository {spec.text('repoName')} is known to Rancher alone")
    edit = spec.first("version", "chart")
    yield Order(
        edit, spec.text("chart"), spec.text("version"), chosen, item.name, spec.text("defaultNamespace") or "default"
    )


def _sveltos(item: Object, spec: Mapping) -> Iterator[Order]:
    for chart in spec.mappings("helmCharts"):
        name = chart.text("chartName")
        chosen = chosen_of(chart.text("repositoryURL"), name.rpartition("/")[2], chart.text("chartVersion"))
        edit = chart.first("chartVersion", "chartName")
        layers = tuple(written(chart.scalar("values")))
        space = chart.text("releaseNamespace") or "default"
        yield Order(
            edit, name, chart.text("chartVersion"), chosen, chart.text("releaseName") or item.name, space, layers
        )


def _k0s(_: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("extensions").mapping("helm")
    for chart in helm.mappings("charts"):
        name, version = chart.text("chartname"), chart.text("version")
        layers = tuple(written(chart.scalar("values")))
        edit, space = chart.first("version", "chartname"), chart.text("namespace") or "default"
        yield Order(edit, name, version, of_helmfile(helm, name, version), chart.text("name"), space, layers)


def _k0s_chart(item: Object, spec: Mapping) -> Iterator[Order]:
    name, version = spec.text("chartName"), spec.text("version")
    chosen = in_oci(name, version) if name.startswith("oci://") else Unfetched("its repository is known to k0s alone")
    layers = tuple(written(spec.scalar("values")))
    yield Order(
        spec.first("version", "chartName"),
        name,
        version,
        chosen,
        item.name,
        spec.text("namespace") or "default",
        layers,
    )


def _kapp(item: Object, spec: Mapping) -> Iterator[Order]:
    for chart in (one.mapping("helmChart") for one in spec.mappings("fetch")):
        if name := chart.text("name"):
            chosen = Unfetched("kapp-controller gives it values and overlays of its own")
            yield Order(chart.first("version", "name"), name, chart.text("version"), chosen, item.name, "default")


def _harvester(item: Object, spec: Mapping) -> Iterator[Order]:
    if spec.text("enabled") == "true":
        yield from _k3s(item, spec)


def _helm_operator(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.mapping("chart")
    name, version = chart.text("name") or chart.text("path"), chart.text("version") or chart.text("ref")
    chosen = chosen_of(chart.text("repository"), name, version)
    if chart.text("git"):
        chosen = Unfetched(f"it stands in the git repository {chart.text('git')}")
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", ELSEWHERE)
        for one in spec.mappings("valuesFrom")
    )
    edit = chart.first("version", "ref", "name", "path")
    space = spec.text("targetNamespace") or item.namespace or "default"
    release = spec.text("releaseName") or item.name
    yield Order(edit, name, version, chosen, release, space, (*absent, spec.mapping("values")))


def _open_cluster(item: Object, spec: Mapping) -> Iterator[Order]:
    name, version = spec.text("name"), spec.mapping("packageFilter").text("version")
    if not name:
        return  # it applies directories of a git repository
    edit = spec.mapping("packageFilter").first("version") or spec.first("name")
    chosen = Unfetched(f"its channel {spec.text('channel')} is known to the hub alone")
    yield Order(edit, name, version, chosen, item.name, item.namespace or "default")


def _gitlab(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.mapping("chart")
    chosen = Unfetched("the operator has it inside of its own image")
    space = item.namespace or "default"
    yield Order(
        chart.first("version"), "gitlab", chart.text("version"), chosen, item.name, space, (chart.mapping("values"),)
    )


def _redpanda(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.mapping("chartRef")
    chosen = Unfetched("the operator has it inside of its own image, or fetches it where a flag allows that")
    name, version = chart.text("chartName") or "redpanda", chart.text("chartVersion")
    edit, space = chart.first("chartVersion", "chartName"), item.namespace or "default"
    yield Order(edit, name, version, chosen, item.name, space, (spec.mapping("clusterSpec"),))


_READERS: Final[dict[tuple[str, str], Reader]] = {
    ("HelmChart", "helm.cattle.io"): _k3s,
    ("Addon", "harvesterhci.io"): _harvester,
    ("HelmRelease", "helm.fluxcd.io"): _helm_operator,
    ("Subscription", "apps.open-cluster-management.io"): _open_cluster,
    ("GitLab", "apps.gitlab.com"): _gitlab,
    ("Release", "helm.crossplane.io"): _crossplane,
    ("Release", "helm.m.crossplane.io"): _crossplane,
    ("HelmChartProxy", "addons.cluster.x-k8s.io"): _cluster_api,
    ("HelmOp", "fleet.cattle.io"): _fleet,
    ("Bundle", "fleet.cattle.io"): _bundle,
    ("RootSync", "configsync.gke.io"): _config_sync,
    ("RepoSync", "configsync.gke.io"): _config_sync,
    ("ManagedChart", "management.cattle.io"): _rancher,
    ("Profile", "config.projectsveltos.io"): _sveltos,
    ("ClusterProfile", "config.projectsveltos.io"): _sveltos,
    ("ClusterConfig", "k0s.k0sproject.io"): _k0s,
    ("Chart", "helm.k0sproject.io"): _k0s_chart,
    ("App", "kappctrl.k14s.io"): _kapp,
    ("Redpanda", "cluster.redpanda.com"): _redpanda,
    **platforms.READERS,
}
KINDS: Final = frozenset(_READERS)
"""Kinds, with their groups, that deploy charts."""
