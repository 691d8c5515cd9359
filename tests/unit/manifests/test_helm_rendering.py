"""Charts rendered by the real helm: which images, and which line makes each."""

from __future__ import annotations

import textwrap

import pytest

from auditor.manifests.inventory import Inventory
from auditor.model.use import Use, Via
from tests.support.renderers import placed, rendered

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\nappVersion: v9\n",
    "chart/values.yaml": "image:\n  repository: ghcr.io/acme/api\n  tag: v1\nsidecar: true\n",
    "chart/templates/deployment.yaml": textwrap.dedent("""\
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: {{ .Release.Name }}}
        spec:
          template:
            spec:
              containers:
              - name: api
                image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
              {{- if .Values.sidecar }}
              - name: proxy
                image: ghcr.io/acme/proxy:v3
              {{- end }}
        """),
}


def release(**spec: str) -> str:
    """A Flux HelmRelease of the chart; each key's text is put below it."""
    body = "".join(f"  {key}:\n{textwrap.indent(textwrap.dedent(text), '    ')}\n" for key, text in spec.items())
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api, namespace: prod}\nspec:\n"
        "  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}}\n" + body
    )


def application(helm: str, *, more: str = "") -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
        "  destination: {namespace: prod}\n  source:\n    repoURL: https://git.acme.example/deploy\n    path: chart\n"
        + textwrap.indent("helm:\n" + textwrap.indent(textwrap.dedent(helm), "  "), "    ")
        + more
    )


def one(found: Inventory, name: str) -> Use:
    uses = [use for use in found.uses if name in use.reference]
    assert len(uses) == 1, [(use.reference, str(use.place)) for use in found.uses]
    return uses[0]


def whys(found: Inventory) -> str:
    return "\n".join(gap.why for gap in found.gaps if gap.rule == "unrendered")


def test_a_chart_that_nothing_deploys_is_rendered_with_its_own_values() -> None:
    found = rendered(CHART, "helm")
    assert placed(found) == {
        ("ghcr.io/acme/api:v1", "chart/values.yaml", 3),
        ("ghcr.io/acme/proxy:v3", "chart/templates/deployment.yaml", 12),
    }
    assert {use.root for use in found.uses} == {"chart"}
    assert one(found, "api").via is Via.VALUES
    assert one(found, "proxy").via is Via.TEMPLATE
    assert not found.gaps


def test_a_tag_from_the_application_version_points_there() -> None:
    values = {"chart/values.yaml": "image:\n  repository: ghcr.io/acme/api\n  tag: ''\n"}
    use = one(rendered({**CHART, **values}, "helm"), "api")
    assert (use.reference, use.place.file, use.place.line) == ("ghcr.io/acme/api:v9", "chart/Chart.yaml", 4)
    assert use.via is Via.CHART


def test_a_release_overrides_and_the_default_is_the_base() -> None:
    found = rendered({**CHART, "apps/api.yaml": release(values="image: {tag: v2}\nsidecar: false")}, "helm")
    use = one(found, "acme/api")
    assert (use.reference, use.place.file, use.place.line) == ("ghcr.io/acme/api:v2", "apps/api.yaml", 7)
    assert use.base is not None
    assert (use.base.file, use.base.line) == ("chart/values.yaml", 3)
    assert str(use.workload) == "Deployment/api"
    assert "proxy" not in str(placed(found)), "what the values switch off is not deployed"


def test_values_come_from_a_generated_config_map_at_the_line_of_its_file() -> None:
    files = {
        "apps/kustomization.yaml": (
            "resources: [release.yaml]\nconfigMapGenerator:\n- {name: api-values, files: [values.yaml=api.yaml]}\n"
        ),
        "apps/release.yaml": release(valuesFrom="- {kind: ConfigMap, name: api-values}"),
        "apps/api.yaml": "# ours\nimage:\n  tag: v5\n",
    }
    found = rendered({**CHART, **files}, "helm")
    assert ("ghcr.io/acme/api:v5", "apps/api.yaml", 3) in placed(found)


def test_values_that_are_not_in_the_tree_are_told() -> None:
    found = rendered({**CHART, "a.yaml": release(valuesFrom="- {kind: Secret, name: elsewhere}")}, "helm")
    assert "values.yaml of Secret elsewhere is not in the tree" in whys(found)
    optional = release(valuesFrom="- {kind: Secret, name: elsewhere, optional: true}")
    assert not whys(rendered({**CHART, "a.yaml": optional}, "helm"))


def test_post_renderers_change_images() -> None:
    post = "- kustomize:\n    images:\n    - name: ghcr.io/acme/proxy\n      newTag: v4\n"
    use = one(rendered({**CHART, "a.yaml": release(postRenderers=post)}, "helm"), "proxy")
    assert (use.reference, use.place.file, use.via) == ("ghcr.io/acme/proxy:v4", "a.yaml", Via.IMAGES_ENTRY)


@pytest.mark.parametrize(
    ("helm", "file", "line"),
    [
        ("values: |\n  image:\n    tag: v2\n", "app.yaml", 12),
        ("valuesObject:\n  image:\n    tag: v2\n", "app.yaml", 12),
        ("parameters:\n- name: image.tag\n  value: v2\n", "app.yaml", 12),
        ("valueFiles:\n- prod.yaml\n", "chart/prod.yaml", 1),
        ("valueFiles:\n- /envs/prod.yaml\n", "envs/prod.yaml", 1),
        ("valueFiles: [prod1.yaml]\nvaluesObject: {image: {tag: v2}}\n", "app.yaml", 11),
    ],
)
def test_an_application_feeds_its_chart(helm: str, file: str, line: int) -> None:
    more = {
        "chart/prod.yaml": "image: {tag: v2}\n",
        "chart/prod1.yaml": "image: {tag: v1}\n",
        "envs/prod.yaml": "image: {tag: v2}\n",
    }
    found = rendered({**CHART, **more, "app.yaml": application(helm)}, "helm")
    assert ("ghcr.io/acme/api:v2", file, line) in placed(found)
    assert not whys(found)


def test_a_value_file_of_another_source_is_of_this_tree_only_by_its_ref() -> None:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n  sources:\n"
        "  - {repoURL: https://git.acme.example/a, path: chart, helm: {valueFiles: [$cfg/envs/prod.yaml]}}\n"
    )
    files = {**CHART, "envs/prod.yaml": "image: {tag: v2}\n"}
    assert "is not in the tree" in whys(rendered({**files, "app.yaml": text}, "helm"))
    known = text + "  - {repoURL: https://git.acme.example/a, ref: cfg}\n"
    assert ("ghcr.io/acme/api:v2", "envs/prod.yaml", 1) in placed(rendered({**files, "app.yaml": known}, "helm"))


def test_an_app_of_apps_is_followed_to_the_file_that_its_templates_read() -> None:
    files = {
        "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
        "apps/tags/api": "image_tag: v77\n",
        "apps/templates/app.yaml": (
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n"
            "  source:\n    path: chart\n    helm:\n      values: |\n        image:\n"
            '          tag: {{ (.Files.Get "tags/api" | fromYaml).image_tag }}\n'
        ),
    }
    found = rendered({**CHART, **files}, "helm")
    assert ("ghcr.io/acme/api:v77", "apps/tags/api", 1) in placed(found)
    assert {use.root for use in found.uses} == {"apps/api"}


def test_charts_inside_and_beside_the_chart_are_rendered() -> None:
    def chart(name: str) -> dict[str, str]:
        base = name.rpartition("/")[2]
        return {
            f"{name}/Chart.yaml": f"apiVersion: v2\nname: {base}\nversion: 1.0.0\n",
            f"{name}/values.yaml": f"image: ghcr.io/acme/{base}:v1\n",
            f"{name}/templates/pod.yaml": (
                f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {base}}}\nspec:\n"
                "  containers: [{name: a, image: '{{ .Values.image }}'}]\n"
            ),
        }

    about = (
        "apiVersion: v2\nname: api\nversion: 1.0.0\ndependencies:\n"
        "- {name: beside, version: 1.0.0, repository: file://../beside, alias: other}\n"
        "- {name: inside, version: 1.0.0}\n"
    )
    values = "other:\n  image: ghcr.io/acme/beside:v2\n"
    files = {**chart("beside"), **chart("main/charts/inside"), "main/Chart.yaml": about, "main/values.yaml": values}
    found = {each for each in placed(rendered(files, "helm")) if each[1] != "beside/values.yaml"}
    assert found == {
        ("ghcr.io/acme/beside:v2", "main/values.yaml", 2),
        ("ghcr.io/acme/inside:v1", "main/charts/inside/values.yaml", 1),
    }


def test_a_dependency_that_is_not_there_is_named() -> None:
    about = CHART["chart/Chart.yaml"] + (
        "dependencies:\n- {name: redis, version: 1.2.3, repository: https://charts.acme.example}\n"
    )
    assert "redis 1.2.3 from https://charts.acme.example" in whys(
        rendered({**CHART, "chart/Chart.yaml": about}, "helm")
    )


def test_kustomize_inflates_a_chart_of_the_tree_and_rewrites_its_images() -> None:
    files = {path.replace("chart/", "app/charts/api/"): text for path, text in CHART.items()}
    files["app/kustomization.yaml"] = (
        "helmCharts:\n- name: api\n  releaseName: api\n  valuesInline:\n    image: {tag: v2}\n"
        "images:\n- name: ghcr.io/acme/proxy\n  newTag: v4\n"
    )
    found = {each for each in rendered(files, "helm", "kustomize").uses if each.root == "app"}
    assert {(use.reference, use.place.file, use.place.line) for use in found} == {
        ("ghcr.io/acme/api:v2", "app/kustomization.yaml", 5),
        ("ghcr.io/acme/proxy:v4", "app/kustomization.yaml", 8),
    }


def test_fleet_deploys_a_chart_once_for_each_target() -> None:
    text = "namespace: prod\nhelm: {values: {image: {tag: v2}}}\ntargetCustomizations:\n- name: eu\n  helm:\n    values:\n      image: {tag: v3}\n"
    found = rendered({**CHART, "chart/fleet.yaml": text}, "helm")
    assert {(use.reference, use.place.line, use.root) for use in found.uses if "api" in use.reference} == {
        ("ghcr.io/acme/api:v2", 2, "chart"),
        ("ghcr.io/acme/api:v3", 7, "chart/eu"),
    }


@pytest.mark.parametrize(
    "written",
    [
        "Helm: {Values: {image: {tag: v2}}}\n",
        "HELM: {valuesfiles: [more.yaml]}\n",
        "targetcustomizations: [{Name: eu, helm: {values: {image: {tag: v2}}}}]\n",
    ],
)
def test_fleet_reads_its_fields_in_any_case(written: str) -> None:
    found = rendered({**CHART, "chart/fleet.yaml": written, "chart/more.yaml": "image: {tag: v2}\n"}, "helm")
    assert "ghcr.io/acme/api:v2" in {use.reference for use in found.uses}


def test_a_field_of_fleet_in_two_spellings_is_told() -> None:
    written = "helm: {values: {image: {tag: v1}}}\nHelm: {values: {image: {tag: v2}}}\n"
    assert "two spellings" in whys(rendered({**CHART, "chart/fleet.yaml": written}, "helm"))


@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-api.yaml", ".argocd-source-argocd_api.yaml"])
@pytest.mark.parametrize("field", ["helm", "Helm"])
def test_what_an_updater_wrote_beside_a_chart(name: str, field: str) -> None:
    """Image updaters write the tag that is deployed into a file that Argo CD lays over the Application's source."""
    owner = application("releaseName: api").replace("{name: api}", "{name: api, namespace: argocd}")
    written = f"{field}:\n  parameters:\n  - {{name: image.tag, value: v2, forcestring: true}}\n"
    found = rendered(
        {**CHART, "app.yaml": owner.replace("  releaseName: api\n", "  skipTests: true\n"), f"chart/{name}": written},
        "helm",
    )
    assert ("ghcr.io/acme/api:v2", f"chart/{name}", 3) in placed(found)
    assert "ghcr.io/acme/api:v1" not in {use.reference for use in found.uses}


def test_an_updater_of_another_application_changes_nothing() -> None:
    written = "helm: {parameters: [{name: image.tag, value: v2}]}\n"
    found = rendered(
        {**CHART, "app.yaml": application("skipTests: true"), "chart/.argocd-source-x.yaml": written}, "helm"
    )
    assert "ghcr.io/acme/api:v1" in {use.reference for use in found.uses}


@pytest.mark.parametrize("written", ["helm: [\n", "Helm: {parameters: []}\n", "helm: {a: 1, <<: {a: 2}}\n"])
def test_what_an_updater_wrote_and_nobody_can_tell_is_told(written: str) -> None:
    files = {**CHART, "app.yaml": application("skipTests: true"), "chart/.argocd-source.yaml": written}
    assert ".argocd-source.yaml" in whys(rendered(files, "helm"))


def test_a_simple_helmfile_is_rendered_and_a_templated_one_is_told() -> None:
    text = "releases:\n- name: api\n  chart: ./chart\n  values:\n  - image: {tag: v2}\n- name: db\n  chart: acme/db\n  version: 4.5.6\n"
    found = rendered({**CHART, "helmfile.yaml": text}, "helm")
    assert ("ghcr.io/acme/api:v2", "helmfile.yaml", 5) in placed(found)
    assert "deploys chart acme/db (4.5.6)" in whys(found)
    assert "environments of the helmfile" in whys(
        rendered({**CHART, "helmfile.yaml": "environments: {}\n" + text}, "helm")
    )


# ── attacks ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: %s}]}\n"
GOOD = {"good.yaml": POD % "ghcr.io/acme/good:v1"}


def attacked(template: str, **more: str) -> Inventory:
    found = rendered({**CHART, **GOOD, "chart/templates/evil.yaml": template, **more}, "helm")
    assert "ghcr.io/acme/good:v1" in {use.reference for use in found.uses}, "the rest is still judged"
    return found


def test_a_template_that_calls_itself_ends() -> None:
    found = attacked('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}')
    assert "which helm does not render" in whys(found)


@pytest.mark.slow
def test_a_template_that_prints_without_end_is_cut() -> None:
    found = attacked('{{ range $i := until 100000000 }}# {{ repeat 1000 "x" }}\n{{ end }}')
    assert "which helm does not render" in whys(found)


def test_a_template_that_fails_says_why() -> None:
    assert "not for you" in whys(attacked('{{ fail "not for you" }}'))


def test_what_is_printed_and_is_no_yaml_is_told() -> None:
    assert "which helm does not render" in whys(attacked("a: [\n"))


def test_neither_the_cluster_nor_the_network_nor_the_machine_is_asked() -> None:
    template = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: a\n"
        '    image: ghcr.io/acme/l{{ len (lookup "v1" "Secret" "default" "x") }}-d{{ getHostByName "localhost" }}-e'
        '{{ .Files.Get "../../../etc/passwd" | len }}:v1\n'
    )
    assert "ghcr.io/acme/l0-d-e0:v1" in {use.reference for use in attacked(template).uses}


def test_an_object_that_hides_among_the_crds_is_found() -> None:
    more = {"chart/crds/pod.yaml": POD % "ghcr.io/evil/hidden:v1"}
    assert "ghcr.io/evil/hidden:v1" in {use.reference for use in rendered({**CHART, **more}, "helm").uses}


def test_a_template_cannot_forge_where_it_stands() -> None:
    """`# Source:` comments are helm's; one of a template's own must not crash or hide anything."""
    found = attacked("# Source: ../../x\n" + POD % "ghcr.io/evil/forged:v1" + "---\n# Source: \n" + POD % "b/c:1")
    assert {"ghcr.io/evil/forged:v1", "b/c:1"} <= {use.reference for use in found.uses}


def test_values_that_look_like_marks_prove_nothing() -> None:
    values = {
        "chart/values.yaml": "image:\n  repository: ghcr.io/acme/api-zq0000qz\n  tag: v1-zq99999qz\nsidecar: true\n"
    }
    found = rendered({**CHART, **values}, "helm")
    assert "ghcr.io/acme/api-zq0000qz:v1-zq99999qz" in {use.reference for use in found.uses}


def test_applications_that_deploy_each_other_end() -> None:
    files = {
        "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
        "apps/templates/app.yaml": (
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: again}\nspec: {source: {path: apps}}\n"
            "---\n" + POD % "ghcr.io/acme/inner:v1"
        ),
    }
    found = rendered(files, "helm")
    assert "charts deploy charts more than" in whys(found)
    assert "ghcr.io/acme/inner:v1" in {use.reference for use in found.uses}


def test_a_chart_that_no_disk_takes_is_told_for_each_release() -> None:
    """The second one must not be rendered from the part that could be copied for the first."""
    hidden = f"chart/templates/{'x' * 300}.yaml"
    releases = {f"apps/{name}.yaml": release().replace("name: api", f"name: {name}", 1) for name in ("one", "two")}
    found = rendered({**CHART, **releases, hidden: CHART["chart/templates/deployment.yaml"]}, "helm")
    told = [gap.place.file for gap in found.gaps if "File name too long" in gap.why]
    assert sorted(told) == ["apps/one.yaml", "apps/two.yaml"], found.gaps
