"""Which line makes an image of a chart, where the chart makes it in a way that is less usual."""

from __future__ import annotations

import pytest

from tests.support.renderers import placed, rendered

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\n",
    "chart/values.yaml": "tag: v1\n",
    "chart/templates/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}}\nspec:\n  containers:\n"
    "  - {name: a, image: 'ghcr.io/acme/api:{{ .Values.tag }}'}\n",
}
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n"
TRACED = {
    "a version that is compared makes nothing of a marked value": (
        {
            "values.yaml": "image:\n  repository: ghcr.io/acme/api\n  tag: 1.25.3\ntool:\n  image: ghcr.io/acme/tool\n"
            "  version: '2.4'\n",
            "templates/p.yaml": '{{- if semverCompare ">=1.20" .Values.image.tag }}\n' + POD + "  - {name: a, image:"
            ' "{{ .Values.image.repository }}:{{ .Values.image.tag }}-debian"}\n'
            '  - {name: b, image: "{{ .Values.tool.image }}:v{{ .Values.tool.version }}"}\n{{- end }}\n',
        },
        {
            ("ghcr.io/acme/api:1.25.3-debian", "chart/values.yaml", 2),
            ("ghcr.io/acme/tool:v2.4", "chart/values.yaml", 6),
        },
    ),
    "a name under any key, tagged by the template": (
        {
            "values.yaml": "kubectl: registry.k8s.io/kubectl\n",
            "templates/p.yaml": POD
            + '  - {name: a, image: "{{ .Values.kubectl }}:v{{ .Capabilities.KubeVersion.Major }}"}\n',
        },
        {("registry.k8s.io/kubectl:v1", "chart/values.yaml", 1)},
    ),
    "a version without its v, or with more behind it": (
        {
            "values.yaml": "repository: ghcr.io/acme/api\n",
            "Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\nappVersion: v3.1.0\n",
            "templates/p.yaml": POD
            + '  - {name: a, image: "{{ .Values.repository }}:{{ trimPrefix "v" .Chart.AppVersion }}"}\n'
            + '  - {name: b, image: "{{ .Values.repository }}:{{ .Chart.AppVersion }}-alpine"}\n',
        },
        {
            ("ghcr.io/acme/api:3.1.0", "chart/Chart.yaml", 4),
            ("ghcr.io/acme/api:v3.1.0-alpine", "chart/Chart.yaml", 4),
        },
    ),
    "a tag whose key says nothing, equal to the version": (
        {
            "values.yaml": "image:\n  repository: ghcr.io/acme/api\n  release: v3.1.0\n",
            "Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\nappVersion: v3.1.0\n",
            "templates/p.yaml": POD
            + '  - {name: a, image: "{{ .Values.image.repository }}:{{ .Values.image.release }}"}\n'
            + '  - {name: b, image: "{{ .Values.image.repository }}:{{ .Chart.AppVersion }}-alpine"}\n',
        },
        {
            ("ghcr.io/acme/api:v3.1.0", "chart/values.yaml", 3),
            ("ghcr.io/acme/api:v3.1.0-alpine", "chart/Chart.yaml", 4),
        },
    ),
    "a version that the chart compares": (
        {
            "values.yaml": "repository: ghcr.io/acme/api\n",
            "Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\nappVersion: 3.1.0\n",
            "templates/p.yaml": '{{- if not (regexMatch "^[0-9.]+$" .Chart.AppVersion) }}{{ fail "no version" }}{{ end }}\n'
            + POD
            + '  - {name: a, image: "{{ .Values.repository }}:{{ .Chart.AppVersion }}"}\n',
        },
        {("ghcr.io/acme/api:3.1.0", "chart/Chart.yaml", 4)},
    ),
    "values that a chart imports from one below": (
        {
            "Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\ndependencies:\n- name: sub\n  version: 1.0.0\n"
            "  import-values: [{child: img, parent: img}]\n",
            "values.yaml": "x: y\n",
            "templates/p.yaml": POD + '  - {name: a, image: "{{ .Values.img.repo }}:{{ .Values.img.tag }}"}\n',
            "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
            "charts/sub/values.yaml": "img:\n  repo: ghcr.io/acme/sub\n  tag: '4'\n",
        },
        {("ghcr.io/acme/sub:4", "chart/charts/sub/values.yaml", 2)},
    ),
    "settings in JSON of one line": (
        {
            "values.yaml": "x: y\n",
            "tags.json": '{"api": {"repository": "ghcr.io/acme/api", "tag": "77"}}\n',
            "templates/p.yaml": '{{- $t := .Files.Get "tags.json" | fromJson }}\n'
            + POD
            + '  - {name: a, image: "{{ $t.api.repository }}:{{ $t.api.tag }}"}\n',
        },
        {("ghcr.io/acme/api:77", "chart/tags.json", 1)},
    ),
}


@pytest.mark.parametrize("name", TRACED)
def test_a_line_is_found_however_the_chart_makes_the_image(name: str) -> None:
    files, places = TRACED[name]
    about = {"chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\n"}
    found = rendered({**about, **{f"chart/{path}": text for path, text in files.items()}}, "helm")
    assert placed(found) == places


def test_a_chart_beside_the_templates_of_another_is_a_chart_too() -> None:
    """A chart at the top of a repository must not make manifests of the templates of the charts below it."""
    outer = {path.removeprefix("chart/"): text for path, text in CHART.items()}
    found = rendered({**outer, **{f"deploy/{path}": text for path, text in CHART.items()}}, "helm")
    assert not [gap for gap in found.gaps if gap.rule == "unparsable-file"]
    assert {use.root for use in found.uses} == {".", "deploy/chart"}
    assert not [use for use in found.uses if "{{" in use.reference]


GENERATOR = """\
apiVersion: builtin
kind: HelmChartInflationGenerator
metadata: {name: x}
name: api
releaseName: w
valuesInline:
  tag: v7
"""


@pytest.mark.interop
@pytest.mark.parametrize("inline", [False, True], ids=["in a file", "inline"])
def test_a_chart_as_a_generator_is_built_like_an_entry_of_helm_charts(*, inline: bool) -> None:
    generators = f"generators:\n- |-\n{''.join(f'  {line}' for line in GENERATOR.splitlines(keepends=True))}"
    entry = generators if inline else "generators: [g.yaml]\n"
    files = {f"charts/api/{path.removeprefix('chart/')}": text for path, text in CHART.items()}
    found = rendered({**files, "kustomization.yaml": entry, "g.yaml": GENERATOR}, "kustomize", "helm")
    uses = [use for use in found.uses if use.root == "."]
    assert [use.reference for use in uses] == ["ghcr.io/acme/api:v7"]
    assert (uses[0].place.file, uses[0].place.line) == (("kustomization.yaml", 9) if inline else ("g.yaml", 7))
    assert not uses[0].superset, "kustomize built it"
    assert not [gap for gap in found.gaps if gap.root == "."]


def test_a_generator_of_a_chart_elsewhere_is_told_and_not_fetched() -> None:
    remote = GENERATOR.replace("name: api\n", "name: far\nrepo: https://charts.acme.example\n")
    found = rendered({"kustomization.yaml": "generators: [g.yaml]\n", "g.yaml": remote}, "kustomize", "helm")
    assert [gap.rule for gap in found.gaps] == ["unrendered"]
    assert "far" in found.gaps[0].why
