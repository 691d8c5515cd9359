"""Ways to write an image that the reading of kustomizations does not follow: the image is found, or a gap says that it may be there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree
from auditor.source.tree import Entry, EntryKind

EVIL = "evil.example/x:1"


def deployment(image: str, metadata: str = "name: web", pod_metadata: str = "{}") -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  {metadata}\nspec:\n  template:\n    metadata: {pod_metadata}\n"
        f"    spec:\n      containers:\n      - name: web\n        image: {image}\n"
    )


def read(files: dict[str, str]) -> Inventory:
    return inventory(MemoryTree({path: text.encode() for path, text in files.items()}, "memory"), ManifestSettings())


GOOD = deployment("ghcr.io/acme/web:1")
RESOURCES = "resources: [dep.yaml]\n"
BY_LABEL = (
    "resources: [base]\npatches:\n- target: {labelSelector: e=x}\n"
    "  patch: '[{op: replace, path: /spec/template/spec/containers/0/image, value: \"%s\"}]'\n"
)

CASES = {
    "a JSON patch copies what was pruned": {
        "kustomization.yaml": RESOURCES + "patches:\n- target: {kind: Deployment}\n  patch: '[{op: copy,"
        " from: /spec/template/metadata/annotations/x, path: /spec/template/spec/containers/0/image}]'\n",
        "dep.yaml": deployment("ghcr.io/acme/web:1", pod_metadata=f"{{annotations: {{x: '{EVIL}'}}}}"),
    },
    "a patch selects by a label that a base adds": {
        "kustomization.yaml": BY_LABEL % EVIL,
        "base/kustomization.yaml": RESOURCES + "labels: [{pairs: {e: x}}]\n",
        "base/dep.yaml": GOOD,
    },
    "a patch selects by a label that a base has changed": {
        "kustomization.yaml": BY_LABEL % "ghcr.io/acme/web:1",
        "base/kustomization.yaml": RESOURCES + "labels: [{pairs: {e: y}}]\n",
        "base/dep.yaml": deployment(EVIL, "{name: web, labels: {e: x}}"),
    },
    "labels are written beside the image": {
        "kustomization.yaml": RESOURCES
        + f"labels:\n- pairs: {{image: '{EVIL}'}}\n  fields: [{{path: spec/template/spec/containers}}]\n",
        "dep.yaml": GOOD,
    },
    "a name prefix is configured for the image": {
        "kustomization.yaml": RESOURCES + "namePrefix: evil.example/\nconfigurations: [c.yaml]\n",
        "c.yaml": "namePrefix:\n- path: spec/template/spec/containers/image\n",
        "dep.yaml": GOOD,
    },
    "a transformer writes any field": {
        "kustomization.yaml": RESOURCES
        + "transformers:\n- |-\n  apiVersion: builtin\n  kind: ValueAddTransformer\n  metadata: {name: x}\n"
        f"  value: {EVIL}\n  targets: [{{fieldPath: 'spec/template/spec/containers/[name=web]/image'}}]\n",
        "dep.yaml": GOOD,
    },
    "a replacement copies a whole container": {
        "kustomization.yaml": "resources: [dep.yaml, s.yaml]\nreplacements:\n- source: {kind: Foo, fieldPath: status.c}\n"
        "  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.template.spec.containers.0]\n",
        "s.yaml": "apiVersion: acme.example/v1\nkind: Foo\nmetadata:\n  name: f\n"
        "  annotations: {config.kubernetes.io/local-config: 'true'}\n"
        f"status:\n  c: {{name: web, image: '{EVIL}'}}\n",
        "dep.yaml": GOOD,
    },
    "a folder is called like a remote base": {
        "kustomization.yaml": RESOURCES + "- github.com/evil/repo\n",
        "github.com/evil/repo/kustomization.yaml": "resources: [d.yaml]\n",
        "github.com/evil/repo/d.yaml": GOOD,
        "dep.yaml": GOOD,
    },
}


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in CASES.items()])
def test_nothing_is_written_into_an_image_unseen(files: dict[str, str]) -> None:
    files = {path: text.replace(RESOURCES + "- ", "resources:\n- dep.yaml\n- ") for path, text in files.items()}
    found = read(files)
    assert EVIL in {use.reference for use in found.uses} or "unrendered" in {gap.rule for gap in found.gaps}


def test_labels_in_their_usual_places_leave_no_gap() -> None:
    found = read(
        {
            "kustomization.yaml": RESOURCES
            + "labels:\n- pairs: {app: web}\n  fields: [{path: spec/template/metadata/labels, create: true}]\n"
            "configurations: [c.yaml]\n",
            "c.yaml": "commonLabels:\n- {path: spec/selector/matchLabels, create: true}\n"
            "nameReference:\n- kind: Secret\n  fieldSpecs: [{kind: Foo, path: spec/secretRef/name}]\n",
            "dep.yaml": GOOD,
        }
    )
    assert found.gaps == ()


def test_a_library_chart_hides_no_manifest() -> None:
    files = {
        "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\ntype: library\n",
        "apps/templates/dep.yaml": deployment(EVIL),
        "apps/templates/helper.yaml": '{{- define "x" }}\na: {{ .b }}\n{{- end }}\n',
        "apps/charts/web/kustomization.yaml": RESOURCES,
        "apps/charts/web/dep.yaml": deployment("evil.example/y:1"),
    }
    found = read(files)
    assert {use.reference for use in found.uses} == {EVIL, "evil.example/y:1"}
    assert found.gaps == ()


def test_a_policy_that_brings_images_is_read_where_it_does() -> None:
    policy = (
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: sidecar}\nspec:\n  rules:\n"
        "  - name: judge\n    verifyImages: [{imageReferences: ['ghcr.io/acme/*']}]\n"
        "  - name: inject\n    mutate:\n      patchStrategicMerge:\n        spec:\n"
        f"          containers: [{{name: agent, image: '{EVIL}'}}]\n"
    )
    assert [use.reference for use in read({"policy.yaml": policy}).uses] == [EVIL]


class WithSubmodule(MemoryTree):
    """A tree with a submodule."""

    def entries(self) -> Mapping[str, Entry]:
        return {**super().entries(), "apps/other": Entry("apps/other", EntryKind.SUBMODULE)}


@pytest.mark.parametrize(("exclude", "rules"), [((), ["unrendered"]), (("apps/other",), [])])
def test_what_a_submodule_deploys_is_unknown_unless_it_is_left_out(exclude: tuple[str, ...], rules: list[str]) -> None:
    found = inventory(WithSubmodule({}, "memory"), ManifestSettings(exclude=exclude))
    assert [gap.rule for gap in found.gaps] == rules
