"""Charts and values that mean harm, or cannot be rendered: an end, a reason, and the rest still judged."""

from __future__ import annotations

import textwrap
import time

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings
from auditor.limits import DEFAULT
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree
from tests.support.renderers import rendered, renderers

pytestmark = pytest.mark.interop

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: %s}]}\n"
GOOD = {"good.yaml": POD % "ghcr.io/acme/good:v1"}
ABOUT = "apiVersion: v2\nname: api\nversion: 1.2.3\n"
CHART = {**GOOD, "chart/Chart.yaml": ABOUT, "chart/templates/pod.yaml": POD % "{{ .Values.image }}"}
IMAGE = {"chart/values.yaml": "image: ghcr.io/acme/api:v1\n"}


def whys(found: Inventory) -> str:
    assert "ghcr.io/acme/good:v1" in {use.reference for use in found.uses}, "the rest is still judged"
    return "\n".join(gap.why for gap in found.gaps if gap.rule == "unrendered")


def bomb(last: str) -> str:
    rows = ["x0: &x0 [ghcr.io/acme/a, b, c, d, e, f, g, h, i, j]"]
    rows += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 7)]
    return "\n".join([*rows, last, ""])


@pytest.mark.parametrize(
    "template",
    [
        "{{ range $i := until 100000000 }}{{ $i }}\n{{ end }}",
        '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}',
        '{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
        '{{ tpl (printf "{{ tpl %q . }}" "{{ fail `deep` }}") . }}',
        "{{ $x := list }}{{ range until 3000 }}{{ $x = concat $x (until 3000) }}{{ end }}{{ $x }}",
    ],
    ids=["range", "include", "template", "tpl", "memory"],
)
def test_a_template_without_end_ends(template: str) -> None:
    started = time.monotonic()
    limits = replace(DEFAULT, render_seconds=5.0)
    files = {**CHART, **IMAGE, "chart/templates/evil.yaml": template}
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "test")
    found = inventory(tree, ManifestSettings(), renderers=renderers("helm"), limits=limits)
    assert "chart api (1.2.3), which helm does not render: " in whys(found)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("where", ["the chart", "a release", "a file"])
def test_values_that_unfold_without_end_are_refused(where: str) -> None:
    files = dict(CHART)
    release = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api}\nspec:\n  source:\n    path: chart\n"
    if where == "the chart":
        files["chart/values.yaml"] = bomb("image: ghcr.io/acme/api:v1")
    elif where == "a file":
        files["chart/big.yaml"] = bomb("image: ghcr.io/acme/api:v1")
        files["app.yaml"] = release + "    helm: {valueFiles: [big.yaml]}\n"
    else:
        values = textwrap.indent(bomb("image: ghcr.io/acme/api:v1"), "        ")
        files["app.yaml"] = release + f"    helm:\n      values: |\n{values}"
    started = time.monotonic()
    found = rendered(files, "helm")
    said = whys(found)
    assert "more than" in said or "cannot be read" in said or "excessive aliasing" in said
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("values", ["image: [", "- a", "text"])
def test_values_that_cannot_be_read_are_no_empty_values(values: str) -> None:
    """Nothing at all would be rendered of this chart, and nothing would be told."""
    template = "{{ with .Values.image }}" + POD % "{{ . }}" + "{{ end }}"
    body = textwrap.indent(values, "        ")
    release = f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: api}}\nspec:\n  source:\n    path: chart\n    helm:\n      values: |\n{body}\n"
    found = rendered({**CHART, "chart/templates/pod.yaml": template, "app.yaml": release}, "helm")
    assert "values" in whys(found)
    lenient = (
        release.partition("    helm")[0] + "    helm: {ignoreMissingValueFiles: true, valueFiles: [no.yaml, v.yaml]}\n"
    )
    found = rendered(
        {**CHART, "chart/templates/pod.yaml": template, "app.yaml": lenient, "chart/v.yaml": values}, "helm"
    )
    assert "value file v.yaml" in whys(found)
    assert "no.yaml" not in whys(found)


def test_a_chart_that_wants_another_cluster_says_which() -> None:
    files = {**CHART, **IMAGE, "chart/Chart.yaml": ABOUT + "kubeVersion: '>=1.40.0'\n"}
    assert "requires kubeVersion: >=1.40.0" in whys(rendered(files, "helm"))
    newer = ManifestSettings(kube_version="1.41.0")
    assert "ghcr.io/acme/api:v1" in {use.reference for use in rendered(files, "helm", settings=newer).uses}


def test_a_chart_that_fails_says_why_and_not_at_length() -> None:
    files = {**CHART, **IMAGE, "chart/templates/evil.yaml": '{{ fail (repeat 5000 "wrong ") }}'}
    said = whys(rendered(files, "helm"))
    assert "wrong wrong" in said
    assert len(said) <= DEFAULT.text


def test_values_that_the_chart_refuses_say_which() -> None:
    schema = '{"type": "object", "properties": {"image": {"type": "integer"}}}'
    said = whys(rendered({**CHART, **IMAGE, "chart/values.schema.json": schema}, "helm"))
    assert "image" in said
    assert "which helm does not render" in said


def test_a_chart_of_fifty_megabytes_is_bounded() -> None:
    files = {**CHART, **IMAGE, **{f"chart/files/{n}.txt": "x" * (10 << 20) for n in range(5)}}
    started = time.monotonic()
    said = whys(rendered(files, "helm"))
    assert "which helm does not render" in said
    assert time.monotonic() - started < 60


def test_a_chart_that_holds_a_pipe_or_a_way_out_is_rendered_without_it() -> None:
    """Hooks of Helm's own (plugins, post-renderers) are options of its command line: no file of a chart can ask for them."""
    more = {
        "chart/plugin.yaml": "name: x\nhooks: {install: touch /tmp/x}\n",
        "chart/.helmignore": "templates/pod.yaml\n",
    }
    found = rendered({**CHART, **IMAGE, **more, "chart/templates/other.yaml": POD % "ghcr.io/acme/other:v1"}, "helm")
    whys(found)
    assert "ghcr.io/acme/other:v1" in {use.reference for use in found.uses}
