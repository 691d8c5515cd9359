"""Charts that platforms above Kubernetes deploy: KubeVela, vCluster's platform, PipeCD, and desired states of Helmsman.

Source: kubevela.io/docs (components `helm` and `helmchart`, `schematic.helm` of a definition), loft-sh/api (VirtualClusterInstance,
VirtualClusterTemplate, App), PipeCD (KubernetesApp), Praqma/helmsman (desired state specification).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.manifests.helm.needs import Absent, nested, typed
from auditor.manifests.helm.order import ELSEWHERE, Order, Reader, chosen_of, written
from auditor.manifests.helm.sources import of_repository
from auditor.manifests.helm.wanted import Unfetched, Wanted, in_oci
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object


def _vela(item: Object, spec: Mapping) -> Iterator[Order]:
    for component in spec.mappings("components"):
        given = component.mapping("properties")
        if component.text("type") == "helm":
            yield _vela_helm(item, component, given)
        elif component.text("type") == "helmchart":
            yield _vela_chart(item, component, given)


def _vela_helm(item: Object, component: Mapping, given: Mapping) -> Order:
    """By FluxCD, with the fields of its addon; from git the chart is a directory, which is told with its repository."""
    name, version, url = given.text("chart"), given.text("version"), given.text("url")
    chosen = chosen_of(url, f"{url.rstrip('/')}/{name}" if url.startswith("oci://") else name, version)
    if given.text("repoType") in ("git", "oss"):
        chosen = Unfetched(f"it stands in {given.text('repoType')} at {url}")
    release = given.text("releaseName") or component.text("name")
    edit = given.first("version", "chart", "url")
    return Order(edit, name, version, chosen, release, _space(item, given), tuple(_values(item, given)))


def _vela_chart(item: Object, component: Mapping, given: Mapping) -> Order:
    chart, release = given.mapping("chart"), given.mapping("release")
    source, version = chart.text("source"), chart.text("version")
    chosen = chosen_of(chart.text("repoURL"), source, version)
    edit = chart.first("version", "source")
    name = release.text("name") or component.text("name")
    return Order(edit, source, version, chosen, name, _space(item, release), tuple(_values(item, given)))


def _space(item: Object, given: Mapping) -> str:
    return given.text("targetNamespace") or given.text("namespace") or item.namespace or "default"


def _values(item: Object, given: Mapping) -> Iterator[Mapping | Absent]:
    for one in given.mappings("valuesFrom"):
        yield Absent(Scalar("", item.file, one.line, 1).place(), "valuesFrom", ELSEWHERE)
    yield given.mapping("values")


def _definition(item: Object, spec: Mapping) -> Iterator[Order]:
    """A definition whose every component is this chart, with values that the component sets besides."""
    helm = spec.mapping("schematic").mapping("helm")
    chart = helm.mapping("release").mapping("chart").mapping("spec")
    if name := chart.text("chart"):
        chosen = Unfetched("each component of this type gives it values of its own")
        edit = chart.first("version", "chart")
        yield Order(edit, name, chart.text("version"), chosen, item.name, item.namespace or "default")


def _virtual(item: Object, spec: Mapping) -> Iterator[Order]:
    """A virtual cluster is a release of the chart `vcluster`, where the object or its template says which."""
    helm = spec.mapping("template").mapping("helmRelease")
    chart = helm.mapping("chart")
    if chart.entries:
        name, version = chart.text("name") or "vcluster", chart.text("version")
        chosen = _repository(chart.text("repo") or "https://charts.loft.sh", name, version)
        edit = chart.first("version", "name", "repo")
        layers = tuple(written(helm.scalar("values")))
        yield Order(edit, name, version, chosen, item.name, item.namespace or "default", layers)


def _app(item: Object, spec: Mapping) -> Iterator[Order]:
    config = spec.mapping("config")
    chart = config.mapping("chart")
    if name := chart.text("name"):
        chosen = _repository(chart.text("repoURL"), name, chart.text("version"))
        edit = chart.first("version", "name")
        layers = tuple(written(config.scalar("values")))
        yield Order(edit, name, chart.text("version"), chosen, item.name, item.namespace or "default", layers)


def _repository(url: str, name: str, version: str) -> Wanted | Unfetched:
    return of_repository(url, name, version) if url else Unfetched("its repository is known to the platform alone")


def _pipecd(item: Object, spec: Mapping) -> Iterator[Order]:
    """An app of PipeCD with a chart that is not a directory beside it: by the names that the piped knows."""
    chart = spec.mapping("input").mapping("helmChart")
    if name := chart.text("name"):
        chosen = Unfetched(f"its repository {chart.text('repository')} is known to PipeCD alone")
        edit = chart.first("version", "name")
        yield Order(edit, name, chart.text("version"), chosen, spec.text("name") or item.name, "default")


def _helmsman(item: Object, _: Mapping) -> Iterator[Order]:
    """Each app of a desired state that is not turned off: `chart` is `repository/name`, by the names of `helmRepos`."""
    for name, app in item.node.mapping("apps").entries:
        if not isinstance(app, Mapping) or not app.text("chart") or app.text("enabled") == "false":
            continue
        chart, version = app.text("chart"), app.text("version")
        alias, __, rest = chart.partition("/")
        url = item.node.mapping("helmRepos").text(alias)
        chosen: Wanted | Unfetched = Unfetched(f"the desired state names no repository {alias}")
        if chart.startswith("oci://"):
            chosen = in_oci(chart, version)
        elif url:
            chosen = of_repository(url, rest, version)
        files = (one for key in ("valuesFile", "valuesFiles", "secretsFile") for one in _listed(app, key))
        absent = tuple(Absent(one.place(), f"values file {one.text}") for one in files)
        layers: tuple[Mapping | Absent, ...] = (
            *absent,
            *(
                nested(key, typed(one, text=False))
                for key, one in app.mapping("set").entries
                if isinstance(one, Scalar)
            ),
        )
        edit = app.first("version", "chart")
        yield Order(edit, chart, version, chosen, app.text("name") or name, app.text("namespace") or "default", layers)


def _listed(node: Mapping, key: str) -> Iterator[Scalar]:
    one = node.scalar(key)
    yield from (one,) if one is not None and one.text else ()
    yield from (each for each in node.items(key) if isinstance(each, Scalar))


READERS: Final[dict[tuple[str, str], Reader]] = {
    ("Application", "core.oam.dev"): _vela,
    ("ComponentDefinition", "core.oam.dev"): _definition,
    ("WorkloadDefinition", "core.oam.dev"): _definition,
    ("VirtualClusterInstance", "management.loft.sh"): _virtual,
    ("VirtualClusterInstance", "storage.loft.sh"): _virtual,
    ("VirtualClusterTemplate", "management.loft.sh"): _virtual,
    ("VirtualClusterTemplate", "storage.loft.sh"): _virtual,
    ("App", "management.loft.sh"): _app,
    ("App", "storage.loft.sh"): _app,
    ("KubernetesApp", "pipecd.dev"): _pipecd,
    ("DesiredState", "helmsman"): _helmsman,
}
"""By kind and group: the reader of the charts that such an object deploys."""
