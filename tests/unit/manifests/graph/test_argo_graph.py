"""What Argo CD deploys of a tree: Applications, the sets that make them, and Fleet bundles beside them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.limits import Limits
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.model.use import Via
from auditor.source.memory import MemoryTree

HERE = "https://github.com/acme/fleet"
KUSTOMIZATION = {"apps/kustomization.yaml": "resources: [pod.yaml]\n"}


def pod(image: str, name: str = "web") -> str:
    body = f"spec: {{containers: [{{name: app, image: '{image}'}}]}}"
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n{body}\n"


def app(path: str, more: str = "", *, name: str = "web", url: str = HERE) -> str:
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        f"spec:\n  source:\n    repoURL: {url}\n    path: '{path}'\n{more}"
    )


def app_set(generators: str, path: str, more: str = "", *, go: bool = False, **spec: str) -> str:
    extra = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\n"
        f"spec:\n  goTemplate: {str(go).lower()}\n{extra}  generators: {generators}\n"
        f"  template:\n    metadata: {{name: x}}\n    spec:\n      source:\n        repoURL: {HERE}\n"
        f"        path: '{path}'\n{more}"
    )


def read(files: Mapping[str, str], **options: object) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "tree")
    return inventory(tree, ManifestSettings(), **options)  # type: ignore[arg-type]


def images(found: Inventory, root: str | None = "apps") -> set[str]:
    return {use.reference for use in found.uses if use.root == root}


@pytest.mark.parametrize(
    ("image", "deployed"),
    [
        ("nginx:2", "nginx:2"),
        ("nginx=ghcr.io/acme/nginx:2", "ghcr.io/acme/nginx:2"),
        ("nginx=ghcr.io/acme/nginx", "ghcr.io/acme/nginx:1"),
        ("nginx=registry.acme.example:5000/nginx:2", "registry.acme.example:5000/nginx:2"),
        (f"nginx@sha256:{'0' * 64}", f"nginx@sha256:{'0' * 64}"),
    ],
)
def test_images_as_the_command_line_writes_them(image: str, deployed: str) -> None:
    on_top = app("apps", f"    kustomize:\n      images:\n        - {image}\n")
    found = read({**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "a.yaml": on_top})
    (use,) = found.uses
    assert (use.reference, str(use.place), str(use.base)) == (deployed, "a.yaml:10", "apps/pod.yaml:4")


def test_a_directory_of_manifests_and_what_is_below() -> None:
    files = {
        "apps/a.yaml": pod("a:1"),
        "apps/x/b.json": '{"kind": "Pod", "apiVersion": "v1", "spec": {"image": "b:1"}}',
    }
    assert images(read({**files, "k.yaml": app("apps")})) == {"a:1"}
    assert images(read({**files, "k.yaml": app("apps")}), None) == {"b:1"}
    assert images(read({**files, "k.yaml": app("apps", "    directory: {recurse: true}\n")})) == {"a:1", "b:1"}


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("include: 'a.yaml'", {"a:1"}),
        ("exclude: '{a,b}.yaml'", {"c:1"}),
        ("include: '*.yaml', exclude: a*", {"b:1", "c:1"}),
    ],
)
def test_what_is_chosen_of_a_directory(choice: str, chosen: set[str]) -> None:
    files = {f"apps/{name}.yaml": pod(f"{name}:1", name) for name in "abc"}
    found = read({**files, "k.yaml": app("apps", f"    directory: {{{choice}}}\n")})
    assert images(found) == chosen
    assert images(found, None) == {"a:1", "b:1", "c:1"} - chosen


def test_a_pattern_that_would_take_long() -> None:
    pattern = "*a" * 400
    files = {f"apps/{'a' * 200}.yaml": pod("a:1"), "k.yaml": app("apps", f"    directory: {{include: '{pattern}'}}\n")}
    assert {use.reference for use in read(files).uses} == {"a:1"}


def test_what_an_updater_wrote_beside_it() -> None:
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "a.yaml": app("apps")}
    written = "kustomize: {images: ['nginx:3']}\n"
    assert images(read({**files, "apps/.argocd-source-web.yaml": written})) == {"nginx:3"}
    assert images(read({**files, "apps/.argocd-source-other.yaml": written})) == {"nginx:1"}
    assert images(read({**files, "apps/.argocd-source.yaml": written})) == {"nginx:3"}


def test_an_application_of_applications() -> None:
    files = {"root.yaml": app("clusters", name="root"), "clusters/web.yaml": app("apps"), "apps/a.yaml": pod("a:1")}
    found = read(files)
    assert images(found) == {"a:1"}
    assert found.roots == ("apps", "clusters")


def test_applications_in_a_circle_end() -> None:
    files = {"a/x.yaml": app("b", name="b"), "b/x.yaml": app("a", name="a"), "b/p.yaml": pod("p:1")}
    assert images(read(files), "b") == {"p:1"}


def test_other_repositories_revisions_and_plugins_are_named() -> None:
    other = app("deploy", url="https://github.com/acme/other")
    assert [gap.what for gap in read({"a.yaml": other}).gaps] == ["deployed from elsewhere"]
    tagged = app("apps", "    targetRevision: v1.2.0\n")
    found = read({"a.yaml": tagged, "apps/a.yaml": pod("a:1")})
    assert images(found) == {"a:1"}
    assert [gap.what for gap in found.gaps] == ["deployed at another revision"]
    plugin = app("apps", "    plugin: {name: tanka}\n")
    assert [gap.what for gap in read({"a.yaml": plugin, "apps/a.yaml": pod("a:1")}).gaps] == ["plugin"]


def test_the_top_of_the_tree_counts_only_for_its_own_address() -> None:
    files = {"apps/a.yaml": pod("a:1"), "top.yaml": pod("t:1"), "a.yaml": app("apps")}
    same = app(".", name="top", url="git@github.com:acme/fleet.git")
    assert images(read({**files, "b.yaml": same}), ".") == {"t:1"}
    other = app(".", name="top", url="https://github.com/acme/other")
    assert images(read({**files, "b.yaml": other}), ".") == set()


# ── sets ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

WEB = {"apps/web/kustomization.yaml": "resources: [p.yaml]\n", "apps/web/p.yaml": pod("nginx")}
TAG = "        kustomize:\n          images:\n            - nginx=nginx:{{%s}}\n"


def test_a_list() -> None:
    made = app_set(
        "[{list: {elements: [{dir: apps/web, tag: '3'}, {dir: apps/web, tag: '4'}]}}]", "{{dir}}", TAG % "tag"
    )
    found = read({**WEB, "s.yaml": made})
    assert images(found, "apps/web") == {"nginx:3", "nginx:4"}
    assert {use.via for use in found.uses} == {Via.IMAGES_ENTRY}
    assert not found.gaps


@pytest.mark.parametrize(
    ("go", "path"),
    [
        (False, "{{path}}"),
        (False, "apps/{{path.basename}}"),
        (False, "{{path[0]}}/{{path[1]}}"),
        (True, "{{.path.path}}"),
        (True, "apps/{{ .path.basename | lower }}"),
        (True, "apps/{{ index .path.segments 1 }}"),
        (True, '{{ .none | default "apps" }}/{{.path.basename}}'),
    ],
)
def test_directories_of_the_tree(go: bool, path: str) -> None:
    git = f"[{{git: {{repoURL: {HERE}, directories: [{{path: 'apps/*'}}, {{path: apps/old, exclude: true}}]}}}}]"
    files = {**WEB, "apps/old/p.yaml": pod("old:1"), "apps/web/x/deep.yaml": pod("deep:1")}
    found = read({**files, "s.yaml": app_set(git, path, go=go)})
    assert images(found, "apps/web") == {"nginx"}
    assert images(found, None) == {"old:1", "deep:1"}


def test_a_directory_that_a_change_adds_is_seen_by_a_set_that_does_not_change() -> None:
    git = f"[{{git: {{repoURL: {HERE}, directories: [{{path: 'apps/*'}}]}}}}]"
    helm = "        helm:\n          values: |\n            a: b\n            image: ghcr.io/acme/{{path.basename}}:1\n"
    files = {**WEB, "sets/kustomization.yaml": "resources: [s.yaml]\n", "sets/s.yaml": app_set(git, "{{path}}", helm)}
    shared = Shared()
    before = read(files, shared=shared)
    assert images(before, "sets") == {"ghcr.io/acme/web:1"}
    after = read({**files, "apps/new/p.yaml": pod("new:1")}, shared=shared, before=before)
    assert images(after, "sets") == {"ghcr.io/acme/web:1", "ghcr.io/acme/new:1"}
    assert images(after, "apps/new") == {"new:1"}


def test_files_of_the_tree() -> None:
    git = f"[{{git: {{repoURL: {HERE}, files: [{{path: 'clusters/**/config.json'}}]}}}}]"
    config = {"clusters/a/b/config.json": '{"app": {"tag": "7"}}', "clusters/config.json": '{"app": {"tag": "8"}}'}
    found = read({**WEB, **config, "s.yaml": app_set(git, "apps/web", TAG % "app.tag")})
    assert images(found, "apps/web") == {"nginx:7", "nginx:8"}
    assert {str(use.place) for use in found.uses} == {"clusters/a/b/config.json:1", "clusters/config.json:1"}


def test_a_matrix_whose_second_part_uses_the_first() -> None:
    one = f"{{git: {{repoURL: {HERE}, directories: [{{path: 'apps/*'}}]}}}}"
    two = "{list: {elements: [{tag: 'x-{{path.basename}}'}]}}"
    made = app_set(f"[{{matrix: {{generators: [{one}, {two}]}}}}]", "{{path}}", TAG % "tag")
    assert images(read({**WEB, "s.yaml": made}), "apps/web") == {"nginx:x-web"}


def test_a_merge() -> None:
    one = "{list: {elements: [{name: a, tag: '1'}, {name: b, tag: '2'}]}}"
    two = "{list: {elements: [{name: b, tag: '9'}]}}"
    made = app_set(f"[{{merge: {{mergeKeys: [name], generators: [{one}, {two}]}}}}]", "apps/web", TAG % "tag")
    assert images(read({**WEB, "s.yaml": made}), "apps/web") == {"nginx:1", "nginx:9"}


def test_what_only_a_controller_knows_leaves_a_gap() -> None:
    found = read({**WEB, "s.yaml": app_set("[{clusters: {}}]", "apps/{{name}}")})
    assert "unrendered" in {gap.rule for gap in found.gaps}
    assert images(found, "apps/web") == {"nginx"}
    fixed = read({**WEB, "s.yaml": app_set("[{clusters: {}}]", "apps/web", TAG % "metadata.labels.tag")})
    assert images(fixed, "apps/web") == {"nginx:{{metadata.labels.tag}}"}
    assert {gap.rule for gap in fixed.gaps} == {"templated-reference"}


def test_a_merge_by_keys_that_only_a_controller_knows_may_be_any_of_them() -> None:
    parts = ("1", "2", "3")
    clusters = ", ".join(f"{{clusters: {{selector: {{}}, values: {{tag: '{tag}'}}}}}}" for tag in parts)
    made = app_set(f"[{{merge: {{mergeKeys: [server], generators: [{clusters}]}}}}]", "apps/web", TAG % "values.tag")
    assert images(read({**WEB, "s.yaml": made}), "apps/web") == {f"nginx:{tag}" for tag in parts}


def test_a_merge_of_known_keys_with_what_only_a_controller_knows() -> None:
    one = "{list: {elements: [{name: a, tag: '1'}, {name: b, tag: '2'}]}}"
    two = "{list: {elements: [{name: b, tag: '9'}]}}, {clusters: {values: {}}}, {clusters: {values: {x: y}}}"
    made = app_set(f"[{{merge: {{mergeKeys: [name], generators: [{one}, {two}]}}}}]", "apps/web", TAG % "tag")
    assert images(read({**WEB, "s.yaml": made}), "apps/web") == {"nginx:1", "nginx:9"}


def test_a_default_where_only_a_controller_knows_the_value_is_a_gap() -> None:
    path = '{{ .metadata.labels.path | default "apps/web" }}'
    found = read({**WEB, "s.yaml": app_set("[{clusters: {}}]", path, go=True)})
    assert "templated path" in {gap.what for gap in found.gaps}
    known = read({**WEB, "s.yaml": app_set("[{list: {elements: [{a: b}]}}]", path, TAG % ".a", go=True)})
    assert not known.gaps
    assert images(known, "apps/web") == {"nginx:b"}


def test_a_condition_chooses_the_path() -> None:
    path = "{{ if .path }}{{ .path }}{{ else }}apps/web{{ end }}"
    files = {**WEB, "other/p.yaml": pod("other:1")}
    found = read({**files, "s.yaml": app_set("[{list: {elements: [{a: b}, {path: other}]}}]", path, go=True)})
    assert (images(found, "apps/web"), images(found, "other")) == ({"nginx"}, {"other:1"})
    assert not found.gaps
    unknown = read({**files, "s.yaml": app_set("[{clusters: {}}]", path, go=True)})
    assert "templated path" in {gap.what for gap in unknown.gaps}


def test_a_template_of_a_generator_overrides_that_of_the_set() -> None:
    own = "{spec: {source: {path: other, kustomize: {images: ['other:{{tag}}']}}}}"
    generators = f"[{{list: {{elements: [{{tag: '1'}}]}}}}, {{list: {{elements: [{{tag: '7'}}], template: {own}}}}}]"
    files = {**WEB, "other/p.yaml": pod("other:1"), "other/kustomization.yaml": "resources: [p.yaml]\n"}
    found = read({**files, "s.yaml": app_set(generators, "apps/web", TAG % "tag")})
    assert (images(found, "apps/web"), images(found, "other")) == ({"nginx:1"}, {"other:7"})


def test_files_that_a_set_leaves_out() -> None:
    git = f"[{{git: {{repoURL: {HERE}, files: [{{path: 'c/*.json'}}, {{path: c/old.json, exclude: true}}]}}}}]"
    config = {"c/new.json": '{"tag": "7"}', "c/old.json": '{"tag": "8"}'}
    found = read({**WEB, **config, "s.yaml": app_set(git, "apps/web", TAG % "tag")})
    assert images(found, "apps/web") == {"nginx:7"}


PATCH = "  templatePatch: |\n"
LIST = "[{list: {elements: [{tag: '1', auto: 'true'}]}}]"


@pytest.mark.parametrize(
    "patch",
    [
        "    {{- if .auto }}\n    spec:\n      syncPolicy: {}\n    {{- end }}\n".replace("{}", "{{ .auto }}"),
        (
            '    {{- if eq .auto "true" }}\n    spec:\n      syncPolicy:\n        automated: {{ .auto | quote }}\n'
            "        syncOptions: [{{ .tag }}]\n    {{- end }}\n"
        ),
        (
            "    {{- if .no }}\n    metadata:\n      labels:\n        x: {{ .tag }}\n    {{- else }}\n    spec:\n"
            "      ignoreDifferences: []\n    {{ end }}\n"
        ),
        "    spec: {syncPolicy: {{ .auto }}}\n",
        "    {{- if .auto }}\n    {{- end }}\n",
    ],
)
def test_a_patch_of_how_applications_are_synced_changes_nothing_that_they_deploy(patch: str) -> None:
    found = read({**WEB, "s.yaml": app_set(LIST, "apps/web", TAG % "tag") + PATCH + patch})
    assert not found.gaps
    assert images(found, "apps/web") == {"nginx:1"}


@pytest.mark.parametrize(
    ("patch", "generators"),
    [
        ("    spec:\n      source:\n        path: other\n", LIST),
        ("    spec:\n      {{ .auto }}: x\n", LIST),
        ("    {{ .auto }}\n", LIST),
        ("    {{ .auto }}: {a: b}\n", LIST),
        ("    spec: {{ .auto }}\n", LIST),
        (
            "    spec:\n      syncPolicy:\n        a:\n        {{- range .options }}\n        - {{ .name }}\n        {{- end }}\n",
            LIST,
        ),
        ("    spec:\n      {{ if .no }}#{{ end }} source: {path: other}\n", LIST),
        (
            "    spec:\n      info: {{ if .no }}'{{ end }}x\n      source: y\n      project: {{ if .no }}'{{ end }}\n",
            LIST,
        ),
        ("    spec:\n      {{- if .no }}\n      info:\n      {{- end }}\n        source: {path: other}\n", LIST),
        ("    spec:\n      info:\n    {{ if .no }}  {{ end }}  source: {path: other}\n", LIST),
        ("    spec:\n      info: {{ .q }}\n      source: y # '\n", """[{list: {elements: [{q: "'"}]}}]"""),
        ("    spec:\n      info: {{ .q }}\n      source: y # '\n", "[{clusters: {}}]"),
        ("    spec:\n      syncPolicy: {{ .auto | nindent 4 }}\n", LIST),
        ("    spec:\n      syncPolicy: {{ toYaml .auto }}\n", LIST),
        ("    spec:\n      syncPolicy: {{ .auto }}\n", '[{list: {elements: [{auto: "x\\nspec: {}"}]}}]'),
        ("    spec:\n      syncPolicy: &a b\n      source: *a\n", LIST),
        ("    spec:\n      syncPolicy: {{ .auto\n", LIST),
        ("    spec:\n      destination: {namespace: x}\n", LIST),
    ],
)
def test_any_other_patch_of_a_template_is_a_gap(patch: str, generators: str) -> None:
    found = read({**WEB, "s.yaml": app_set(generators, "apps/web") + PATCH + patch})
    assert "template patch" in {gap.what for gap in found.gaps}


@pytest.mark.parametrize(
    ("version", "kind", "around"),
    [
        ("policy.open-cluster-management.io/v1", "Policy", "policy-templates: [{objectDefinition: %s}]"),
        ("work.open-cluster-management.io/v1", "ManifestWork", "workload: {manifests: [%s]}"),
        ("fluxcd.controlplane.io/v1", "ResourceSet", "resources: [%s]"),
    ],
)
def test_a_deployer_that_another_object_makes_is_followed(version: str, kind: str, around: str) -> None:
    inner = (
        "{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: a}, spec: {source: {repoURL: %s, path: %s,"
        " kustomize: {images: ['nginx:7']}}}}"
    )
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n  "
    found = read({**WEB, "x.yaml": text + around % (inner % (HERE, "apps/web"))})
    assert images(found, "apps/web") == {"nginx:7"}
    elsewhere = read({**WEB, "x.yaml": text + around % (inner % (HERE, "nowhere"))})
    assert "deployed from elsewhere" in {gap.what for gap in elsewhere.gaps}


def test_an_application_in_a_text_puts_nothing_on_top_of_a_directory() -> None:
    inner = app("apps/web", "    kustomize: {images: ['nginx:7']}\n").replace("\n", "\n    ")
    files = {**WEB, "x.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  a: |\n    {inner}\n"}
    assert "nginx:7" not in images(read(files), "apps/web")


def test_a_kustomization_of_flux_in_a_set_of_resources_is_followed() -> None:
    text = (
        "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: x}\nspec:\n  resources:\n"
        "  - apiVersion: kustomize.toolkit.fluxcd.io/v1\n    kind: Kustomization\n    metadata: {name: k}\n"
        "    spec: {path: %s, sourceRef: {kind: OCIRepository, name: o}, images: [{name: nginx, newTag: '7'}]}\n"
    )
    found = read({**WEB, "x.yaml": text % "apps/web"})
    assert images(found, "apps/web") == {"nginx:7"}
    elsewhere = read({**WEB, "x.yaml": text % "nowhere"})
    assert "deployed from elsewhere" in {gap.what for gap in elsewhere.gaps}


def test_generators_that_explode_end() -> None:
    many = ", ".join(f"{{n: '{index}'}}" for index in range(50))
    part = f"{{list: {{elements: [{many}]}}}}"
    made = app_set(f"[{{matrix: {{generators: [{', '.join([part] * 8)}]}}}}]", "apps/web", TAG % "n")
    found = read({**WEB, "s.yaml": made}, limits=Limits(applications=100))
    assert "too many Applications" in {gap.what for gap in found.gaps}
    assert images(found, "apps/web") == {f"nginx:{index}" for index in range(50)}


def test_a_set_that_makes_nothing_is_told() -> None:
    git = f"[{{git: {{repoURL: {HERE}, directories: [{{path: 'none/*'}}]}}}}]"
    assert "generator without a result" in {gap.what for gap in read({"s.yaml": app_set(git, "{{path}}")}).gaps}


# ── Fleet ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_names_kustomizations() -> None:
    bundle = "kustomize: {dir: base}\ntargetCustomizations:\n  - {name: prod, kustomize: {dir: over}}\n"
    files = {"b/fleet.yaml": bundle, "b/base/kustomization.yaml": "resources: [p.yaml]\n", "b/base/p.yaml": pod("a:1")}
    files["b/over/kustomization.yaml"] = "resources: [../base]\nimages: [{name: a, newTag: '2'}]\n"
    found = read(files)
    assert (images(found, "b/base"), images(found, "b/over")) == ({"a:1"}, {"a:2"})
    missing = read({"b/fleet.yaml": "kustomize: {dir: nowhere}\n"})
    assert [str(gap.place) for gap in missing.gaps] == ["b/fleet.yaml:1"]


@pytest.mark.parametrize(
    "kind",
    ["&kind Application", "!!str Application", '"\\x41pplication"', ">-\n  Application", "!!binary QXBwbGljYXRpb24="],
)
def test_an_application_however_its_kind_is_written(kind: str) -> None:
    """What it puts on top of its directory is what runs."""
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1")}
    written = app("apps", "    kustomize: {images: ['nginx:3']}\n").replace("kind: Application", f"kind: {kind}")
    assert images(read({**files, "a.yaml": written})) == {"nginx:3"}


def test_an_application_whose_kind_is_merged() -> None:
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1")}
    start = "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
    written = app("apps", "    kustomize: {images: ['nginx:3']}\n").removeprefix(start)
    merged = f"x: &x {{apiVersion: argoproj.io/v1alpha1, kind: Application}}\n!!merge <<: *x\n{written}"
    assert images(read({**files, "a.yaml": merged})) == {"nginx:3"}


@pytest.mark.parametrize("more", ["kind: ConfigMap\n", "<<: {kind: ConfigMap}\n", "<<: {spec: {}}\n"])
def test_an_application_that_readers_differ_about_is_a_gap(more: str) -> None:
    found = read({**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "a.yaml": f"{app('apps')}{more}"})
    assert "unparsable-file" in {gap.rule for gap in found.gaps}


@pytest.mark.parametrize("written", ["Kustomize: {Images: ['nginx:3']}\n", "kustomize: {IMAGES: ['nginx:3']}\n"])
def test_an_updater_may_write_fields_in_any_case(written: str) -> None:
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "apps/.argocd-source-web.yaml": written}
    found = read({**files, "a.yaml": app("apps")})
    assert (images(found), found.gaps) == ({"nginx:3"}, ())
    beside = read({**files, "a.yaml": app("apps", "    kustomize: {images: ['nginx:2']}\n")})
    assert "unrendered" in {gap.rule for gap in beside.gaps}, "of two spellings nobody knows which counts"


@pytest.mark.parametrize(
    ("path", "recurse", "told"), [("", "false", True), ("sub/", "false", False), ("sub/", "true", True)]
)
def test_jsonnet_in_a_directory_is_told(path: str, recurse: str, *, told: bool) -> None:
    files = {"apps/pod.yaml": pod("nginx:1"), f"apps/{path}evil.jsonnet": "{}"}
    found = read({**files, "a.yaml": app("apps", f"    directory: {{recurse: {recurse}}}\n")})
    assert ([gap.what for gap in found.gaps] == ["Jsonnet program"]) is told


DRY = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  sourceHydrator:
    drySource: {repoURL: https://git.acme.example/fleet, path: %s, targetRevision: HEAD, kustomize: {images: ["nginx:3"]}}
    syncSource: {targetBranch: environments/prod, path: web}
"""


def test_what_a_hydrator_renders_is_what_is_deployed() -> None:
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "app.yaml": DRY % "apps"}
    (use,) = read(files).uses
    assert (use.reference, use.place.key_path) == (
        "nginx:3",
        "spec.sourceHydrator.drySource.kustomize.images[0].newTag",
    )


def test_what_a_hydrator_renders_of_elsewhere_is_told() -> None:
    (gap,) = read({"app.yaml": DRY % "other"}).gaps
    assert (gap.rule, gap.place.line) == ("unrendered", 6)
