"""Charts that k3s, Crossplane, Cluster API, Sveltos, Fleet, k0s and kapp-controller deploy, and operators of catalogues."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.helm.wanted import Fetched, Unfetched, Wanted
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree
from tests.support.renderers import renderers

CASES = {
    "HelmChart": (
        "helm.cattle.io/v1",
        (
            "  repo: https://charts.acme.example\n  chart: web\n  version: 1.2.3\n  set: {proxy.tag: v7}\n"
            "  valuesContent: |\n    tag: v9\n"
        ),
        "deploys chart web (1.2.3)",
        (7, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v7"}),
    ),
    "Release": (
        "helm.crossplane.io/v1beta1",
        (
            "  forProvider:\n    chart:\n      repository: https://charts.acme.example\n      name: web\n      version: 1.2.3\n"
            "    values: {tag: v9}\n    set: [{name: proxy.tag, value: v7}]\n"
        ),
        "deploys chart web (1.2.3)",
        (9, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v7"}),
    ),
    "HelmChartProxy": (
        "addons.cluster.x-k8s.io/v1alpha1",
        "  repoURL: https://charts.acme.example\n  chartName: web\n  version: 1.2.3\n  valuesTemplate: |\n    tag: v9\n",
        "deploys chart web (1.2.3)",
        (7, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "Addon": (
        "harvesterhci.io/v1beta1",
        (
            "  enabled: true\n  repo: https://charts.acme.example\n  chart: web\n  version: 1.2.3\n"
            "  valuesContent: |\n    tag: v9\n"
        ),
        "deploys chart web (1.2.3)",
        (8, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "HelmRelease": (
        "helm.fluxcd.io/v1",
        (
            "  chart:\n    repository: https://charts.acme.example\n    name: web\n    version: 1.2.3\n"
            "  values: {tag: v9}\n"
        ),
        "deploys chart web (1.2.3)",
        (8, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "HelmOp": (
        "fleet.cattle.io/v1alpha1",
        "  helm:\n    repo: https://charts.acme.example\n    chart: web\n    version: 1.2.3\n    values: {tag: v9}\n",
        "deploys chart web (1.2.3)",
        (8, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "Bundle": (
        "fleet.cattle.io/v1alpha1",
        "  helm:\n    repo: https://charts.acme.example\n    chart: web\n    version: 1.2.3\n    values: {tag: v9}\n",
        "deploys chart web (1.2.3)",
        (8, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "RootSync": (
        "configsync.gke.io/v1beta1",
        (
            "  sourceType: helm\n  helm:\n    repo: https://charts.acme.example\n    chart: web\n    version: 1.2.3\n"
            "    values: {tag: v9}\n"
        ),
        "deploys chart web (1.2.3)",
        (9, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "ClusterProfile": (
        "config.projectsveltos.io/v1beta1",
        (
            "  helmCharts:\n  - repositoryURL: https://charts.acme.example\n    chartName: acme/web\n    chartVersion: 1.2.3\n"
            "    values: |\n      tag: v9\n"
        ),
        "deploys chart acme/web (1.2.3)",
        (8, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
    "ClusterConfig": (
        "k0s.k0sproject.io/v1beta1",
        (
            "  extensions:\n    helm:\n      repositories: [{name: acme, url: 'https://charts.acme.example'}]\n      charts:\n"
            "      - name: web\n        chartname: acme/web\n        version: 1.2.3\n        values: |\n          tag: v9\n"
        ),
        "deploys chart acme/web (1.2.3)",
        (11, {"ghcr.io/acme/web:v9", "ghcr.io/acme/proxy:v1"}),
    ),
}
UNKNOWN = {
    "chart content": ("helm.cattle.io/v1", "HelmChart", "  chartContent: H4sIAAAA\n", "stands in the object"),
    "archive": (
        "helm.cattle.io/v1",
        "HelmChart",
        "  chart: https://charts.acme.example/web-1.tgz\n",
        "no digest to check it by",
    ),
    "own": ("helm.k0sproject.io/v1beta1", "Chart", "  chartName: acme/web\n  version: 1\n", "known to k0s alone"),
    "rancher": (
        "management.cattle.io/v3",
        "ManagedChart",
        "  chart: web\n  repoName: acme\n",
        "known to Rancher alone",
    ),
    "channel": (
        "apps.open-cluster-management.io/v1",
        "Subscription",
        "  channel: acme/charts\n  name: web\n  packageFilter: {version: 1.2.3}\n",
        "channel acme/charts is known to the hub alone",
    ),
    "git": (
        "helm.fluxcd.io/v1",
        "HelmRelease",
        "  chart: {git: 'https://git.acme.example/charts', path: web, ref: main}\n",
        "stands in the git repository https://git.acme.example/charts",
    ),
    "gitlab": ("apps.gitlab.com/v1beta1", "GitLab", "  chart: {version: 8.0.1}\n", "inside of its own image"),
    "kapp": (
        "kappctrl.k14s.io/v1alpha1",
        "App",
        "  fetch: [{helmChart: {name: web, version: '1', repository: {url: 'https://charts.acme.example'}}}]\n",
        "values and overlays of its own",
    ),
}
WEB = {
    "Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "values.yaml": b"tag: v1\nproxy: {tag: v1}\n",
    "templates/pod.yaml": (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n"
        b"  - {name: a, image: 'ghcr.io/acme/web:{{ .Values.tag }}'}\n"
        b"  - {name: b, image: 'ghcr.io/acme/proxy:{{ .Values.proxy.tag }}'}\n"
    ),
}


def fetch(wanted: Wanted) -> Fetched | Unfetched:
    """The one chart that there is."""
    asked = (wanted.repository, wanted.name, wanted.version)
    known = asked == ("https://charts.acme.example", "web", "1.2.3")
    return Fetched(WEB, "web-1.2.3.tgz") if known else Unfetched(f"nobody has {asked}")


def written(version: str, kind: str, spec: str) -> MemoryTree:
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}"
    return MemoryTree({"x.yaml": text.encode()}, "tree")


def by_helm(tree: MemoryTree) -> Inventory:
    return inventory(tree, ManifestSettings(), renderers=replace(renderers("helm"), fetch=fetch))


@pytest.mark.parametrize("kind", CASES)
def test_a_chart_is_told_with_the_line_that_chooses_it_and_never_silently_left_out(kind: str) -> None:
    version, spec, why, (line, _) = CASES[kind]
    (gap,) = (
        gap for gap in inventory(written(version, kind, spec), ManifestSettings()).gaps if gap.rule == "unrendered"
    )
    assert why in gap.why
    assert gap.place.line == line


@pytest.mark.parametrize("kind", CASES)
def test_a_chart_that_is_fetched_is_rendered_with_the_values_of_the_object(kind: str) -> None:
    version, spec, _, (_, images) = CASES[kind]
    found = by_helm(written(version, kind, spec))
    assert {use.reference for use in found.uses} == images
    assert not found.gaps


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_chart_that_cannot_be_fetched_says_why(name: str) -> None:
    version, kind, spec, why = UNKNOWN[name]
    (gap,) = by_helm(written(version, kind, spec)).gaps
    assert why in gap.why


def test_values_that_a_cluster_fills_in_are_told() -> None:
    version, spec, _, _ = CASES["HelmChartProxy"]
    templated = spec.replace("tag: v9", "tag: {{ .Cluster.spec.tag }}")
    found = by_helm(written(version, "HelmChartProxy", templated))
    assert [gap.what for gap in found.gaps] == ["missing values"]
    assert {use.reference for use in found.uses} == {"ghcr.io/acme/web:v1", "ghcr.io/acme/proxy:v1"}


@pytest.mark.parametrize(
    ("version", "kind", "spec", "line", "why"),
    [
        (
            "operators.coreos.com/v1alpha1",
            "Subscription",
            "  name: web\n  channel: stable\n  source: acme\n",
            6,
            "Subscription x installs operator web (channel stable) from the catalogue acme: its images are unknown",
        ),
        (
            "operators.coreos.com/v1alpha1",
            "Subscription",
            "  name: web\n  channel: stable\n  source: acme\n  startingCSV: web.v1\n",
            8,
            "Subscription x installs operator web (web.v1) from the catalogue acme: its images are unknown",
        ),
        (
            "olm.operatorframework.io/v1",
            "ClusterExtension",
            "  source:\n    sourceType: Catalog\n    catalog:\n      packageName: web\n      version: 1.x\n",
            9,
            "ClusterExtension x installs operator web (1.x) from the catalogues: its images are unknown",
        ),
        (
            "policy.open-cluster-management.io/v1beta1",
            "OperatorPolicy",
            "  subscription:\n    name: web\n    channel: stable\n    source: acme\n",
            7,
            "OperatorPolicy x installs operator web (channel stable) from the catalogue acme: its images are unknown",
        ),
        (
            "platform.openshift.io/v1alpha1",
            "PlatformOperator",
            "  package:\n    name: web\n",
            6,
            "PlatformOperator x installs operator web (any version) from the platform's catalogue: its images are unknown",
        ),
        (
            "packaging.carvel.dev/v1alpha1",
            "PackageInstall",
            "  packageRef:\n    refName: web.acme\n    versionSelection:\n      constraints: 1.x\n",
            8,
            "PackageInstall x installs package web.acme (1.x) from the cluster's package repositories: its images are unknown",
        ),
        (
            "eks.services.k8s.aws/v1alpha1",
            "Addon",
            "  name: web\n  addonVersion: v1.2.3\n",
            6,
            "Addon x installs add-on web (v1.2.3) of EKS: its images are unknown",
        ),
        (
            "eks.aws.upbound.io/v1beta1",
            "Addon",
            "  forProvider:\n    addonName: web\n",
            6,
            "Addon x installs add-on web (any version) of EKS: its images are unknown",
        ),
        (
            "controlplane.cluster.x-k8s.io/v1beta2",
            "AWSManagedControlPlane",
            "  addons:\n  - name: web\n    version: v1.2.3\n",
            7,
            "AWSManagedControlPlane x installs add-on web (v1.2.3) of EKS: its images are unknown",
        ),
    ],
)
def test_an_operator_of_a_catalogue_is_a_gap(version: str, kind: str, spec: str, line: int, why: str) -> None:
    (gap,) = inventory(written(version, kind, spec), ManifestSettings()).gaps
    assert (gap.rule, gap.place.line, gap.why) == ("unrendered", line, why)
    assert gap.help


@pytest.mark.parametrize(
    ("version", "kind", "key"),
    [("v1", "ConfigMap", "data"), ("v1", "Secret", "stringData"), ("fleet.cattle.io/v1alpha1", "Bundle", "spec")],
)
def test_what_a_text_installs_is_a_gap(version: str, kind: str, key: str) -> None:
    inner = (
        "    apiVersion: operators.coreos.com/v1alpha1\n    kind: Subscription\n    metadata: {name: inner}\n"
        "    spec: {name: web, channel: stable, source: acme}\n"
    )
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n{key}:\n  a.yaml: |\n{inner}"
    (gap,) = inventory(MemoryTree({"x.yaml": text.encode()}, "tree"), ManifestSettings()).gaps
    assert gap.why.startswith("Subscription inner installs operator web (channel stable)")
    assert gap.place.line == 9


@pytest.mark.parametrize(
    ("version", "kind", "around"),
    [
        ("policy.open-cluster-management.io/v1", "Policy", "  policy-templates:\n  - objectDefinition:\n"),
        ("policy.open-cluster-management.io/v1", "ConfigurationPolicy", "  object-templates:\n  - objectDefinition:\n"),
        ("work.open-cluster-management.io/v1", "ManifestWork", "  workload:\n    manifests:\n"),
        ("work.karmada.io/v1alpha1", "Work", "  workload:\n    manifests:\n"),
        ("hive.openshift.io/v1", "SelectorSyncSet", "  x:\n    resources:\n"),
        ("kro.run/v1alpha1", "ResourceGraphDefinition", "  resources:\n  - template:\n"),
        ("platform.kratix.io/v1alpha1", "Promise", "  x:\n    dependencies:\n"),
        ("kubernetes.m.crossplane.io/v1alpha1", "Object", "  forProvider:\n    manifest:\n"),
    ],
)
def test_what_is_installed_by_an_object_inside_of_another_is_a_gap(version: str, kind: str, around: str) -> None:
    lines = (
        "apiVersion: operators.coreos.com/v1alpha1",
        "kind: Subscription",
        "metadata: {name: inner}",
        "spec: {name: web, channel: stable, source: acme}",
    )
    is_list = around.endswith(("manifests:\n", "resources:\n", "dependencies:\n"))
    inner = "".join(f"      {'- ' if is_list and not i else '  '}{line}\n" for i, line in enumerate(lines))
    (gap,) = inventory(written(version, kind, around + inner), ManifestSettings()).gaps
    assert gap.why.startswith("Subscription inner installs operator web (channel stable)")
    assert gap.place.line == 10


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        ("harvesterhci.io/v1beta1", "Addon", "  enabled: false\n  repo: https://charts.acme.example\n  chart: web\n"),
        ("fleet.cattle.io/v1alpha1", "Bundle", "  helm: {releaseName: x}\n  resources: []\n"),
        ("configsync.gke.io/v1beta1", "RootSync", "  sourceType: oci\n  git: {repo: 'https://git.acme.example/x'}\n"),
    ],
)
def test_what_is_switched_off_or_deploys_something_else_deploys_no_chart(version: str, kind: str, spec: str) -> None:
    assert not inventory(written(version, kind, spec), ManifestSettings()).gaps


def test_objects_of_the_same_name_in_other_groups_deploy_no_chart() -> None:
    for kind in (*CASES, "Subscription"):
        assert not inventory(written("acme.example/v1", kind, "  chart: web\n"), ManifestSettings()).gaps


@pytest.mark.parametrize(
    ("version", "kind", "spec", "line", "why"),
    [
        (
            "fluxcd.controlplane.io/v1",
            "ResourceSet",
            (
                "  resources:\n  - apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n    metadata: {name: web}\n"
                "    spec: {chart: {spec: {chart: web, version: 1.x}}}\n"
            ),
            9,
            "HelmRelease web deploys chart web (1.x)",
        ),
        (
            "fluxcd.controlplane.io/v1",
            "ResourceSet",
            (
                "  resourcesTemplate: |\n    apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n    metadata: {name: web}\n"
                "    spec: {chart: {spec: {chart: web, version: 1.x}}}\n"
            ),
            9,
            "HelmRelease web deploys chart web (1.x)",
        ),
        (
            "apiextensions.crossplane.io/v1",
            "Composition",
            (
                "  resources:\n  - base:\n      apiVersion: helm.crossplane.io/v1beta1\n      kind: Release\n"
                "      spec: {forProvider: {chart: {name: web, version: 1.x, repository: 'https://charts.acme.example'}}}\n"
            ),
            9,
            "Release x deploys chart web (1.x)",
        ),
        (
            "kubernetes.crossplane.io/v1alpha2",
            "Object",
            (
                "  forProvider:\n    manifest:\n      apiVersion: helm.cattle.io/v1\n      kind: HelmChart\n"
                "      spec: {chart: web, version: 1.x, repo: 'https://charts.acme.example'}\n"
            ),
            9,
            "HelmChart x deploys chart web (1.x)",
        ),
    ],
    ids=["resources", "template", "composition", "object"],
)
def test_a_chart_inside_of_what_makes_objects_is_told(version: str, kind: str, spec: str, line: int, why: str) -> None:
    (gap,) = inventory(written(version, kind, spec), ManifestSettings()).gaps
    assert gap.why == f"{why}: its images are unknown"
    assert gap.place.line == line
