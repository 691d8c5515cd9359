"""Shapes of kustomizations that are seen less often: the same images as the real program, and the line that makes each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree
from tests.support.renderers import renderers

API = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, labels: {tier: web}}
spec:
  template:
    spec:
      containers:
      - name: a.b
        image: ghcr.io/acme/api:1
      - name: side
        image: ghcr.io/acme/side:1
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {img.tag: '77', image: 'acme/set:5'}\n"
WIDGET = """\
apiVersion: acme.example/v1
kind: Widget
metadata: {name: w}
spec:
  engine: {image: 'ghcr.io/acme/api:1'}
  steps: [{name: a, image: 'ghcr.io/acme/step:1'}, {name: b, image: 'ghcr.io/acme/step:2'}]
"""
TEMPLATE = """\
apiVersion: v1
kind: Pod
metadata:
  name: template
  annotations: {config.kubernetes.io/local-config: "true"}
spec:
  containers:
  - {name: t, image: ghcr.io/acme/template:1}
"""
STEP_SCHEMA = (
    '{"definitions": {"W": {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "object"},'
    ' "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}, "example.acme.v1.Widget":'
    ' {"type": "object", "properties": {"spec": {"$ref": "#/definitions/W"}}, "x-kubernetes-group-version-kind":'
    ' [{"group": "acme.example", "kind": "Widget", "version": "v1"}]}}}'
)
VARIABLES = "varReference: [{path: spec/template/spec/containers/image, kind: Deployment}]\n"
ADDED = (
    '[{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "z", "image": "ghcr.io/acme/z:1"}}]'
)

CASES: dict[str, dict[str, str]] = {
    "a replacement brings its value itself": {
        "kustomization.yaml": "resources: [api.yaml]\nreplacements:\n- sourceValue: '2.0'\n  targets:\n"
        "  - select: {kind: Deployment}\n    fieldPaths: [spec.template.spec.containers.*.image]\n"
        "    options: {delimiter: ':', index: 1}\n"
    },
    "a replacement copies all containers of an object that is not deployed": {
        "kustomization.yaml": "resources: [api.yaml, template.yaml]\nreplacements:\n"
        "- source: {kind: Pod, fieldPath: spec.containers}\n  targets:\n  - select: {kind: Deployment}\n"
        "    fieldPaths: [spec.template.spec.containers]\n"
    },
    "keys in brackets, with dots": {
        "kustomization.yaml": "resources: [api.yaml, settings.yaml]\nreplacements:\n"
        "- source: {kind: ConfigMap, fieldPath: 'data.[img.tag]'}\n  targets:\n  - select: {kind: Deployment}\n"
        "    fieldPaths: ['spec.template.spec.containers.[name=a.b].image']\n    options: {delimiter: ':', index: 1}\n"
    },
    "a replacement creates a list of containers": {
        "kustomization.yaml": "resources: [api.yaml, settings.yaml]\nreplacements:\n"
        "- source: {kind: ConfigMap, fieldPath: data.image}\n  targets:\n  - select: {kind: Deployment}\n"
        "    fieldPaths: ['spec.template.spec.initContainers.[name=new].image']\n    options: {create: true}\n"
    },
    "what is for kustomize alone is left out": {
        "kustomization.yaml": "resources: [base]\nimages: [{name: ghcr.io/acme/template, newTag: '2'}]\n",
        "base/kustomization.yaml": "resources: [../api.yaml, ../template.yaml]\n",
    },
    "variables of a base in images": {
        "kustomization.yaml": "resources: [base]\nconfigMapGenerator:\n- name: params\n  behavior: merge\n"
        "  literals: [tag=over]\n",
        "base/kustomization.yaml": "resources: [api.yaml]\nconfigurations: [c.yaml]\nconfigMapGenerator:\n"
        "- name: params\n  literals: [tag=one]\nvars:\n- name: TAG\n"
        "  objref: {kind: ConfigMap, name: params, apiVersion: v1}\n  fieldref: {fieldpath: data.tag}\n",
        "base/c.yaml": VARIABLES,
        "base/api.yaml": API.replace("acme/api:1", "acme/api:$(TAG)"),
    },
    "fields that a base configures count above it": {
        "kustomization.yaml": "resources: [base]\nimages: [{name: ghcr.io/acme/api, newTag: '9'}]\n",
        "base/kustomization.yaml": "resources: [../widget.yaml]\nconfigurations: [c.yaml]\n",
        "base/c.yaml": "images: [{path: spec/engine/image, kind: Widget}]\n",
    },
    "a directory of generators": {
        "kustomization.yaml": "resources: [api.yaml]\ngenerators: [gen]\nreplacements:\n"
        "- source: {kind: ConfigMap, name: params, fieldPath: data.img}\n  targets:\n"
        "  - {select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}\n",
        "gen/kustomization.yaml": "resources: [g.yaml]\n",
        "gen/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: params}\n"
        "literals: ['img=ghcr.io/acme/made:5']\n",
    },
    "a directory of generators with patches": {
        "kustomization.yaml": "resources: [api.yaml]\ngenerators: [gen]\nreplacements:\n"
        "- source: {kind: ConfigMap, name: params, fieldPath: data.img}\n  targets:\n"
        "  - {select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}\n",
        "gen/kustomization.yaml": "resources: [g.yaml]\npatches:\n- target: {kind: ConfigMapGenerator}\n"
        '  patch: \'[{"op": "replace", "path": "/literals/0", "value": "img=ghcr.io/acme/patched:1"}]\'\n',
        "gen/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: params}\n"
        "literals: ['img=ghcr.io/acme/made:5']\n",
    },
    "a patch of JSON in one line, in a transformer": {
        "kustomization.yaml": "resources: [api.yaml]\ntransformers: [t.yaml]\n",
        "t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\ntarget: {kind: Deployment}\n"
        f"patch: '{ADDED}'\n---\napiVersion: builtin\nkind: PatchJson6902Transformer\nmetadata: {{name: q}}\n"
        f"target: {{group: apps, version: v1, kind: Deployment, name: api}}\njsonOp: '{ADDED.replace('z', 'y')}'\n",
    },
    "patches that select by what labels add": {
        "kustomization.yaml": "resources: [base]\npatches:\n- target: {labelSelector: 'team=a,tier!=db'}\n"
        f"  patch: '{ADDED}'\n- target: {{annotationSelector: 'other=x'}}\n  patch: '{ADDED.replace('z', 'y')}'\n",
        "base/kustomization.yaml": "resources: [../api.yaml]\nlabels: [{pairs: {team: a}}]\ncommonAnnotations: {one: x}\n",
    },
    "a list of patches": {
        "kustomization.yaml": "resources: [api.yaml]\npatchesStrategicMerge:\n- |-\n  apiVersion: v1\n  kind: List\n"
        "  items:\n  - apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: api}\n"
        "    spec: {template: {spec: {containers: [{name: side, image: 'ghcr.io/acme/side:2'}]}}}\n"
    },
    "an element that replaces": {
        "kustomization.yaml": "resources: [api.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n"
        "    kind: Deployment\n    metadata: {name: api}\n    spec: {template: {spec: {containers: [{name: side,"
        " $patch: replace, image: 'ghcr.io/acme/side:2'}]}}}\n"
    },
    "an element that is none, in a list that is not merged": {
        "kustomization.yaml": "resources: [widget.yaml]\npatches:\n- patch: |\n    apiVersion: acme.example/v1\n"
        "    kind: Widget\n    metadata: {name: w}\n    spec: {steps: [{$patch: replace}, {name: c, image: 'ghcr.io/acme/step:3'}]}\n"
        '- target: {kind: Widget}\n  patch: \'[{"op": "remove", "path": "/spec/steps/0"}]\'\n'
    },
    "a suffix of a tag": {
        "kustomization.yaml": "resources: [api.yaml, widget.yaml]\nimages: [{name: ghcr.io/acme/api, tagSuffix: -x}]\n"
    },
    "a patch that may change kind and name": {
        "kustomization.yaml": "resources: [api.yaml]\npatches:\n- target: {kind: Deployment}\n"
        "  options: {allowNameChange: true, allowKindChange: true}\n  patch: |\n    apiVersion: apps/v1\n"
        "    kind: StatefulSet\n    metadata: {name: other}\n- target: {kind: StatefulSet, name: other}\n"
        f"  patch: '{ADDED}'\n"
    },
    "a schema says how lists merge": {
        "kustomization.yaml": "resources: [widget.yaml, api.yaml]\nopenapi: {path: schema.json}\npatches:\n"
        "- patch: |\n    apiVersion: acme.example/v1\n    kind: Widget\n    metadata: {name: w}\n"
        "    spec: {steps: [{name: b, image: 'ghcr.io/acme/step:3'}]}\n- patch: |\n    apiVersion: apps/v1\n"
        "    kind: Deployment\n    metadata: {name: api}\n"
        "    spec: {template: {spec: {containers: [{name: only, image: 'ghcr.io/acme/only:1'}]}}}\n",
        "schema.json": STEP_SCHEMA,
    },
    "a schema of a base": {
        "kustomization.yaml": "resources: [base]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n"
        "    metadata: {name: api}\n"
        "    spec: {template: {spec: {containers: [{name: only, image: 'ghcr.io/acme/only:1'}]}}}\n",
        "base/kustomization.yaml": "resources: [../api.yaml]\nopenapi: {path: schema.json}\n",
        "base/schema.json": STEP_SCHEMA,
    },
    "versions and kinds without a schema": {
        "kustomization.yaml": "resources: [old.yaml, widget.yaml]\npatches:\n- patch: |\n"
        "    apiVersion: extensions/v1beta1\n    kind: Deployment\n    metadata: {name: api}\n"
        "    spec: {template: {spec: {containers: [{name: only, image: 'ghcr.io/acme/only:1'}]}}}\n",
        "old.yaml": API.replace("apps/v1", "extensions/v1beta1"),
    },
    "a value inside of a text": {
        "kustomization.yaml": "resources: [template.yaml, inner.yaml]\nreplacements:\n"
        "- source: {kind: Pod, fieldPath: spec.containers.0.image}\n  targets:\n  - select: {kind: ConfigMap}\n"
        "    fieldPaths: ['data.cfg\\.yaml.image']\n",
        "inner.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  cfg.yaml: |\n"
        "    image: ghcr.io/acme/old:1\n",
    },
    "a list and a part of an object that a patch takes the place of, with directives in them": {
        "kustomization.yaml": "resources: [api.yaml, template.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n"
        "    kind: Deployment\n    metadata: {name: api}\n    spec: {template: {spec: {$patch: replace, containers: ["
        "{$patch: replace}, {name: x, image: 'ghcr.io/acme/x:1'}, {name: side, $patch: delete, image: 'ghcr.io/acme/no:1'}]}}}\n"
        "replacements:\n- source: {kind: Deployment, fieldPath: spec.template.spec.containers.0.image}\n  targets:\n"
        "  - {select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}\n"
    },
    "a list that a patch takes away": {
        "kustomization.yaml": "resources: [api.yaml, settings.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n"
        "    kind: Deployment\n    metadata: {name: api}\n    spec: {template: {spec: {containers: ["
        "{$patch: delete}, {name: x, image: 'ghcr.io/acme/x:1'}], initContainers: [{name: y, image: 'ghcr.io/acme/y:1'}]}}}\n"
    },
    "a patch by the name that a prefix made, before the suffix": {
        "kustomization.yaml": "resources: [base]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n"
        "    metadata: {name: p-api}\n    spec: {template: {spec: {containers: [{name: side, image: 'ghcr.io/acme/side:2'}]}}}\n",
        "base/kustomization.yaml": "resources: [../api.yaml]\nnamePrefix: p-\nnameSuffix: -s\n",
    },
    "fields that are configured count for the components": {
        "kustomization.yaml": "resources: [widget.yaml]\ncomponents: [part]\nconfigurations: [c.yaml]\n",
        "c.yaml": "images: [{path: spec/engine/image, kind: Widget}]\n",
        "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "images: [{name: ghcr.io/acme/api, newTag: '9'}]\n",
    },
    "a field that is configured twice is rewritten once, unless the second is narrower": {
        "kustomization.yaml": "resources: [base]\nconfigurations: [c.yaml]\n"
        "images: [{name: ghcr.io/acme/api, tagSuffix: -x}, {name: ghcr.io/acme/step, tagSuffix: -y}]\n",
        "c.yaml": "images: [{path: spec/engine/image, kind: Widget}, {path: spec/steps/image}]\n",
        "base/kustomization.yaml": "resources: [../widget.yaml]\nconfigurations: [c.yaml]\n",
        "base/c.yaml": "images: [{path: spec/engine/image}, {path: spec/steps/image, kind: Widget}]\n",
    },
    "fields that are configured, through lists and with a slash": {
        "kustomization.yaml": "resources: [widget.yaml]\nconfigurations: [c.yaml]\nimages:\n"
        "- {name: ghcr.io/acme/api, newTag: '9'}\n- {name: ghcr.io/acme/step, newTag: '9'}\n",
        "widget.yaml": WIDGET + "  acme.example/tools: [{image: 'ghcr.io/acme/api:5'}]\n",
        "c.yaml": "images: [{path: spec/steps/image}, {path: 'spec/acme.example\\/tools[]/image'}]\n",
    },
    "annotations that a patch takes away select no more": {
        "kustomization.yaml": "resources: [base]\npatches:\n- target: {kind: Deployment}\n"
        '  patch: \'[{"op": "add", "path": "/metadata/annotations", "value": {"note": "y"}}]\'\n'
        f"- target: {{kind: Deployment, annotationSelector: owner}}\n  patch: '{ADDED}'\n",
        "base/kustomization.yaml": "resources: [../api.yaml]\ncommonAnnotations: {owner: x}\n",
    },
}
_FILES = {"api.yaml": API, "settings.yaml": SETTINGS, "widget.yaml": WIDGET, "template.yaml": TEMPLATE}


def _tree(files: dict[str, str]) -> MemoryTree:
    return MemoryTree({path: text.encode() for path, text in files.items()}, "test")


@pytest.mark.interop
@pytest.mark.parametrize("name", CASES)
def test_the_same_images_as_kustomize_alone(name: str, tmp_path: Path) -> None:
    programs = renderers("kustomize")
    assert programs.kustomize is not None
    files = {**_FILES, **CASES[name]}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    build = [programs.kustomize.path, "build", "--load-restrictor=LoadRestrictionsNone", str(tmp_path)]
    run = subprocess.run(build, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    truth = {use.reference for use in inventory(_tree({"out.yaml": run.stdout}), ManifestSettings()).uses}
    found = inventory(_tree(files), ManifestSettings())
    assert truth
    assert {use.reference for use in found.uses if use.root == "."} == truth
    assert not [gap for gap in found.gaps if gap.root == "." and gap.rule != "override-without-effect"]


PLACES = [
    ("a replacement brings its value itself", "ghcr.io/acme/api:2.0", "kustomization.yaml", 3),
    (
        "a replacement copies all containers of an object that is not deployed",
        "ghcr.io/acme/template:1",
        "template.yaml",
        8,
    ),
    ("keys in brackets, with dots", "ghcr.io/acme/api:77", "settings.yaml", 4),
    ("variables of a base in images", "ghcr.io/acme/api:over", "kustomization.yaml", 5),
    ("fields that a base configures count above it", "ghcr.io/acme/api:9", "kustomization.yaml", 2),
    ("a directory of generators", "ghcr.io/acme/made:5", "gen/g.yaml", 4),
    ("a patch of JSON in one line, in a transformer", "ghcr.io/acme/z:1", "t.yaml", 5),
    ("an element that replaces", "ghcr.io/acme/side:1", "api.yaml", 11),
]


@pytest.mark.parametrize(("name", "reference", "file", "line"), PLACES, ids=[f"{one[0]}" for one in PLACES])
def test_the_line_to_edit(name: str, reference: str, file: str, line: int) -> None:
    found = inventory(_tree({**_FILES, **CASES[name]}), ManifestSettings())
    places = {(use.place.file, use.place.line) for use in found.uses if use.root == "." and use.reference == reference}
    assert places == {(file, line)}


def test_a_variable_that_nobody_knows_stays_unknown() -> None:
    files = {
        "kustomization.yaml": "resources: [api.yaml]\nconfigurations: [c.yaml]\nvars:\n- name: TAG\n"
        "  objref: {kind: ConfigMap, name: gone, apiVersion: v1}\n  fieldref: {fieldpath: data.tag}\n",
        "c.yaml": VARIABLES,
        "api.yaml": API.replace("acme/api:1", "acme/api:$(TAG)"),
    }
    found = inventory(_tree(files), ManifestSettings())
    assert "templated-reference" in {gap.rule for gap in found.gaps}
