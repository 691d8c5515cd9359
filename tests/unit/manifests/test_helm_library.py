"""Helm as a library, where no helm is on PATH: the same images at the same lines as by the real helm, with the same bounds."""

from __future__ import annotations

import io
import tarfile

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.render.tools import find_renderers
from auditor.source.memory import MemoryTree
from tests.support.renderers import library, needs_library, placed, rendered

pytestmark = needs_library

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\nappVersion: v9\nkubeVersion: '>=1.30.0-0 <1.40.0'\n",
    "chart/values.yaml": "image:\n  repository: ghcr.io/acme/api\n  tag: ''\nversion: 1.10\nproxy: {tag: v1}\n",
    "chart/crds/x.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: a/crd:1}]}\n",
    "chart/templates/NOTES.txt": "image: not/an:image\n",
    "chart/templates/_helpers.tpl": '{{ define "image" }}{{ .repository }}:{{ .tag | default "v0" }}{{ end }}',
    "chart/templates/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\nspec:\n"
        "  containers:\n  - name: a\n"
        '    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"\n'
        "  - {name: b, image: 'ghcr.io/acme/b:{{ .Values.version }}'}\n"
        "  - {name: c, image: 'ghcr.io/acme/c:{{ .Values.proxy.tag }}'}\n"
    ),
    "app.yaml": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
        "  source:\n    path: chart\n    helm:\n      valuesObject:\n        proxy:\n          tag: v2\n"
    ),
}


def by_library(files: dict[str, str], settings: ManifestSettings | None = None, seconds: float = 30.0) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "test")
    limits = replace(DEFAULT, render_seconds=seconds)
    return inventory(tree, settings or ManifestSettings(), renderers=library(), limits=limits)


def whys(found: Inventory) -> str:
    return "\n".join(gap.why for gap in found.gaps if gap.rule == "unrendered")


def test_without_helm_on_path_the_library_renders_and_is_named() -> None:
    renderers = library()
    tree = MemoryTree({path: text.encode() for path, text in CHART.items()}, "test")
    found = inventory(tree, ManifestSettings(), renderers=renderers)
    assert placed(found) == {
        ("ghcr.io/acme/api:v9", "chart/Chart.yaml", 4),
        ("ghcr.io/acme/b:1.1", "chart/values.yaml", 4),
        ("ghcr.io/acme/c:v2", "app.yaml", 10),
        ("a/crd:1", "chart/crds/x.yaml", 4),
    }
    assert not found.gaps
    assert "helm-python-sdk" in (renderers.used["helm"] or "")


@pytest.mark.interop
def test_the_library_and_the_program_say_the_same() -> None:
    assert placed(by_library(CHART)) == placed(rendered(CHART, "helm"))


def test_helm_that_is_named_and_missing_is_not_replaced() -> None:
    assert find_renderers({"PATH": "", "AUDITOR_HELM": "/nowhere/helm"}).helm is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "words"),
    [
        ('{{ fail "not for you" }}', "not for you"),
        ('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}', "which helm does not render"),
        ("{{ range until 100000000 }}x{{ end }}", "which helm does not render"),
        ("a: [\n", "YAML parse error"),
    ],
)
def test_what_the_library_does_not_render_is_told(template: str, words: str) -> None:
    seconds = 6.0 if "range" in template else 60.0
    assert words in whys(by_library({**CHART, "chart/templates/evil.yaml": template}, seconds=seconds))


def test_the_library_asks_neither_the_cluster_nor_the_network() -> None:
    template = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: a\n"
        '    image: ghcr.io/acme/l{{ len (lookup "v1" "Secret" "default" "x") }}-d{{ getHostByName "localhost" }}-e:v1\n'
    )
    found = by_library({**CHART, "chart/templates/evil.yaml": template})
    assert "ghcr.io/acme/l0-d-e:v1" in {use.reference for use in found.uses}


def test_the_library_refuses_what_helm_refuses() -> None:
    assert "kubeVersion" in whys(by_library(CHART, ManifestSettings(kube_version="1.41.0")))
    schema = {"chart/values.schema.json": '{"type": "object", "properties": {"version": {"type": "string"}}}'}
    assert "version" in whys(by_library({**CHART, **schema}))


ASKS = (
    '{{ if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}\napiVersion: v1\nkind: Pod\nmetadata: {name: m}\n'
    "spec: {containers: [{name: m, image: 'ghcr.io/acme/exporter:v1'}]}\n{{ end }}\n"
)
SERVED = ManifestSettings(api_versions=("monitoring.coreos.com/v1",))


def test_the_library_refuses_a_chart_that_asks_what_it_cannot_be_told() -> None:
    asking = {**CHART, "chart/templates/monitor.yaml": ASKS}
    refused = "templates/monitor.yaml may ask which APIs the cluster serves, which only the program helm can be told: install it"
    assert refused in whys(by_library(asking, SERVED))
    told = asking["app.yaml"].replace("    helm:\n", "    helm:\n      apiVersions: [monitoring.coreos.com/v1]\n")
    assert refused in whys(by_library({**asking, "app.yaml": told})), "an Application may say it of its cluster too"
    assert not whys(by_library(asking)), "nothing is served beyond Kubernetes: the library says the same as helm"
    assert not whys(by_library(CHART, SERVED)), "a chart that does not ask is rendered"


@pytest.mark.interop
@pytest.mark.parametrize(("settings", "deployed"), [(ManifestSettings(), False), (SERVED, True)], ids=["not", "served"])
def test_a_chart_that_asks_for_an_api_is_rendered_as_the_rules_say(settings: ManifestSettings, deployed: bool) -> None:
    found = rendered({**CHART, "chart/templates/monitor.yaml": ASKS}, "helm", settings=settings)
    assert ("ghcr.io/acme/exporter:v1" in {use.reference for use in found.uses}) is deployed


TESTED = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\n"
    "metadata: {name: t, annotations: {helm.sh/hook: 'pre-install, Test'}}\nspec: {containers: [{name: t, image: acme/test:1}]}\n"
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n"
    "spec: {containers: [{name: h, image: 'acme/{{ .Capabilities.KubeVersion.GitVersion }}-{{ .Capabilities.HelmVersion.Version }}:1'}]}\n"
)


def carried() -> bytes:
    """A chart in an archive that asks for which version of Kubernetes it is rendered."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in {
            "sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
            "sub/templates/_name.tpl": '{{ define "kube" }}{{ .Capabilities.KubeVersion.Minor }}{{ end }}',
            "sub/templates/pod.yaml": (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: s}\n"
                "spec: {containers: [{name: s, image: 'acme/sub:v{{ include \"kube\" . }}'}]}\n"
            ),
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_the_library_tells_every_template_the_version_of_the_cluster_and_leaves_out_tests() -> None:
    files = {**CHART, "chart/templates/more.yaml": TESTED}
    files["app.yaml"] += "      skipTests: true\n      kubeVersion: '1.31'\n"
    tree = MemoryTree(
        {path: text.encode() for path, text in files.items()} | {"chart/charts/sub-1.0.0.tgz": carried()}, "test"
    )
    found = inventory(tree, ManifestSettings(), renderers=library())
    assert not found.gaps
    names = {use.reference for use in found.uses}
    assert "acme/sub:v31" in names
    assert "acme/test:1" not in names
    assert any(name.startswith("acme/v1.31.0-v") for name in names)
    assert ("ghcr.io/acme/api:v9", "chart/Chart.yaml", 4) in placed(found)
