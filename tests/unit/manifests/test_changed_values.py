"""Values of what nobody renders: a change of them is told, wherever they stand and whoever names them."""

from __future__ import annotations

import textwrap

import pytest

from auditor.source.memory import MemoryTree
from tests.support.changes import gating_of
from tests.support.renderers import renderers

REPOSITORY = "https://git.acme.example/deploy"
TAG = "image: {tag: 1.0.0}\n"


def told(files: dict[str, str], path: str, *, programs: bool = False) -> list[tuple[str, int]]:
    """Where a change of 1.0.0 in one file is told, which must be the same for both ways of reading a change."""
    head = {**files, path: files[path].replace("1.0.0", "1.0.1")}
    assert head != files
    trees = [MemoryTree({name: text.encode() for name, text in each.items()}, "tree") for each in (files, head)]
    used = renderers("helm") if programs else None
    whole, narrow = (gating_of(*trees, narrow=narrow, programs=used) for narrow in (False, True))
    assert narrow.same(whole)
    return sorted(
        {(one.place.file, one.place.line) for one in whole.findings if one.rule == "unrendered" and one.place}
    )


def application(helm: str, *, chart: str = "chart: api", more: str = "") -> str:
    """An Application, or the template of one, whose values stand in a repository beside the chart's."""
    source = (
        f"repoURL: https://charts.acme.example\n{chart}\ntargetRevision: 2.0.0\nhelm:\n{textwrap.indent(helm, '  ')}"
    )
    second = textwrap.indent(source, "  ").replace("  ", "- ", 1)
    return f"sources:\n- {{repoURL: {REPOSITORY}, ref: values}}\n{second}\n{more}"


def a_set(generators: str, spec: str, *, more: str = "") -> str:
    """An ApplicationSet."""
    template = textwrap.indent(f"metadata: {{name: api}}\nspec:\n{textwrap.indent(spec, '  ')}", "    ")
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: sets}\nspec:\n  goTemplate: true\n"
        f"  generators:\n  - {generators}\n  template:\n{template}\n{textwrap.indent(more, '  ')}"
    )


def values(*files: str) -> str:
    return "valueFiles:\n" + "".join(f"- {file}\n" for file in files)


FILES = "git: {repoURL: x, files: [{path: apps/*/app.yaml}]}"
LIST = "list: {elements: [{env: prod}, {env: dev}]}"


@pytest.mark.parametrize(
    ("generators", "named", "path"),
    [
        (FILES, "$values/{{.path.path}}/values.yaml", "apps/api/values.yaml"),
        (LIST, "$values/envs/{{.env}}/api.yaml", "envs/prod/api.yaml"),
        ("clusters: {}", "$values/envs/{{.metadata.labels.env}}/api.yaml", "envs/prod/api.yaml"),
        ("clusters: {}", '$values/envs/{{index .metadata.labels "a/b"}}/api.yaml', "envs/prod/api.yaml"),
        ("clusters: {}", "$values/{{.metadata.annotations.file}}", "envs/prod/values-api.yaml"),
        ("list: {elements: []}", "$values/envs/{{.env}}/api.yaml", "envs/prod/api.yaml"),
    ],
)
def test_values_that_a_set_names_for_charts_of_a_repository(generators: str, named: str, path: str) -> None:
    text = a_set(generators, application("ignoreMissingValueFiles: true\n" + values(named)))
    files = {"sets.yaml": text, "apps/api/app.yaml": "name: api\n", path: TAG, "envs/stage.txt": TAG, "other.yaml": TAG}
    assert [file for file, _ in told(files, path)] == ["sets.yaml"]
    assert told(files, "other.yaml") == [], "no part of the name is like it"
    assert told(files, "envs/stage.txt") == []


def test_only_the_application_whose_values_change_is_told() -> None:
    """Both Applications of the set stand in one place: what makes them tells them apart."""
    text = a_set(
        "list: {elements: [{env: prod}, {env: dev}]}", application(values("$values/envs/{{.env}}.yaml"))
    ).replace("name: api}", "name: 'api-{{.env}}'}")
    files = {"sets.yaml": text, "envs/prod.yaml": "image: {tag: 0.9.0}\n", "envs/dev.yaml": "image: {tag: 1.0.0}\n"}
    head = {**files, "envs/prod.yaml": files["envs/dev.yaml"]}
    trees = [MemoryTree({name: text.encode() for name, text in each.items()}, "tree") for each in (files, head)]
    (found,) = gating_of(*trees, narrow=False).findings
    assert "Application api-prod " in found.message
    assert found.message.endswith("this change changes what it is given")


def test_values_beside_a_chart_of_another_repository() -> None:
    deployer = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
    spec = application(values("$values/envs/api.yaml"), chart="path: charts/generic")
    files = {"app.yaml": deployer + textwrap.indent(spec, "  "), "envs/api.yaml": TAG, "envs/other.yaml": TAG}
    assert told(files, "envs/api.yaml") == [("app.yaml", 8)]
    assert told(files, "envs/other.yaml") == []


def test_parameters_from_a_file_for_a_directory_of_another_repository() -> None:
    helm = "parameters: [{name: image.tag, value: '{{.tag}}'}]\n"
    text = a_set(FILES, application(helm, chart="path: charts/generic"))
    assert told({"sets.yaml": text, "apps/api/app.yaml": "tag: 1.0.0\n"}, "apps/api/app.yaml") != []


@pytest.mark.parametrize(
    "helm", ["values: '{{ toYaml . }}'\n", "valuesObject: {image: '{{ with .image }}{{ .tag }}{{ end }}'}\n"]
)
@pytest.mark.parametrize("chart", ["chart: api", "path: charts/generic"])
def test_parameters_that_a_template_computes_with(helm: str, chart: str) -> None:
    text = a_set(FILES, application(helm, chart=chart)).replace("name: api}", "name: '{{.name}}'}")
    files = {
        "sets.yaml": text,
        "apps/api/app.yaml": "name: api\nimage: {tag: 1.0.0}\n",
        "apps/web/app.yaml": "name: web\n",
    }
    assert "sets.yaml" in {file for file, _ in told(files, "apps/api/app.yaml")}
    for values in ("values: 'name: {{.name}}'\n", "values: 'name: {{ `{{ toYaml . }}` }}'\n"):
        plain = {**files, "sets.yaml": text.replace(helm, values)}
        assert plain["sets.yaml"] != text
        assert told(plain, "apps/api/app.yaml") == [], "what no template asks for decides nothing"
    assert told({**files, "sets.yaml": text.replace("  goTemplate: true\n", "")}, "apps/api/app.yaml") == []


PATCH = """\
templatePatch: |
  spec:
    sources:
    - chart: api
      helm:
        parameters: [{name: tag, value: '{{ .tag }}'}]
        valueFiles:
        {{- range .files }}
        - $values/{{ . }}
        {{- end }}
        - $values/envs/{{ .name }}.yaml
        - values/{{ .name }}.yaml
"""


@pytest.mark.parametrize(
    "path", ["apps/api/app.yaml", "common/api.yaml", "envs/api.yaml", "charts/api/values/api.yaml"]
)
def test_what_a_patch_of_a_template_takes_from_files(path: str) -> None:
    app = "name: api\ntag: 1.0.0\nfiles: [common/api.yaml]\n"
    files = {"sets.yaml": a_set(FILES, "destination: {}\n", more=PATCH), "apps/api/app.yaml": app, "other.yaml": TAG}
    files |= dict.fromkeys(("common/api.yaml", "envs/api.yaml", "charts/api/values/api.yaml"), TAG)
    assert "sets.yaml" in {file for file, _ in told(files, path)}
    assert told(files, "other.yaml") == []


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\n",
    "chart/values.yaml": "image: {tag: 1.0.0}\n",
    "chart/templates/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: api}\nspec:\n  containers:\n"
        "  - {name: api, image: 'ghcr.io/acme/api:{{ .Values.image.tag }}'}\n"
    ),
}


@pytest.mark.parametrize("programs", [False, pytest.param(True, marks=pytest.mark.interop)])
@pytest.mark.parametrize("lenient", [False, True])
def test_values_of_a_chart_of_the_tree_that_only_a_controller_can_name(*, lenient: bool, programs: bool) -> None:
    """Argo CD skips files that are missing, if it is told to: that this one is missing, nobody knows."""
    spec = application(
        f"ignoreMissingValueFiles: {str(lenient).lower()}\n" + values("prod-{{.name}}.yaml"), chart="path: chart"
    )
    files = {"sets.yaml": a_set("clusters: {}", spec), **CHART, "chart/prod-eu.yaml": TAG, "prod-us.yaml": TAG}
    assert "sets.yaml" in {file for file, _ in told(files, "chart/prod-eu.yaml", programs=programs)}
    assert told(files, "prod-us.yaml", programs=programs) == []


@pytest.mark.parametrize("path", ["envs/values.yaml", "envs/api-values.yml"])
def test_values_where_nobody_knows_which_directory_is_deployed(path: str) -> None:
    """What is deployed may make Applications of its own, with values that only it names: these are called so."""
    text = a_set("clusters: {}", f"source: {{repoURL: {REPOSITORY}, path: '{{{{.metadata.annotations.path}}}}'}}\n")
    files = {"sets.yaml": text, **CHART, path: TAG, "settings.yaml": TAG}
    assert "sets.yaml" in {file for file, _ in told(files, path)}
    assert told(files, "settings.yaml") == []
    assert told(files, "chart/values.yaml") == [("chart/Chart.yaml", 1)], (
        "the values that a chart begins with are its own"
    )


def test_values_where_a_chart_that_is_not_rendered_makes_deployers() -> None:
    made = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {{ .Values.spec }}\n"
    files = {**CHART, "chart/templates/app.yaml": made, "envs/values.yaml": TAG, "envs/settings.yaml": TAG}
    assert told(files, "envs/values.yaml") == [("chart/Chart.yaml", 1)]
    assert told(files, "envs/settings.yaml") == []
    assert told({**CHART, "envs/values.yaml": TAG}, "envs/values.yaml") == []


@pytest.mark.parametrize(
    ("deployer", "path"),
    [
        ("plugin: {env: [{name: HELM_ARGS, value: -f values-prod.yaml}]}", "chart/values-prod.yaml"),
        ("kustomize: {}\n    plugin: {name: vault}", "chart/values-prod.yaml"),
    ],
)
@pytest.mark.interop
def test_values_beside_what_a_plugin_deploys(deployer: str, path: str) -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n  source:\n"
    files = {"app.yaml": f"{text}    repoURL: {REPOSITORY}\n    path: chart\n    {deployer}\n", **CHART, path: TAG}
    assert told(files, path, programs=True) == [("app.yaml", 7)]


HELM_CHARTS = "helmCharts:\n- {name: api, repo: 'https://charts.acme.example', version: 2.0.0, valuesFile: FILE}\n"
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: api}
spec:
  chart: {spec: {chart: api, version: 2.0.0, sourceRef: {kind: HelmRepository, name: acme}}}
  valuesFrom: [{kind: ConfigMap, name: values}]
"""
GENERATED = """\
resources: [release.yaml]
configMapGenerator: [{name: values, files: [values.yaml=held.yaml]}]
configurations: [names.yaml]
"""
NAMES = "nameReference: [{kind: ConfigMap, fieldSpecs: [{kind: HelmRelease, path: spec/valuesFrom/name}]}]\n"
PATCHED = "resources: [../base]\npatches: [{path: patch.yaml}]\n"
VALUES = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api}\nspec: {values: {tag: 1.0.0}}\n"
)
GENERATOR = (
    "apiVersion: acme.example/v1\nkind: Maker\nmetadata: {name: made}\nspec: {image: 'ghcr.io/acme/api:1.0.0'}\n"
)


@pytest.mark.parametrize(
    ("files", "path", "where"),
    [
        ({"base/kustomization.yaml": HELM_CHARTS, "base/FILE": TAG}, "base/FILE", "base/kustomization.yaml"),
        (
            {
                "base/kustomization.yaml": HELM_CHARTS.replace("FILE", "../shared/values.yaml"),
                "shared/values.yaml": TAG,
            },
            "shared/values.yaml",
            "base/kustomization.yaml",
        ),
        (
            {"base/kustomization.yaml": GENERATED, "base/release.yaml": RELEASE, "base/held.yaml": TAG}
            | {"base/names.yaml": NAMES},
            "base/held.yaml",
            "base/release.yaml",
        ),
        (
            {"base/kustomization.yaml": "resources: [release.yaml]\n", "base/release.yaml": RELEASE}
            | {"middle/kustomization.yaml": PATCHED, "middle/patch.yaml": VALUES},
            "middle/patch.yaml",
            "base/release.yaml",
        ),
        (
            {"base/kustomization.yaml": "generators: [made.yaml]\n", "base/made.yaml": GENERATOR},
            "base/made.yaml",
            "base/kustomization.yaml",
        ),
    ],
)
def test_values_in_what_a_root_loads_from_elsewhere(files: dict[str, str], path: str, where: str) -> None:
    """The root is another directory: neither its files nor that of the chart's version change."""
    last = "middle" if "middle/kustomization.yaml" in files else "base"
    files = {"clusters/prod/kustomization.yaml": f"resources: [../../{last}]\n", **files, "base/README.md": "1.0.0"}
    assert [file for file, _ in told(files, path)] == [where]
    assert told(files, "base/README.md") == []


@pytest.mark.parametrize(
    ("deployer", "text"),
    [
        (
            "apps/api/fleet.yaml",
            "helm: {repo: 'https://charts.acme.example', chart: api, version: 2.0.0, valuesFiles: [../../envs/prod.yaml]}\n",
        ),
        (
            "apps/api/helmfile.yaml",
            "releases:\n- {name: api, chart: acme/api, version: 2.0.0, values: [../../envs/prod.yaml]}\n",
        ),
    ],
)
def test_values_of_bundles_and_releases_in_another_directory(deployer: str, text: str) -> None:
    files = {deployer: text, "envs/prod.yaml": TAG, "envs/dev.yaml": TAG}
    assert [file for file, _ in told(files, "envs/prod.yaml")] == [deployer]
    assert told(files, "envs/dev.yaml") == []


def test_values_that_flux_fills_into_what_it_takes_from_elsewhere() -> None:
    deployer = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: api}\nspec:\n  path: ./deploy\n"
        "  sourceRef: {kind: GitRepository, name: api}\n  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n"
    )
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {API_VERSION: 1.0.0, DOMAIN: acme.example}\n"
    files = {"api.yaml": deployer, "settings.yaml": held}
    assert told(files, "settings.yaml") == [("api.yaml", 5)]
    other = {**files, "settings.yaml": held.replace("1.0.0", "2.0.0").replace("acme.example", "1.0.0.example")}
    assert told(other, "settings.yaml") == [], "a domain chooses no image"


@pytest.mark.interop
def test_values_of_a_chart_that_a_loaded_kustomization_inflates() -> None:
    """What a root loads from elsewhere is built anew where the values differ."""
    charts = {f"base/charts/api/{path.removeprefix('chart/')}": text for path, text in CHART.items()}
    files = {
        "prod/kustomization.yaml": "resources: [../base]\n",
        "base/kustomization.yaml": "helmCharts: [{name: api, releaseName: api, valuesFile: ours.yaml}]\n",
        "base/ours.yaml": TAG,
        **charts,
    }
    head = {**files, "base/ours.yaml": "image: {tag: 1.0.1}\n"}
    trees = [MemoryTree({name: text.encode() for name, text in each.items()}, "tree") for each in (files, head)]
    for narrow in (False, True):
        found = gating_of(*trees, narrow=narrow, programs=renderers("helm", "kustomize"))
        assert {use.reference for use in found.added} == {"ghcr.io/acme/api:1.0.1"}


@pytest.mark.interop
@pytest.mark.parametrize("name", ["values-prod.yaml", "values.prod.yml", "prod-values.yaml", "prod.values.yaml"])
def test_values_beside_a_chart_that_something_outside_of_the_tree_deploys(name: str) -> None:
    """A pipeline runs `helm upgrade -f values-prod.yaml`: a change of that file deploys what it says."""
    base = {**CHART, f"chart/{name}": TAG.replace("1.0.0", "2.0.0"), "chart/ci/test-values.yaml": TAG}
    head = {
        **base,
        f"chart/{name}": TAG.replace("1.0.0", "2.0.1"),
        "chart/ci/test-values.yaml": "image: {tag: 3.0.0}\n",
    }
    trees = [MemoryTree({path: text.encode() for path, text in each.items()}, "tree") for each in (base, head)]
    for narrow in (False, True):
        found = gating_of(*trees, narrow=narrow, programs=renderers("helm"))
        (use,) = found.added
        assert (use.reference, use.place.file) == ("ghcr.io/acme/api:2.0.1", f"chart/{name}")
        assert found.findings == frozenset()


@pytest.mark.interop
def test_values_beside_a_chart_that_cannot_be_read_are_told() -> None:
    files = {**CHART, "chart/values-prod.yaml": "image: [1.0.0\n"}
    assert told(files, "chart/values-prod.yaml", programs=True) == [("chart/values-prod.yaml", 1)]


REFERRING = [
    (
        "packaging.carvel.dev/v1alpha1",
        "PackageInstall",
        "packageRef: {refName: api.acme.example}\n  values: [{secretRef: {name: held}}]",
    ),
    (
        "configsync.gke.io/v1beta1",
        "RootSync",
        (
            "sourceType: helm\n  helm: {repo: 'https://charts.acme.example', chart: api, version: 2.0.0, "
            "valuesFileRefs: [{name: held, dataKey: values.yaml}]}"
        ),
    ),
    (
        "helm.crossplane.io/v1beta1",
        "Release",
        (
            "forProvider:\n    chart: {name: api, repository: 'https://charts.acme.example', version: 2.0.0}\n"
            "    valuesFrom: [{configMapKeyRef: {name: held, key: values.yaml}}]"
        ),
    ),
]


@pytest.mark.parametrize(("version", "kind", "spec"), REFERRING)
@pytest.mark.parametrize("directory", ["deploy", "settings/prod"])
def test_values_in_an_object_of_another_file(version: str, kind: str, spec: str, directory: str) -> None:
    deployer = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: api}}\nspec:\n  {spec}\n"
    held = "Secret" if kind == "PackageInstall" else "ConfigMap"
    values = f"apiVersion: v1\nkind: {held}\nmetadata: {{name: held}}\ndata: {{values.yaml: 'image: 1.0.0'}}\n"
    files = {"deploy/api.yaml": deployer, f"{directory}/values.yaml": values}
    files["settings/other.yaml"] = values.replace("name: held", "name: other")
    assert [file for file, _ in told(files, f"{directory}/values.yaml")] == ["deploy/api.yaml"]
    assert told(files, "settings/other.yaml") == []


SOURCE = "source: {repoURL: REPO, targetRevision: '{{.revision}}', path: apps/api}\n".replace("REPO", REPOSITORY)
CONFIG = "git: {repoURL: x, files: [{path: clusters/*.yaml}]}"
NAMED = {
    "sets.yaml": a_set(CONFIG, SOURCE).replace("name: api}", "name: '{{.name}}'}"),
    "clusters/dev.yaml": "name: dev\nrevision: main\n",
    "clusters/prod.yaml": "name: prod\nrevision: release\n",
    "apps/api/pod.yaml": CHART["chart/templates/pod.yaml"].replace("{{ .Values.image.tag }}", "1.0.0"),
}


@pytest.mark.parametrize(
    ("path", "text", "where"),
    [
        ("clusters/prod.yaml", "name: prod\nrevision: main\n", [("clusters/prod.yaml", 2)]),
        ("clusters/prod.yaml", "name: prod\nrevision: release\nowner: us\n", []),
        ("clusters/new.yaml", "name: new\nrevision: main\n", []),
        ("clusters/new.yaml", "name: new\nrevision: unseen\n", [("clusters/new.yaml", 2)]),
    ],
)
def test_a_revision_that_a_file_fills_in(path: str, text: str, where: list[tuple[str, int]]) -> None:
    """Each cluster has its branch: another one deploys what nobody has looked at, and a new cluster the same as others does not."""
    trees = [
        MemoryTree({name: text.encode() for name, text in each.items()}, "t") for each in (NAMED, {**NAMED, path: text})
    ]
    whole, narrow = (gating_of(*trees, narrow=narrow) for narrow in (False, True))
    assert narrow.same(whole)
    assert [(one.place.file, one.place.line) for one in whole.findings if one.place] == where


SYNCED = """\
templatePatch: |
  spec:
    FIELD:
      OPTIONS:
      {{- range .options }}
      - {{ . }}
      {{- end }}
"""


@pytest.mark.parametrize(
    ("field", "options", "known"),
    [
        ("syncPolicy", "[CreateNamespace=true, ServerSideApply=true]", True),
        ("syncPolicy", "[]", True),
        ("source", "[CreateNamespace=true]", False),
        ("syncPolicy", "['x\\n  source: {chart: other}']", False),
        ("syncPolicy", "[{a: b}]", False),
    ],
)
def test_a_list_in_a_patch_of_a_template(field: str, options: str, *, known: bool) -> None:
    patch = SYNCED.replace("FIELD", field)
    files = {
        "sets.yaml": a_set(CONFIG, "destination: {}\n", more=patch),
        "clusters/prod.yaml": f"name: prod\noptions: {options}\nrevision: 1.0.0\n",
    }
    assert (told(files, "clusters/prod.yaml") == []) is known


def test_a_list_that_only_a_controller_knows_is_a_gap() -> None:
    patch = SYNCED.replace("FIELD", "syncPolicy")
    files = {"sets.yaml": a_set("clusters: {}", "destination: {}\n", more=patch) + "# 1.0.0\n"}
    assert [file for file, _ in told(files, "sets.yaml")] == ["sets.yaml"]


@pytest.mark.interop
@pytest.mark.parametrize("path", ["chart/Chart.yaml", "chart/templates/pod.yaml", "common/Chart.yaml"])
def test_a_chart_that_cannot_be_rendered_is_told_where_it_changes(path: str) -> None:
    """An umbrella chart whose dependency is not in the tree: its version is all that chooses what is deployed."""
    more = "dependencies: [{name: db, version: 1.0.0, repository: 'https://charts.acme.example'}, {name: common, version: '*', "
    deployer = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n  source:\n"
    files = {
        **CHART,
        "app.yaml": f"{deployer}    repoURL: {REPOSITORY}\n    path: chart\n",
        "chart/Chart.yaml": CHART["chart/Chart.yaml"] + more + "repository: 'file://../common'}]\n",
        "chart/templates/pod.yaml": CHART["chart/templates/pod.yaml"] + "# 1.0.0\n",
        "common/Chart.yaml": "apiVersion: v2\nname: common\nversion: 1.0.0\ntype: library\n",
        "README.md": "1.0.0",
    }
    assert ("app.yaml", 7) in told(files, path, programs=True)
    assert told(files, "README.md", programs=True) == []
