"""Kustomize's rules, one by one. What is said here was seen with the real program."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.model.place import Place
from auditor.model.use import Use, Via
from auditor.source.memory import MemoryTree

DIGEST = "sha256:" + "a" * 64
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers:
        - {name: init, image: ghcr.io/acme/init:1}
      containers:
        - name: app
          image: ghcr.io/acme/api:1
        - {name: sidecar, image: "ghcr.io/acme/side:1"}
"""


def read(files: Mapping[str, str], *, every: bool = False, **settings: tuple[str, ...]) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "tree")
    return inventory(tree, ManifestSettings(**settings), every=every)  # type: ignore[arg-type]


def images(files: Mapping[str, str]) -> set[str]:
    found = read(files)
    assert {gap.rule for gap in found.gaps} <= {"override-without-effect"}
    return {use.reference for use in found.uses}


def overlay(text: str, base: str = DEPLOYMENT) -> set[str]:
    return images({"kustomization.yaml": f"resources: [web.yaml]\n{text}", "web.yaml": base})


def one(found: Inventory, reference: str) -> Use:
    (use,) = [use for use in found.uses if use.reference == reference]
    return use


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "entry", "deployed"),
    [
        ("nginx:1", "{name: nginx, newTag: '2'}", "nginx:2"),
        ("nginx", "{name: nginx, newTag: '2'}", "nginx:2"),
        (f"nginx@{DIGEST}", "{name: nginx, newTag: '2'}", "nginx:2"),
        (f"nginx:1@{DIGEST}", "{name: nginx, newName: ghcr.io/acme/nginx}", f"ghcr.io/acme/nginx:1@{DIGEST}"),
        ("nginx:1", f"{{name: nginx, digest: '{DIGEST}'}}", f"nginx@{DIGEST}"),
        ("nginx:1", f"{{name: nginx, newTag: '2', digest: '{DIGEST}'}}", f"nginx:2@{DIGEST}"),
        ("nginx:1", f"{{name: nginx, newTag: '2@{DIGEST}'}}", f"nginx:2@{DIGEST}"),
        ("docker.io/library/nginx:1", "{name: nginx, newTag: '2'}", "docker.io/library/nginx:1"),
        ("nginx-unprivileged:1", "{name: nginx, newTag: '2'}", "nginx-unprivileged:1"),
        ("localhost:5000/web:1", "{name: 'localhost:5000/web', newTag: '2'}", "localhost:5000/web:2"),
        ("ghcr.io/acme/api:1", "{name: 'ghcr.io/acme/.*', newTag: '2'}", "ghcr.io/acme/api:2"),
        ("ghcr-io/acme/api:1", "{name: ghcr.io/acme/api, newTag: '2'}", "ghcr-io/acme/api:2"),
        ("nginx:1", "{name: nginx}", "nginx:1"),
        ("nginx:1", "{name: nginx, newTag: 1.10}", "nginx:1.10"),
    ],
)
def test_an_images_entry(written: str, entry: str, deployed: str) -> None:
    base = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: a, image: '{written}'}}]}}\n"
    )
    assert overlay(f"images: [{entry}]\n", base) == {deployed}


def test_images_entries_reach_only_what_kustomize_reaches() -> None:
    base = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  image: nginx:1
  containers: [{name: a, image: "nginx:1"}]
  ephemeralContainers: [{name: e, image: "nginx:1"}]
  volumes: [{name: v, image: {reference: "nginx:1"}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {template: {spec: {volumes: [{name: v, image: {reference: "nginx:1"}}]}}}}}
"""
    found = read({"kustomization.yaml": "resources: [p.yaml]\nimages: [{name: nginx, newTag: '2'}]\n", "p.yaml": base})
    assert sorted((use.workload.kind if use.workload else "", use.reference) for use in found.uses) == [
        ("CronJob", "nginx:1"),
        ("Pod", "nginx:1"),
        ("Pod", "nginx:1"),
        ("Pod", "nginx:2"),
        ("Pod", "nginx:2"),
    ]


def test_configurations_add_fields_that_hold_images() -> None:
    files = {
        "kustomization.yaml": "resources: [w.yaml]\nconfigurations: [c.yaml]\nimages: [{name: nginx, newTag: '2'}]\n",
        "c.yaml": "images: [{path: spec/engine/image, kind: Widget}]\n",
        "w.yaml": "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {engine: {image: 'nginx:1'}}\n",
    }
    assert images(files) == {"nginx:2"}


def test_the_line_to_edit_is_the_entry_and_the_base_line_comes_second() -> None:
    found = read(
        {
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": DEPLOYMENT,
            "prod/kustomization.yaml": "resources:\n  - ../base\nimages:\n  - name: ghcr.io/acme/api\n    newTag: '2'\n",
        }
    )
    use = one(found, "ghcr.io/acme/api:2")
    assert use.place == Place("prod/kustomization.yaml", 5, 13, "images[0].newTag")
    assert use.base == Place("base/web.yaml", 11, 18)
    assert (use.via, use.root, use.container) == (Via.IMAGES_ENTRY, "prod", "app")
    assert found.roots == ("prod",)


# ── patches ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_strategic_merge_patch_merges_containers_by_name() -> None:
    patch = """\
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web}
      spec:
        template:
          spec:
            containers:
              - {name: app, image: ghcr.io/acme/api:9}
              - {name: sidecar, $patch: delete}
              - name: added
                image: ghcr.io/acme/added:1
"""
    found = read({"kustomization.yaml": f"resources: [web.yaml]\n{patch}", "web.yaml": DEPLOYMENT})
    assert {use.reference for use in found.uses} == {
        "ghcr.io/acme/init:1",
        "ghcr.io/acme/api:9",
        "ghcr.io/acme/added:1",
    }
    use = one(found, "ghcr.io/acme/api:9")
    assert (use.via, use.place.line, use.place.column) == (Via.PATCH, 11, 36)
    assert use.base == Place("web.yaml", 11, 18)
    assert one(found, "ghcr.io/acme/added:1").place.line == 14


def test_lists_of_unknown_kinds_are_replaced() -> None:
    base = DEPLOYMENT.replace("apps/v1", "argoproj.io/v1alpha1").replace("Deployment", "Rollout")
    patch = """\
patches:
  - patch: '{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: web},
      spec: {template: {spec: {containers: [{name: other, image: "ghcr.io/acme/other:1"}]}}}}'
"""
    assert overlay(patch, base) == {"ghcr.io/acme/init:1", "ghcr.io/acme/other:1"}


@pytest.mark.parametrize(
    ("operation", "deployed"),
    [
        ("{op: replace, path: CONTAINERS/0/image, value: 'a/b:1'}", {"a/b:1", "ghcr.io/acme/side:1"}),
        ("{op: remove, path: CONTAINERS/0}", {"ghcr.io/acme/side:1"}),
        ("{op: remove, path: CONTAINERS}", set()),
        (
            "{op: add, path: CONTAINERS/-, value: {name: x, image: 'a/b:1'}}",
            {"ghcr.io/acme/api:1", "a/b:1", "ghcr.io/acme/side:1"},
        ),
        ("{op: replace, path: CONTAINERS, value: [{name: x, image: 'a/b:1'}]}", {"a/b:1"}),
        ("{op: copy, from: CONTAINERS/0/image, path: CONTAINERS/1/image}", {"ghcr.io/acme/api:1"}),
        ("{op: move, from: CONTAINERS/0, path: CONTAINERS/1}", {"ghcr.io/acme/api:1", "ghcr.io/acme/side:1"}),
        ("{op: test, path: /metadata/name, value: web}", {"ghcr.io/acme/api:1", "ghcr.io/acme/side:1"}),
    ],
)
def test_a_json_patch(operation: str, deployed: set[str]) -> None:
    written = operation.replace("CONTAINERS", "/spec/template/spec/containers")
    text = f"patches:\n  - target: {{kind: Deployment, name: w.*}}\n    patch: |-\n      - {written}\n"
    assert overlay(text) == deployed | {"ghcr.io/acme/init:1"}


def test_a_patch_finds_an_object_that_holds_no_image_itself() -> None:
    base = "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n"
    patch = "patches:\n  - target: {kind: Widget}\n    patch: '[{op: add, path: /spec/image, value: \"a/b:1\"}]'\n"
    assert overlay(patch, base) == {"a/b:1"}
    assert overlay(patch.replace("Widget", "Gadget"), base) == set()


def test_patches_use_names_from_before_and_after_a_prefix() -> None:
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\n$patch: delete\n"
    for name in ("web", "p-web"):
        files = {
            "base/kustomization.yaml": "resources: [web.yaml]\nnamePrefix: p-\n",
            "base/web.yaml": DEPLOYMENT,
            "top/kustomization.yaml": "resources: [../base]\npatchesStrategicMerge: [d.yaml]\n",
            "top/d.yaml": patch.replace("NAME", name),
        }
        assert images(files) == set()


# ── components, generators, replacements ─────────────────────────────────────────────────────────────────────────────────


def test_a_component_changes_what_its_user_has_loaded() -> None:
    found = read(
        {
            "app/kustomization.yaml": "resources: [web.yaml]\ncomponents: [../tls]\n",
            "app/web.yaml": DEPLOYMENT,
            "tls/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nimages: [{name: ghcr.io/acme/side, newTag: '2'}]\n",
        }
    )
    assert found.roots == ("app",)
    assert one(found, "ghcr.io/acme/side:2").place.file == "tls/kustomization.yaml"


def test_a_replacement_copies_a_tag_out_of_a_generated_map() -> None:
    text = """\
configMapGenerator:
  - name: versions
    literals:
      - tag=7
replacements:
  - source: {kind: ConfigMap, name: versions, fieldPath: data.tag}
    targets:
      - select: {kind: Deployment}
        fieldPaths: ["spec.template.spec.containers.[name=app].image"]
        options: {delimiter: ":", index: 1}
"""
    found = read({"kustomization.yaml": f"resources: [web.yaml]\n{text}", "web.yaml": DEPLOYMENT})
    use = one(found, "ghcr.io/acme/api:7")
    assert (use.via, use.place.file, use.place.line) == (Via.REPLACEMENT, "kustomization.yaml", 5)
    assert use.base == Place("web.yaml", 11, 18)


def test_a_replacement_copies_a_value_that_says_nothing_about_images() -> None:
    text = """\
replacements:
  - source: {kind: ConfigMap, name: versions, fieldPath: data.api}
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}]
"""
    files = {
        "kustomization.yaml": f"resources: [web.yaml, versions.yaml]\n{text}",
        "web.yaml": DEPLOYMENT,
        "versions.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: versions}\ndata: {api: web}\n",
    }
    assert images(files) == {"web", "ghcr.io/acme/init:1", "ghcr.io/acme/side:1"}


def test_a_replacement_without_its_source_is_a_gap() -> None:
    text = """\
replacements:
  - source: {kind: ConfigMap, name: nowhere, fieldPath: data.api}
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}]
"""
    found = read({"kustomization.yaml": f"resources: [web.yaml]\n{text}", "web.yaml": DEPLOYMENT})
    assert [(gap.what, gap.rule) for gap in found.gaps] == [("replacement", "unrendered")]


def test_manifests_inside_a_generated_config_map_are_found() -> None:
    files = {"kustomization.yaml": "configMapGenerator: [{name: c, files: [job.yaml]}]\n", "job.yaml": DEPLOYMENT}
    found = read(files)
    assert {(use.reference, use.confidence.value, use.root) for use in found.uses} == {
        ("ghcr.io/acme/init:1", "low", "."),
        ("ghcr.io/acme/api:1", "low", "."),
        ("ghcr.io/acme/side:1", "low", "."),
    }


# ── entry points ─────────────────────────────────────────────────────────────────────────────────────────────────────────

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'ghcr.io/acme/evil:1'}]}\n"


def test_promotion_is_a_use_in_another_root() -> None:
    files = {
        "base/kustomization.yaml": "resources: [p.yaml]\n",
        "base/p.yaml": POD,
        "staging/kustomization.yaml": "resources: [../base]\nnamespace: staging\n",
        "prod/kustomization.yaml": "resources: [../base]\n",
    }
    found = read(files)
    assert {(use.root, use.workload.namespace if use.workload else "") for use in found.uses} == {
        ("staging", "staging"),
        ("prod", ""),
    }
    assert {(use.root, use.deployed) for use in read(files, every=True).uses} == {
        ("staging", True),
        ("prod", True),
        ("base", False),
    }


def test_a_change_cannot_hide_a_root_by_loading_it_from_another() -> None:
    """`hide` overrides the image of `prod`, which is still what the cluster applies."""
    files = {"prod/kustomization.yaml": "resources: [p.yaml]\n", "prod/p.yaml": POD}
    hiding = {
        "hide/kustomization.yaml": "resources: [../prod]\nimages: [{name: ghcr.io/acme/evil, newName: ghcr.io/acme/good}]\n"
    }
    before = read(files)
    tree = MemoryTree({path: text.encode() for path, text in {**files, **hiding}.items()}, "head")
    after = inventory(tree, ManifestSettings(), before=before)
    assert {(use.reference, use.root) for use in after.uses} == {
        ("ghcr.io/acme/evil:1", "prod"),
        ("ghcr.io/acme/good:1", "hide"),
    }


@pytest.mark.parametrize(
    "hiding",
    [
        "resources: [../plain/evil.yaml]\nimages: [{name: ghcr.io/acme/evil, newName: ghcr.io/acme/good}]\n",
        "patches: [{path: ../plain/evil.yaml, target: {kind: Nothing}}]\n",
    ],
)
@pytest.mark.parametrize("directory", ["hide/", ""])
def test_a_kustomization_elsewhere_does_not_hide_a_loose_manifest(hiding: str, directory: str) -> None:
    files = {
        "plain/old.yaml": POD.replace("evil", "old"),
        "plain/evil.yaml": POD,
        f"{directory}kustomization.yaml": hiding if directory else hiding.replace("../", ""),
    }
    assert ("ghcr.io/acme/evil:1", None) in {(use.reference, use.root) for use in read(files).uses}


def test_exclude_chooses_entry_points_and_never_hides_what_a_root_loads() -> None:
    files = {
        "prod/kustomization.yaml": "resources: [../test/base]\n",
        "test/base/kustomization.yaml": "resources: [p.yaml]\n",
        "test/base/p.yaml": POD,
        "test/case/kustomization.yaml": "resources: [../../prod]\nimages: [{name: ghcr.io/acme/evil, newTag: '9'}]\n",
        "test/loose.yaml": POD.replace("evil", "loose"),
    }
    found = read(files, exclude=("test/**",))
    assert {(use.reference, use.root) for use in found.uses} == {("ghcr.io/acme/evil:1", "prod")}


def test_circles_are_entered_and_reported() -> None:
    files = {
        "a/kustomization.yaml": "resources: [../b, p.yaml]\n",
        "a/p.yaml": POD,
        "b/kustomization.yaml": "resources: [../a]\n",
    }
    found = read(files)
    assert {use.reference for use in found.uses} == {"ghcr.io/acme/evil:1"}
    assert [gap.what for gap in found.gaps] == ["cyclic kustomizations"]


def test_base_and_head_share_what_did_not_change() -> None:
    files = {
        "a/kustomization.yaml": "resources: [p.yaml]\n",
        "a/p.yaml": POD,
        "b/kustomization.yaml": "resources: [p.yaml]\n",
        "b/p.yaml": POD.replace("evil", "other"),
    }
    shared = Shared()
    reads: list[str] = []

    class Watched(MemoryTree):
        def read(self, path: str) -> bytes:
            reads.append(path)
            return super().read(path)

    base = Watched({path: text.encode() for path, text in files.items()}, "base")
    before = inventory(base, ManifestSettings(), shared)
    assert sorted(set(reads)) == sorted(files)
    reads.clear()
    head = Watched({path: text.replace("other:1", "other:2").encode() for path, text in files.items()}, "head")
    after = inventory(head, ManifestSettings(), shared, before=before)
    assert set(reads) == {"b/p.yaml"}
    assert {use.reference for use in after.uses} == {"ghcr.io/acme/evil:1", "ghcr.io/acme/other:2"}


def test_charts_are_never_silent() -> None:
    files = {
        "chart/Chart.yaml": "name: web\nversion: 1.2.3\n",
        "chart/templates/p.yaml": "image: {{ .Values.image }}\n",
        "chart/values.yaml": "image: {repository: ghcr.io/acme/web, tag: '1'}\n",
        "release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\n"
        "spec: {chart: {spec: {chart: podinfo, version: 6.x}}}\n",
        "app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n"
        "spec: {source: {repoURL: ghcr.io/acme/charts, chart: web, targetRevision: 1.0.0}}\n",
        "k/kustomization.yaml": "helmCharts: [{name: minio, version: 5.0.0, repo: https://charts.acme.example}]\n",
    }
    found = read(files)
    assert not found.uses
    assert sorted(gap.why for gap in found.gaps) == [
        "Application a deploys chart web (1.0.0): its images are unknown",
        "HelmRelease r deploys chart podinfo (6.x): its images are unknown",
        "chart minio (5.0.0) is not rendered: its images are unknown",
        "chart web (1.2.3) is not rendered: its images are unknown",
    ]
    assert {gap.rule for gap in found.gaps} == {"unrendered"}
    assert {(use.reference, use.deployed) for use in read(files, every=True).uses} == {
        ("ghcr.io/acme/web:1", False),
        ("{{ .Values.image }}", False),
    }
