"""What a deployer says of the cluster reaches helm: the chart is rendered as it will be deployed, not as the rules have it."""

from __future__ import annotations

import textwrap

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.helm.terms import Terms
from auditor.manifests.inventory import inventory
from auditor.manifests.render.sandbox import Failed
from auditor.manifests.render.tools import Renderers
from auditor.source.memory import MemoryTree
from tests.support.renderers import library, needs_library, rendered, renderers

CHART = {
    "charts/api/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\n",
    "charts/api/values.yaml": "{}\n",
    "charts/api/crds/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: c}\nspec: {containers: [{name: c, image: ghcr.io/acme/crds:1}]}\n"
    ),
    "charts/api/templates/pod.yaml": textwrap.dedent("""\
        apiVersion: v1
        kind: Pod
        metadata: {name: x}
        spec:
          containers:
          - {name: a, image: "ghcr.io/acme/kube:v{{ .Capabilities.KubeVersion.Minor }}"}
          {{- if .Capabilities.APIVersions.Has "monitoring.acme.example/v1/Probe" }}
          - {name: b, image: ghcr.io/acme/probe:1}
          {{- end }}
        """),
    "charts/api/templates/test.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n"
        "spec: {containers: [{name: t, image: ghcr.io/acme/test:1}]}\n"
    ),
}
SETTINGS = ManifestSettings(kube_version="1.33.0")
ALL = {"kube:v33", "crds:1", "test:1"}


def application(helm: str) -> dict[str, str]:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
        "  source:\n    repoURL: https://git.acme.example/deploy\n    path: charts/api\n    helm:\n      releaseName: api\n"
    )
    return {"app.yaml": text + textwrap.indent(helm, "      ")}


def release(more: str) -> dict[str, str]:
    text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api}\nspec:\n"
    chart = "  chart: {spec: {chart: charts/api, sourceRef: {kind: GitRepository, name: flux-system}}}\n"
    return {"app.yaml": text + chart + textwrap.indent(more, "  ")}


def inflated(more: str) -> dict[str, str]:
    return {"kustomization.yaml": "helmCharts:\n- name: api\n  releaseName: api\n" + textwrap.indent(more, "  ")}


def helmfile(more: str, *, top: str = "") -> dict[str, str]:
    text = "releases:\n- name: api\n  chart: ./charts/api\n" + textwrap.indent(more, "  ")
    return {"helmfile.yaml": top + text}


def deployed(files: dict[str, str], by: Renderers) -> set[str]:
    tree = MemoryTree({path: text.encode() for path, text in {**CHART, **files}.items()}, "test")
    found = inventory(tree, SETTINGS, renderers=by)
    assert not [gap for gap in found.gaps if gap.rule == "unrendered"]
    return {use.reference.removeprefix("ghcr.io/acme/") for use in found.uses}


TERMS = [
    (application(""), ALL),
    (application("kubeVersion: 1.29.4\n"), ALL - {"kube:v33"} | {"kube:v29"}),
    (application("kubeVersion: v1.29\n"), ALL - {"kube:v33"} | {"kube:v29"}),
    (application("skipCrds: true\n"), ALL - {"crds:1"}),
    (application("skipTests: true\n"), ALL - {"test:1"}),
    (release(""), ALL),
    (release("install: {crds: Skip}\n"), ALL - {"crds:1"}),
    (release("install: {crds: Skip}\nupgrade: {crds: CreateReplace}\n"), ALL),
    (inflated(""), ALL - {"crds:1"}),
    (inflated("includeCRDs: true\nskipTests: true\n"), ALL - {"test:1"}),
    (inflated("kubeVersion: 1.28.0\n"), {"kube:v28", "test:1"}),
    (helmfile("", top="kubeVersion: v1.30.1\nhelmDefaults: {skipCRDs: true}\n"), {"kube:v30", "test:1"}),
    (helmfile("kubeVersion: v1.31.0\n", top="kubeVersion: v1.30.1\n"), ALL - {"kube:v33"} | {"kube:v31"}),
]
PROBE = "apiVersions: [monitoring.acme.example/v1/Probe]\n"


@needs_library
@pytest.mark.parametrize(("files", "images"), TERMS)
def test_the_library_renders_a_chart_on_the_terms_of_its_deployer(files: dict[str, str], images: set[str]) -> None:
    assert deployed(files, library()) == images


@pytest.mark.interop
@pytest.mark.parametrize(
    ("files", "images"),
    [
        *TERMS,
        (application(PROBE), ALL | {"probe:1"}),
        (inflated(PROBE), ALL - {"crds:1"} | {"probe:1"}),
        (helmfile(PROBE), ALL | {"probe:1"}),
    ],
)
def test_helm_renders_a_chart_on_the_terms_of_its_deployer(files: dict[str, str], images: set[str]) -> None:
    assert deployed(files, renderers("helm")) == images


@pytest.mark.interop
def test_kustomize_renders_charts_for_the_cluster_of_the_rules() -> None:
    """Kustomize would take the version that its helm was built with, and no APIs."""
    settings = ManifestSettings(
        kube_version="1.29.0", api_versions=("monitoring.acme.example/v1/Probe", "acme.example/v1")
    )
    found = rendered({**CHART, **inflated("")}, "helm", "kustomize", settings=settings)
    assert not found.gaps
    assert {use.reference for use in found.uses} == {
        f"ghcr.io/acme/{name}" for name in ("kube:v29", "probe:1", "test:1")
    }
    own = rendered(
        {**CHART, **inflated("apiVersions: [other.example/v1]\nkubeVersion: 1.30.0\n")},
        "helm",
        "kustomize",
        settings=settings,
    )
    assert {use.reference for use in own.uses} == {"ghcr.io/acme/kube:v30", "ghcr.io/acme/test:1"}


def by_kustomize(said: str, entry: str = "") -> dict[str, str]:
    """An Application of a kustomization whose base inflates the chart."""
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
        f"  source: {{repoURL: https://git.acme.example/deploy, path: prod, kustomize: {{{said}}}}}\n"
    )
    base = "helmCharts:\n- name: api\n  releaseName: api\n" + textwrap.indent(entry, "  ")
    charts = {f"base/{path}": text for path, text in CHART.items()}
    return {
        **charts,
        "app.yaml": application,
        "prod/kustomization.yaml": "resources: [../base]\n",
        "base/kustomization.yaml": base,
    }


BELOW = [
    ("", "", {"kube:v33", "test:1"}),
    ('kubeVersion: "1.29"', "", {"kube:v29", "test:1"}),
    ('kubeVersion: "1.29", namePrefix: x-', "", {"kube:v29", "test:1"}),
    ("kubeVersion: v1.29.4, apiVersions: [monitoring.acme.example/v1/Probe]", "", {"kube:v29", "probe:1", "test:1"}),
    ('kubeVersion: "1.29"', "kubeVersion: 1.30.0\n", {"kube:v30", "test:1"}),
]


@pytest.mark.interop
@pytest.mark.parametrize("programs", [("helm",), ("helm", "kustomize")], ids=["ours", "kustomize"])
@pytest.mark.parametrize(("said", "entry", "images"), BELOW)
def test_what_an_application_says_of_the_cluster_counts_for_charts_of_every_base(
    programs: tuple[str, ...], said: str, entry: str, images: set[str]
) -> None:
    found = rendered(by_kustomize(said, entry), *programs, settings=SETTINGS)
    assert not found.gaps
    by_prod = {use.reference.removeprefix("ghcr.io/acme/") for use in found.uses if use.root == "prod"}
    assert by_prod == images


@pytest.mark.interop
@pytest.mark.parametrize("programs", [("helm",), ("helm", "kustomize")], ids=["ours", "kustomize"])
def test_a_cluster_that_no_option_can_name_leaves_a_gap_and_reaches_no_program(programs: tuple[str, ...]) -> None:
    found = rendered(by_kustomize('kubeVersion: "1.29 --post-renderer=sh"'), *programs, settings=SETTINGS)
    assert any("is no version of Kubernetes" in gap.why for gap in found.gaps)
    assert not [use for use in found.uses if use.root == "prod"]


@pytest.mark.parametrize(
    ("helm", "why"),
    [
        ("kubeVersion: --post-renderer=sh\n", "'--post-renderer=sh' is no version"),
        ("kubeVersion: '{{ .version }}'\n", "is no version of Kubernetes"),
        ('apiVersions: ["a\\0b"]\n', "'a\\x00b' is neither"),
        ("apiVersions: [" + "v1, " * 1_001 + "v1]\n", "more than 1000 apiVersions"),
        ('namespace: "a\\0b"\n', "embedded null byte"),
    ],
)
def test_terms_that_nobody_can_render_on_leave_a_gap(helm: str, why: str) -> None:
    found = rendered({**CHART, **application(helm)}, "helm", settings=SETTINGS)
    (gap,) = (gap for gap in found.gaps if gap.rule == "unrendered")
    assert why in gap.why
    assert not found.uses


def test_what_a_deployer_says_stands_instead_of_what_the_rules_say() -> None:
    given = ("1.33.0", ("acme.example/v1",))
    assert Terms().arguments(*given) == ["--kube-version=1.33.0", "--api-versions=acme.example/v1", "--include-crds"]
    told = Terms("1.29", ("other.example/v1",), crds=False, tests=False).arguments(*given)
    assert told == ["--kube-version=1.29", "--api-versions=other.example/v1", "--skip-tests"]
    with pytest.raises(Failed, match="no version"):
        Terms("1").arguments(*given)
