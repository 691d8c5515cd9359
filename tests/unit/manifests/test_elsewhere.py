"""Objects that have directories or manifests of somewhere else applied, and deployers inside of what makes others."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.model.gap import Gap
from auditor.source.memory import MemoryTree

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: acme/a:1}]}\n"
APPLIED = {
    "GitRepo": ("fleet.cattle.io/v1alpha1", "{repo: 'https://g', branch: main, paths: [apps/web]}", "apps/web of https://g"),
    "GitRepo with a pattern": ("fleet.cattle.io/v1alpha1", "{repo: 'https://g', paths: ['apps/web/*']}", "apps/web/* of https://g"),
    "RootSync": ("configsync.gke.io/v1beta1", "{git: {repo: 'https://g', branch: main, dir: apps/web}}", "apps/web of https://g"),
    "ConfigManagement": ("configmanagement.gke.io/v1", "{git: {syncRepo: 'https://g', policyDir: apps/web}}", "apps/web of https://g"),
    "ClusterProfile": (
        "config.projectsveltos.io/v1beta1",
        "{policyRefs: [{kind: GitRepository, name: src, path: ./apps/web/}, {kind: ConfigMap, name: c}]}",
        "apps/web of GitRepository src",
    ),
    "Profile": (
        "config.projectsveltos.io/v1beta1",
        "{kustomizationRefs: [{kind: OCIRepository, name: src, path: apps/web}]}",
        "apps/web of OCIRepository src",
    ),
    "App": (
        "kappctrl.k14s.io/v1alpha1",
        "{fetch: [{git: {url: 'https://g', ref: origin/main, subPath: apps/web}}]}",
        "apps/web of https://g",
    ),
    "Application": (
        "core.oam.dev/v1beta1",
        "{components: [{name: c, type: kustomize, properties: {repoType: git, url: 'https://g', path: ./apps/web}}]}",
        "apps/web of https://g",
    ),
    "FluxInstance": (
        "fluxcd.controlplane.io/v1",
        "{sync: {kind: GitRepository, url: 'https://g', ref: refs/heads/main, path: apps/web}}",
        "apps/web of https://g",
    ),
    "KluctlDeployment": ("gitops.kluctl.io/v1beta1", "{source: {git: {url: 'https://g', path: apps/web}}}", "apps/web of https://g"),
}  # fmt: skip


def read(files: dict[str, str]) -> Inventory:
    return inventory(MemoryTree({path: text.encode() for path, text in files.items()}, "tree"), ManifestSettings())


def elsewhere(found: Inventory) -> list[Gap]:
    return [gap for gap in found.gaps if gap.rule == "unrendered"]


def applied(name: str) -> str:
    version, spec, _ = APPLIED[name]
    return f"apiVersion: {version}\nkind: {name.partition(' ')[0]}\nmetadata: {{name: a}}\nspec: {spec}\n"


@pytest.mark.parametrize("name", APPLIED)
def test_a_directory_of_another_repository_is_told(name: str) -> None:
    (gap,) = elsewhere(read({"a.yaml": applied(name)}))
    assert (gap.rule, gap.what, gap.place.line) == ("unrendered", "deployed from elsewhere", 4)
    assert f"deploys {APPLIED[name][2]}, which is not in this tree" in gap.why


@pytest.mark.parametrize("name", APPLIED)
def test_a_directory_of_this_tree_is_read_there(name: str) -> None:
    found = read({"a.yaml": applied(name), "apps/web/pod.yaml": POD})
    assert not elsewhere(found)
    assert "acme/a:1" in [use.reference for use in found.uses]


def test_a_subscription_of_a_git_channel_says_its_directory_in_an_annotation() -> None:
    text = (
        "apiVersion: apps.open-cluster-management.io/v1\nkind: Subscription\nmetadata:\n  name: s\n  annotations:\n"
        "    apps.open-cluster-management.io/git-path: apps/web\nspec: {channel: ns/fleet}\n"
    )
    (gap,) = read({"s.yaml": text}).gaps
    assert gap.place.line == 6
    assert "apps/web of the channel ns/fleet" in gap.why
    assert not read({"s.yaml": text, "apps/web/pod.yaml": POD}).gaps


def test_the_top_of_a_repository_may_be_any() -> None:
    text = "apiVersion: fleet.cattle.io/v1alpha1\nkind: GitRepo\nmetadata: {name: a}\nspec:\n  repo: https://g\n  branch: main\n"
    (gap,) = read({"a.yaml": text, "pod.yaml": POD}).gaps
    assert (gap.place.line, "deploys https://g, which" in gap.why) == (6, True)


def test_manifests_that_a_machine_fetches_are_told_each_at_its_line() -> None:
    text = (
        "cluster:\n  extraManifests:\n  - https://acme.example/a.yaml\n"
        "  externalCloudProvider: {enabled: true, manifests: ['https://acme.example/ccm.yaml']}\n"
    )
    assert [gap.place.line for gap in read({"talos/patch.yaml": text}).gaps] == [3, 4]


def test_an_app_that_fetches_by_an_address_is_told() -> None:
    text = "apiVersion: kappctrl.k14s.io/v1alpha1\nkind: App\nmetadata: {name: a}\nspec: {fetch: [{http: {url: 'https://x/a.yaml'}}]}\n"
    (gap,) = read({"a.yaml": text}).gaps
    assert "deploys https://x/a.yaml" in gap.why


def test_a_chart_of_pipecd_and_an_extension_of_kubesphere_are_told() -> None:
    app = "apiVersion: pipecd.dev/v1beta1\nkind: KubernetesApp\nspec: {name: web, input: {helmChart: {repository: r, name: web, version: 1.0.0}}}\n"
    plan = "apiVersion: kubesphere.io/v1alpha1\nkind: InstallPlan\nmetadata: {name: x}\nspec: {extension: {name: x, version: 1.0.0}}\n"
    whys = [gap.why for gap in read({"app.pipecd.yaml": app, "plan.yaml": plan}).gaps]
    assert "deploys chart web (1.0.0)" in whys[0]
    assert "extension x (1.0.0)" in whys[1]
    assert not read(
        {"app.pipecd.yaml": "apiVersion: pipecd.dev/v1beta1\nkind: KubernetesApp\nspec: {name: web}\n"}
    ).gaps


def test_the_chart_of_an_operator_is_told_with_its_version() -> None:
    text = "apiVersion: cluster.redpanda.com/v1alpha2\nkind: Redpanda\nmetadata: {name: r}\nspec: {chartRef: {chartVersion: 5.9.0}, clusterSpec: {}}\n"
    (gap,) = read({"a.yaml": text}).gaps
    assert "Redpanda r deploys chart redpanda (5.9.0)" in gap.why


CHART = "{apiVersion: helm.cattle.io/v1, kind: HelmChart, metadata: {name: z}, spec: {chart: web, repo: 'https://c', version: '1'}}"


@pytest.mark.parametrize(
    "text",
    [
        f"apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: a}}\nspec: {{components: [{{name: o, type: k8s-objects, properties: {{objects: [{CHART}]}}}}]}}\n",
        f"apiVersion: addon.open-cluster-management.io/v1alpha1\nkind: AddOnTemplate\nmetadata: {{name: a}}\nspec: {{agentSpec: {{workload: {{manifests: [{CHART}]}}}}}}\n",
        f"apiVersion: argoproj.io/v1alpha1\nkind: Sensor\nmetadata: {{name: a}}\nspec: {{triggers: [{{template: {{k8s: {{source: {{resource: {CHART}}}}}}}}}]}}\n",
        f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: a}}\nspec:\n  templates:\n  - resource:\n      manifest: |\n        {CHART}\n",
        f"apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: RKE2ControlPlane\nmetadata: {{name: a}}\nspec:\n  files:\n  - content: |\n      {CHART}\n",
        f"apiVersion: templates.weave.works/v1alpha1\nkind: GitOpsSet\nmetadata: {{name: a}}\nspec: {{templates: [{{content: {CHART}}}]}}\n",
        f"cluster:\n  inlineManifests:\n  - name: z\n    contents: |\n      {CHART}\n",
    ],
    ids=["KubeVela", "OCM", "Sensor", "Workflow", "RKE2", "Weave GitOps", "Talos"],
)
def test_a_deployer_inside_of_what_makes_others_is_told(text: str) -> None:
    (gap,) = read({"a.yaml": text}).gaps
    assert "HelmChart z deploys chart web (1)" in gap.why
