"""Charts and programs that platforms run: KubeVela, vCluster's platform, Helmsman, Glasskube, and controllers of Terraform and Pulumi."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.manifests.helm.wanted import Fetched, Unfetched, Wanted
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree
from tests.support.renderers import renderers

CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "values.yaml": b"tag: v1\n",
    "templates/p.yaml": (
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
        b'spec: {containers: [{name: a, image: "ghcr.io/acme/web:{{ .Values.tag }}"}]}\n'
    ),
}


def read(files: dict[str, str]) -> Inventory:
    return inventory(MemoryTree({path: text.encode() for path, text in files.items()}, "tree"), ManifestSettings())


def one(text: str) -> Inventory:
    return read({"object.yaml": text})


def vela(component: str) -> str:
    return (
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: web, namespace: apps}\n"
        f"spec:\n  components:\n  - name: web\n{component}"
    )


HELM = (
    "    type: helm\n    properties: {repoType: helm, url: 'https://charts.acme.example', chart: web, version: 1.2.3}\n"
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (vela(HELM), 8, "Application web deploys chart web (1.2.3)"),
        (vela(HELM.replace("repoType: helm", "repoType: git")), 8, "Application web deploys chart web (1.2.3)"),
        (
            vela("    type: helmchart\n    properties: {chart: {source: web, repoURL: 'https://c', version: 1.2.3}}\n"),
            8,
            "Application web deploys chart web (1.2.3)",
        ),
        (
            (
                "apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: web}\n"
                "spec: {schematic: {helm: {release: {chart: {spec: {chart: web, version: 1.2.3}}}, repository: {url: x}}}}\n"
            ),
            4,
            "ComponentDefinition web deploys chart web (1.2.3)",
        ),
        (
            (
                "apiVersion: management.loft.sh/v1\nkind: VirtualClusterInstance\nmetadata: {name: v}\n"
                "spec: {template: {helmRelease: {chart: {version: 0.20.0}, values: 'a: 1'}}}\n"
            ),
            4,
            "VirtualClusterInstance v deploys chart vcluster (0.20.0)",
        ),
        (
            (
                "apiVersion: storage.loft.sh/v1\nkind: App\nmetadata: {name: a}\n"
                "spec: {config: {chart: {name: web, repoURL: 'https://c', version: 1.2.3}}}\n"
            ),
            4,
            "App a deploys chart web (1.2.3)",
        ),
        (
            (
                "helmRepos: {acme: 'https://charts.acme.example'}\napps:\n  web: {chart: acme/web, version: 1.2.3}\n"
                "  off: {chart: acme/off, version: 1.2.3, enabled: false}\n"
            ),
            3,
            "DesiredState deploys chart acme/web (1.2.3)",
        ),
        (
            (
                "apiVersion: packages.glasskube.dev/v1alpha1\nkind: ClusterPackage\nmetadata: {name: certs}\n"
                "spec: {packageInfo: {name: cert-manager, version: v1.14.0+1}}\n"
            ),
            4,
            "ClusterPackage certs installs package cert-manager (v1.14.0+1) from the package repositories of Glasskube",
        ),
    ],
    ids=["helm", "git", "helmchart", "definition", "vcluster", "app", "helmsman", "glasskube"],
)
def test_what_a_platform_deploys_is_told_at_the_line_that_chooses_it(text: str, line: int, said: str) -> None:
    (gap,) = one(text).gaps
    assert (gap.rule, gap.place.line) == ("unrendered", line)
    assert gap.why.startswith(f"{said}: its images are unknown")


@pytest.mark.interop
def test_a_chart_of_kubevela_is_rendered_with_the_values_of_its_component() -> None:
    asked: list[Wanted] = []

    def fetch(wanted: Wanted) -> Fetched | Unfetched:
        asked.append(wanted)
        return Fetched(CHART, "web-1.2.3.tgz")

    text = vela(HELM.replace("version: 1.2.3}", "version: 1.2.3, values: {tag: v9}}"))
    found = inventory(
        MemoryTree({"a.yaml": text.encode()}, "t"),
        ManifestSettings(),
        renderers=replace(renderers("helm"), fetch=fetch),
    )
    assert {use.reference for use in found.uses} == {"ghcr.io/acme/web:v9"}
    assert asked == [Wanted("https://charts.acme.example", "web", "1.2.3")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            (
                "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\nmetadata: {name: t}\n"
                "spec: {path: ./apps/dev, sourceRef: {kind: GitRepository, name: infra}}\n"
            ),
            "runs Terraform in ./apps/dev of infra",
        ),
        (
            (
                "apiVersion: tf.upbound.io/v1beta1\nkind: Workspace\nmetadata: {name: t}\n"
                "spec: {forProvider: {source: Remote, module: 'git::https://g//m'}}\n"
            ),
            "runs the Terraform module git::https://g//m",
        ),
        (
            (
                "apiVersion: tf.upbound.io/v1beta1\nkind: Workspace\nmetadata: {name: t}\n"
                'spec:\n  forProvider:\n    source: Inline\n    module: |\n      resource "helm_release" "web" {}\n'
            ),
            "runs Terraform that deploys to a cluster",
        ),
        (
            (
                "apiVersion: pulumi.com/v1\nkind: Stack\nmetadata: {name: s}\n"
                "spec: {projectRepo: 'https://g', branch: main, stack: prod}\n"
            ),
            "runs the Pulumi program of https://g",
        ),
        (
            (
                "apiVersion: pulumi.com/v1\nkind: Program\nmetadata: {name: s}\n"
                "program: {resources: {db: {type: 'kubernetes:helm.sh/v3:Release', properties: {chart: db}}}}\n"
            ),
            "runs Pulumi, which makes db in a cluster",
        ),
        (
            (
                "apiVersion: deploy.cloud.google.com/v1\nkind: DeliveryPipeline\nmetadata: {name: p}\n"
                "serialPipeline: {stages: [{targetId: prod}]}\n"
            ),
            "has Cloud Deploy render manifests by Skaffold",
        ),
    ],
    ids=["terraform", "remote", "inline", "stack", "program", "cloud deploy"],
)
def test_what_a_controller_runs_is_told(text: str, said: str) -> None:
    (gap,) = one(text).gaps
    assert (gap.rule, gap.what) == ("unrendered", "program")
    assert said in gap.why


@pytest.mark.parametrize(
    "text",
    [
        vela("    type: kustomize\n    properties: {repoType: git, url: 'https://g', path: ./apps/dev}\n"),
        (
            "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\nmetadata: {name: t}\n"
            "spec: {path: ./apps/dev, sourceRef: {kind: GitRepository, name: infra}}\n"
        ),
    ],
    ids=["kustomize", "terraform"],
)
def test_what_is_in_this_tree_is_read_there(text: str) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: acme/a:1}]}\n"
    found = read({"object.yaml": text, "apps/dev/kustomization.yaml": "resources: [p.yaml]\n", "apps/dev/p.yaml": pod})
    assert not found.gaps
    assert [use.reference for use in found.uses] == ["acme/a:1"]


@pytest.mark.parametrize(
    "text",
    [
        (
            "apiVersion: tf.upbound.io/v1beta1\nkind: Workspace\nmetadata: {name: t}\n"
            'spec: {forProvider: {source: Inline, module: \'resource "aws_s3_bucket" "b" {}\'}}\n'
        ),
        (
            "apiVersion: pulumi.com/v1\nkind: Program\nmetadata: {name: s}\n"
            "program: {resources: {b: {type: 'aws:s3:Bucket', properties: {acl: private}}}}\n"
        ),
        "apps: {web: {chart: acme/web}}\n",
        vela("    type: webservice\n    properties: {cpu: '1'}\n"),
    ],
    ids=["inline", "program", "no repositories", "webservice"],
)
def test_what_deploys_to_no_cluster_is_not_told(text: str) -> None:
    assert not one(text).gaps


def test_objects_that_a_program_of_pulumi_writes_are_read() -> None:
    found = one(
        "apiVersion: pulumi.com/v1\nkind: Program\nmetadata: {name: s}\nprogram: {resources: {d: {type: 'kubernetes:core/v1:Pod',"
        " properties: {spec: {containers: [{name: a, image: acme/a:1}]}}}}}\n"
    )
    assert [use.reference for use in found.uses] == ["acme/a:1"]
    assert not found.gaps


def policy(generate: str) -> str:
    return (
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: tenants}\n"
        f"spec:\n  rules:\n  - name: generate\n    generate:\n{generate}"
    )


RELEASE = (
    "      apiVersion: helm.toolkit.fluxcd.io/v2\n      kind: HelmRelease\n      name: agent\n      data:\n"
    "        spec: {chart: {spec: {chart: agent, version: 1.2.3, sourceRef: {kind: HelmRepository, name: acme}}}}\n"
)


def test_a_deployer_that_a_policy_generates_is_told() -> None:
    (gap,) = one(policy(RELEASE)).gaps
    assert (gap.rule, gap.place.line) == ("unrendered", 12)
    assert "HelmRelease agent deploys chart agent (1.2.3)" in gap.why


def test_a_directory_that_a_policy_has_deployed_is_followed() -> None:
    made = (
        "      apiVersion: kustomize.toolkit.fluxcd.io/v1\n      kind: Kustomization\n      name: tenant\n      data:\n"
        "        spec: {path: ./tenant, sourceRef: {kind: GitRepository, name: flux-system}, images: [{name: acme/a, newTag: '2'}]}\n"
    )
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: acme/a:1}]}\n"
    files = {"policy.yaml": policy(made), "tenant/kustomization.yaml": "resources: [p.yaml]\n", "tenant/p.yaml": pod}
    assert {use.reference for use in read(files).uses} == {"acme/a:2"}


def test_a_copy_of_what_the_cluster_has_is_judged_where_that_is() -> None:
    clone = "      apiVersion: apps/v1\n      kind: Deployment\n      name: agent\n      clone: {namespace: a, name: agent}\n"
    found = one(policy(clone))
    assert not found.gaps
    assert not found.uses
