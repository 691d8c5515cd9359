"""Charts that other controllers than Flux and Argo CD deploy, each by an object that names chart, repository and version.

Source: k3s-io/helm-controller (HelmChart), crossplane-contrib/provider-helm (Release), Cluster API's add-on provider for Helm
(HelmChartProxy), Sveltos (Profile, ClusterProfile), Fleet (HelmOp), k0s (Chart, ClusterConfig), kapp-controller (App),
Fleet's Bundle, Config Sync (RootSync, RepoSync), Harvester (Addon), the Helm operator before Flux 2 (HelmRelease), Open Cluster Management (Subscription), GitLab's operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.manifests.contents import complete
from auditor.manifests.helm.needs import Absent, first, nested, typed
from auditor.manifests.helm.sources import of_helmfile, of_repository
from auditor.manifests.helm.wanted import Unfetched, Wanted, in_oci
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.manifests.skeleton import origin_of

_ELSEWHERE: Final = "is not read from there"


class Order(Struct, frozen=True):
    """One chart that an object wants. `edit`: the line that chooses it; `layers`: its values, the strongest last."""

    edit: Scalar | None
    chart: str
    version: str
    chosen: Wanted | Unfetched
    name: str
    namespace: str
    layers: tuple[Mapping | Absent, ...] = ()


def orders(item: Object) -> Iterator[Order]:
    """The charts that an object of these controllers deploys; nothing for other objects."""
    reader = _READERS.get((item.kind, item.group))
    if reader is not None:
        yield from reader(item, item.node.mapping("spec"))


def _k3s(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.text("chart")
    if not chart and not spec.text("chartContent"):
        return
    chosen = _chosen(spec.text("repo"), chart, spec.text("version"))
    if spec.text("chartContent"):
        chosen = Unfetched("it stands in the object as an archive")
    layers = [*_written(spec.scalar("valuesContent"))]
    layers += [
        nested(key, typed(one, text=False)) for key, one in spec.mapping("set").entries if isinstance(one, Scalar)
    ]
    space = spec.text("targetNamespace") or item.namespace or "default"
    yield Order(
        _edit(spec, "version", "chart"),
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
    chosen = _chosen(chart.text("repository"), url or chart.text("name"), version)
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", _ELSEWHERE)
        for one in _maps(asked, "valuesFrom")
    )
    layers = (*absent, asked.mapping("values"), *_set(asked))
    name = chart.text("name") or url
    edit = _edit(chart, "version", "url", "name")
    yield Order(edit, name, version, chosen, item.name, asked.text("namespace") or "default", layers)


def _cluster_api(item: Object, spec: Mapping) -> Iterator[Order]:
    yield _named(item, spec, spec, ("repoURL", "chartName", "version"), tuple(_written(spec.scalar("valuesTemplate"))))


def _fleet(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", _ELSEWHERE)
        for one in _maps(helm, "valuesFrom")
    )
    yield _named(item, helm, spec, ("repo", "chart", "version"), (*absent, helm.mapping("values")))


def _bundle(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    if helm.text("chart") or helm.text("repo"):
        yield from _fleet(item, spec)


def _config_sync(item: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("helm")
    if spec.text("sourceType") != "helm" and not helm.text("chart"):
        return
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFileRefs", _ELSEWHERE)
        for one in _maps(helm, "valuesFileRefs")
    )
    repository = helm.text("repo")
    whole = f"{repository.rstrip('/')}/{helm.text('chart')}" if repository.startswith("oci://") else helm.text("chart")
    chosen = _chosen(repository, whole, helm.text("version"))
    release = helm.text("releaseName") or item.name
    edit = _edit(helm, "version", "chart", "repo")
    space = helm.text("namespace") or "default"
    yield Order(
        edit, helm.text("chart"), helm.text("version"), chosen, release, space, (*absent, helm.mapping("values"))
    )


def _rancher(item: Object, spec: Mapping) -> Iterator[Order]:
    chosen = Unfetched(f"its repository {spec.text('repoName')} is known to Rancher alone")
    edit = _edit(spec, "version", "chart")
    yield Order(
        edit, spec.text("chart"), spec.text("version"), chosen, item.name, spec.text("defaultNamespace") or "default"
    )


def _sveltos(item: Object, spec: Mapping) -> Iterator[Order]:
    for chart in _maps(spec, "helmCharts"):
        name = chart.text("chartName")
        chosen = _chosen(chart.text("repositoryURL"), name.rpartition("/")[2], chart.text("chartVersion"))
        edit = _edit(chart, "chartVersion", "chartName")
        layers = tuple(_written(chart.scalar("values")))
        space = chart.text("releaseNamespace") or "default"
        yield Order(
            edit, name, chart.text("chartVersion"), chosen, chart.text("releaseName") or item.name, space, layers
        )


def _k0s(_: Object, spec: Mapping) -> Iterator[Order]:
    helm = spec.mapping("extensions").mapping("helm")
    for chart in _maps(helm, "charts"):
        name, version = chart.text("chartname"), chart.text("version")
        layers = tuple(_written(chart.scalar("values")))
        edit, space = _edit(chart, "version", "chartname"), chart.text("namespace") or "default"
        yield Order(edit, name, version, of_helmfile(helm, name, version), chart.text("name"), space, layers)


def _k0s_chart(item: Object, spec: Mapping) -> Iterator[Order]:
    name, version = spec.text("chartName"), spec.text("version")
    chosen = in_oci(name, version) if name.startswith("oci://") else Unfetched("its repository is known to k0s alone")
    layers = tuple(_written(spec.scalar("values")))
    yield Order(
        _edit(spec, "version", "chartName"),
        name,
        version,
        chosen,
        item.name,
        spec.text("namespace") or "default",
        layers,
    )


def _kapp(item: Object, spec: Mapping) -> Iterator[Order]:
    for chart in (one.mapping("helmChart") for one in _maps(spec, "fetch")):
        if name := chart.text("name"):
            chosen = Unfetched("kapp-controller gives it values and overlays of its own")
            yield Order(_edit(chart, "version", "name"), name, chart.text("version"), chosen, item.name, "default")


def _harvester(item: Object, spec: Mapping) -> Iterator[Order]:
    if spec.text("enabled") == "true":
        yield from _k3s(item, spec)


def _helm_operator(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.mapping("chart")
    name, version = chart.text("name") or chart.text("path"), chart.text("version") or chart.text("ref")
    chosen = _chosen(chart.text("repository"), name, version)
    if chart.text("git"):
        chosen = Unfetched(f"it stands in the git repository {chart.text('git')}")
    absent = (
        Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", _ELSEWHERE)
        for one in _maps(spec, "valuesFrom")
    )
    edit = _edit(chart, "version", "ref", "name", "path")
    space = spec.text("targetNamespace") or item.namespace or "default"
    release = spec.text("releaseName") or item.name
    yield Order(edit, name, version, chosen, release, space, (*absent, spec.mapping("values")))


def _open_cluster(item: Object, spec: Mapping) -> Iterator[Order]:
    name, version = spec.text("name"), spec.mapping("packageFilter").text("version")
    if not name:
        return  # it applies directories of a git repository
    edit = _edit(spec.mapping("packageFilter"), "version") or _edit(spec, "name")
    chosen = Unfetched(f"its channel {spec.text('channel')} is known to the hub alone")
    yield Order(edit, name, version, chosen, item.name, item.namespace or "default")


def _gitlab(item: Object, spec: Mapping) -> Iterator[Order]:
    chart = spec.mapping("chart")
    chosen = Unfetched("the operator has it inside of its own image")
    space = item.namespace or "default"
    yield Order(
        _edit(chart, "version"), "gitlab", chart.text("version"), chosen, item.name, space, (chart.mapping("values"),)
    )


_Reader: TypeAlias = Callable[[Object, Mapping], Iterator[Order]]
_READERS: Final[dict[tuple[str, str], _Reader]] = {
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
}
KINDS: Final = frozenset(_READERS)
"""Kinds, with their groups, that deploy charts."""


def _named(
    item: Object, chart: Mapping, spec: Mapping, keys: tuple[str, str, str], layers: tuple[Mapping | Absent, ...]
) -> Order:
    """A chart whose repository, name and version stand under these keys."""
    repository, name, version = (chart.text(key) for key in keys)
    space = spec.text("namespace") or spec.text("defaultNamespace") or "default"
    chosen = _chosen(repository, name, version)
    release = chart.text("releaseName") or item.name
    return Order(_edit(chart, keys[2], keys[1], keys[0]), name or repository, version, chosen, release, space, layers)


def _chosen(repository: str, name: str, version: str) -> Wanted | Unfetched:
    """A chart of a repository, or by the whole address of its own: as its name, or as the repository without a name."""
    whole = name if "://" in name else "" if name else repository
    if whole.startswith("oci://"):
        return in_oci(whole, version)
    if whole:
        return Unfetched(f"an archive by its address ({whole}) has no digest to check it by")
    return of_repository(repository, name, version)


def _edit(node: Mapping, *keys: str) -> Scalar | None:
    return next((found for key in keys if (found := node.scalar(key)) is not None and found.text), None)


def _maps(node: Mapping, key: str) -> Iterator[Mapping]:
    yield from (one for one in node.items(key) if isinstance(one, Mapping))


def _set(node: Mapping) -> Iterator[Mapping | Absent]:
    for one in _maps(node, "set"):
        value = one.get("value")
        if isinstance(value, Scalar):
            yield nested(one.text("name"), typed(value, text=False))
        else:
            yield Absent(Scalar("", one.file, one.line, 1).place(), f"value {one.text('name')}", _ELSEWHERE)


def _written(values: Scalar | None) -> Iterator[Mapping | Absent]:
    """Values in a text. What fills in templates there is known to a cluster alone."""
    if values is None or values.null or not values.text.strip():
        return
    if "{{" in values.text:
        yield Absent(values.place(), "values", "are a template that the cluster fills in")
        return
    read = complete(values.text.encode("utf-8", "replace"), values.file, origin_of(values))
    yield first(read, values.place(), "values")
